package web

import (
	"net/http"
	"slices"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// executionView is one execution.
type executionView struct {
	Pipeline  string
	Row       executionRow
	Runs      []run
	Variables []codepipeline.ResolvedPipelineVariable
	Revisions []codepipeline.ArtifactRevision
	Artifacts []codepipeline.ArtifactDetail
	Reports   []reportLine
	Remedy    remedy
}

// run is one run of an action.
type run struct {
	Stage, Action, Error, Say, Href, By string
	External                            string // the build or deployment
	Kind                                Kind
	Detail                              codepipeline.ActionExecutionDetail
}

func (s *site) executionPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx, name, id := r.Context(), r.PathValue("name"), r.PathValue("id")
	x, err := s.Pipelines.GetPipelineExecution(
		ctx,
		&codepipeline.GetPipelineExecutionInput{PipelineName: &name, PipelineExecutionId: &id},
	)
	if err != nil {
		return err
	}
	d, err := s.Pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &name})
	if err != nil {
		return err
	}
	runs, err := s.Pipelines.ListActionExecutions(
		ctx,
		&codepipeline.ListActionExecutionsInput{
			PipelineName: &name,
			Filter:       &codepipeline.ActionExecutionFilter{PipelineExecutionId: &id},
			MaxResults:   new(int32(100)),
		},
	)
	if err != nil {
		return err
	}
	known, err := s.describe(ctx, append(externals(runs.ActionExecutionDetails), id))
	if err != nil {
		return err
	}
	e := makeExecution(x.PipelineExecution, d.Pipeline, runs.ActionExecutionDetails, known)
	waiting, err := s.Slipway.ListWaiting(ctx, &slipway.ListWaitingInput{PipelineName: &name})
	if err != nil {
		return err
	}
	e.awaits(waiting.Waiting)
	if err := s.retryable(ctx, &e.Remedy, name, id); err != nil {
		return err
	}
	if e.Reports, err = s.reportsOf(r, runs.ActionExecutionDetails); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK,
		ExecutionPage(s.shell(r, v, name+" "+e.Row.Change.name(), "pipeline/"+name), e, s.Now()))
	return nil
}

// externals are the builds and deployments of runs.
func externals(runs []codepipeline.ActionExecutionDetail) []string {
	var ids []string
	for _, a := range runs {
		if a.Output != nil && a.Output.ExecutionResult != nil && a.Output.ExecutionResult.ExternalExecutionId != nil {
			ids = append(ids, *a.Output.ExecutionResult.ExternalExecutionId)
		}
	}
	return ids
}

// awaits marks the runs that wait for a person.
func (e *executionView) awaits(all []slipway.Waiting) {
	e.Row.awaits(all)
	for i := range all {
		for j := range e.Runs {
			if a := &e.Runs[j]; a.Kind == Running && all[i].DeploymentId != nil && a.External == *all[i].DeploymentId {
				a.Kind, a.Say = Waiting, view.WaitingSentence(&all[i])
			}
		}
	}
}

// runOf reads one run of an action.
func runOf(a codepipeline.ActionExecutionDetail, known map[string]slipway.Change) run {
	k := kindOf(string(a.Status))
	if k == Running && isApproval(a) {
		k = Waiting
	}
	one := run{
		Stage:  text(a.StageName),
		Action: text(a.ActionName),
		Kind:   k,
		Detail: a,
		By:     lastPart(text(a.UpdatedBy)),
	}
	if a.Output != nil && a.Output.ExecutionResult != nil {
		result := a.Output.ExecutionResult
		one.Href, one.Say = pathOf(text(result.ExternalExecutionUrl)), firstLine(text(result.ExternalExecutionSummary))
		one.External = text(result.ExternalExecutionId)
		if result.ErrorDetails != nil {
			one.Error = view.Plain(text(result.ErrorDetails.Message))
		}
		if cause := known[one.External].Cause; cause != nil && k == Failed {
			one.Error = *cause
		}
	}
	return one
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
		summary.SourceRevisions = append(
			summary.SourceRevisions,
			codepipeline.SourceRevision{
				RevisionId:      rev.RevisionId,
				RevisionSummary: rev.RevisionSummary,
				RevisionUrl:     rev.RevisionUrl,
			},
		)
	}
	e := &executionView{Pipeline: *x.PipelineName, Variables: x.Variables, Revisions: x.ArtifactRevisions}
	for _, a := range slices.Backward(details) {
		if a.Output != nil {
			e.Artifacts = append(e.Artifacts, a.Output.OutputArtifacts...)
		}
		e.Runs = append(e.Runs, runOf(a, known))
		if summary.StartTime == nil {
			summary.StartTime = a.StartTime
		}
		if a.LastUpdateTime != nil &&
			(summary.LastUpdateTime == nil || a.LastUpdateTime.After(summary.LastUpdateTime.Time)) {
			summary.LastUpdateTime = a.LastUpdateTime
		}
	}
	e.Row = listedRow(summary, marksOf(details), d, known)
	return e
}
