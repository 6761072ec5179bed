package pipeline

import (
	"net/http"
	"slices"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// executionView is one execution.
type executionView struct {
	view.Execution
	Pipeline  string
	Runs      []runView // the oldest first
	Variables []codepipeline.ResolvedPipelineVariable
	Revisions []codepipeline.ArtifactRevision
	Artifacts []codepipeline.ArtifactDetail
	Reports   []change.ReportLine
	Remedy    change.Remedy
	Jobs      map[string][]slipway.ActionJob // of job workers, by action execution, the newest first
	Rules     []view.RuleRun                 // of conditions, the oldest first
	Back      []string                       // the stages that can be rolled back to this execution
	Target    string                         // the execution that this one, a rollback, rolls its stage back to
}

func (s *pages) executionPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	name, id := r.PathValue("name"), r.PathValue("id")
	e, err := s.execution(r, name, id)
	if err != nil {
		return err
	}
	shell := s.Shell(r, v, name+" "+e.Change.Name(), "pipeline/"+name)
	s.Render(w, r, http.StatusOK, ExecutionPage(shell, e, s.Now()))
	return nil
}

// execution reads an execution with the newest 100 runs of its actions.
func (s *pages) execution(r *http.Request, name, id string) (*executionView, error) {
	ctx := r.Context()
	x, err := s.Pipelines.GetPipelineExecution(ctx,
		&codepipeline.GetPipelineExecutionInput{PipelineName: &name, PipelineExecutionId: &id})
	if err != nil {
		return nil, err
	}
	d, err := s.Pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &name})
	if err != nil {
		return nil, err
	}
	runs, err := s.runs(r, name, id)
	if err != nil {
		return nil, err
	}
	known, err := view.Describe(ctx, s.Slipway, append(view.Externals(runs), id))
	if err != nil {
		return nil, err
	}
	e := makeExecution(x.PipelineExecution, d.Pipeline, runs, known)
	waiting, err := s.Slipway.ListWaiting(ctx, &slipway.ListWaitingInput{PipelineName: &name})
	if err != nil {
		return nil, err
	}
	e.await(waiting.Waiting)
	if e.Jobs, err = s.jobsOf(r, name, runs); err != nil {
		return nil, err
	}
	rules, err := s.Pipelines.ListRuleExecutions(ctx, &codepipeline.ListRuleExecutionsInput{
		PipelineName: &name,
		Filter:       &codepipeline.RuleExecutionFilter{PipelineExecutionId: &id},
	})
	if err != nil {
		return nil, err
	}
	for _, x := range slices.Backward(rules.RuleExecutionDetails) {
		e.Rules = append(e.Rules, view.RuleRunOf(x))
	}
	if err := change.Retryable(ctx, s.Pipelines, &e.Remedy, name, id); err != nil {
		return nil, err
	}
	e.Reports, err = s.reportsOf(r, view.Externals(runs), known)
	return e, err
}

// runs are the newest 100 action executions of an execution, the newest first.
func (s *pages) runs(r *http.Request, pipeline, execution string) ([]codepipeline.ActionExecutionDetail, error) {
	out, err := s.Pipelines.ListActionExecutions(r.Context(), &codepipeline.ListActionExecutionsInput{
		PipelineName: &pipeline,
		Filter:       &codepipeline.ActionExecutionFilter{PipelineExecutionId: &execution},
		MaxResults:   new(int32(100)),
	})
	if err != nil {
		return nil, err
	}
	return out.ActionExecutionDetails, nil
}

// await notes what in an execution and its runs waits for a person.
func (e *executionView) await(all []slipway.Waiting) {
	e.Await(all)
	for i := range all {
		for j := range e.Runs {
			a := &e.Runs[j]
			if a.Kind == kit.Running && all[i].DeploymentId != nil && a.External == *all[i].DeploymentId {
				a.Kind, a.Say = kit.Waiting, view.WaitingSentence(&all[i])
			}
		}
	}
}

func makeExecution(
	x *codepipeline.PipelineExecution,
	d *codepipeline.PipelineDeclaration,
	details []codepipeline.ActionExecutionDetail,
	known map[string]slipway.Change,
) *executionView {
	summary := codepipeline.PipelineExecutionSummary{
		PipelineExecutionId: x.PipelineExecutionId,
		Status:              x.Status,
		StatusSummary:       x.StatusSummary,
		Trigger:             x.Trigger,
	}
	for _, rev := range x.ArtifactRevisions {
		summary.SourceRevisions = append(summary.SourceRevisions, codepipeline.SourceRevision{
			RevisionId:      rev.RevisionId,
			RevisionSummary: rev.RevisionSummary,
			RevisionUrl:     rev.RevisionUrl,
		})
	}
	e := &executionView{Pipeline: *x.PipelineName, Variables: x.Variables, Revisions: x.ArtifactRevisions}
	for _, a := range slices.Backward(details) {
		if a.Output != nil {
			e.Artifacts = append(e.Artifacts, a.Output.OutputArtifacts...)
		}
		e.Runs = append(e.Runs, runView{view.RunOf(a, known), logPath(*x.PipelineName, *x.PipelineExecutionId, a)})
		if summary.StartTime == nil {
			summary.StartTime = a.StartTime
		}
		if a.LastUpdateTime != nil &&
			(summary.LastUpdateTime == nil || a.LastUpdateTime.After(summary.LastUpdateTime.Time)) {
			summary.LastUpdateTime = a.LastUpdateTime
		}
	}
	e.Execution = view.ExecutionOf(summary, view.Marks(details), d, known)
	if x.RollbackMetadata != nil {
		e.Target = kit.Text(x.RollbackMetadata.RollbackTargetPipelineExecutionId)
	} else if x.PipelineVersion != nil && *x.PipelineVersion == *d.Version {
		e.Back = e.succeeded(d)
	}
	return e
}

// succeeded are the stages that an execution of the pipeline's present version succeeded in, and that can be rolled
// back: all but the first, in a pipeline whose executions are not parallel.
func (e *executionView) succeeded(d *codepipeline.PipelineDeclaration) (stages []string) {
	for i, m := range e.Stages {
		if i > 0 && m.Kind == kit.Succeeded && d.ExecutionMode != codepipeline.ExecutionModeParallel {
			stages = append(stages, m.Name)
		}
	}
	return stages
}
