package web

import (
	"net/http"
	"slices"

	"slipway/api/codepipeline"
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
}

// run is one run of an action.
type run struct {
	Stage, Action, Error, Say, Href, By string
	Kind                                Kind
	Detail                              codepipeline.ActionExecutionDetail
}

func (s *site) executionPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx, name, id := r.Context(), r.PathValue("name"), r.PathValue("id")
	x, err := s.Pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &name, PipelineExecutionId: &id})
	if err != nil {
		return err
	}
	d, err := s.Pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &name})
	if err != nil {
		return err
	}
	runs, err := s.Pipelines.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: &name, Filter: &codepipeline.ActionExecutionFilter{PipelineExecutionId: &id}, MaxResults: new(int32(100))})
	if err != nil {
		return err
	}
	e := makeExecution(x.PipelineExecution, d.Pipeline, runs.ActionExecutionDetails)
	if e.Reports, err = s.reportsOf(r, runs.ActionExecutionDetails); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, ExecutionPage(s.shell(r, v, name+" "+short(e.Row.Change.Commit, id), "pipeline/"+name), e, s.Now()))
	return nil
}

// runOf reads one run of an action.
func runOf(a codepipeline.ActionExecutionDetail) run {
	k := kindOf(string(a.Status))
	if k == Running && isApproval(a) {
		k = Waiting
	}
	one := run{Stage: text(a.StageName), Action: text(a.ActionName), Kind: k, Detail: a, By: lastPart(text(a.UpdatedBy))}
	if a.Output != nil && a.Output.ExecutionResult != nil {
		result := a.Output.ExecutionResult
		one.Href, one.Say = pathOf(text(result.ExternalExecutionUrl)), firstLine(text(result.ExternalExecutionSummary))
		if result.ErrorDetails != nil {
			one.Error = text(result.ErrorDetails.Message)
		}
	}
	return one
}

func makeExecution(x *codepipeline.PipelineExecution, d *codepipeline.PipelineDeclaration, details []codepipeline.ActionExecutionDetail) *executionView {
	summary := codepipeline.PipelineExecutionSummary{PipelineExecutionId: x.PipelineExecutionId, Status: x.Status, StatusSummary: x.StatusSummary, Trigger: x.Trigger}
	for _, rev := range x.ArtifactRevisions {
		summary.SourceRevisions = append(summary.SourceRevisions, codepipeline.SourceRevision{RevisionId: rev.RevisionId, RevisionSummary: rev.RevisionSummary, RevisionUrl: rev.RevisionUrl})
	}
	e := &executionView{Pipeline: *x.PipelineName, Variables: x.Variables, Revisions: x.ArtifactRevisions}
	for _, a := range slices.Backward(details) {
		if a.Output != nil {
			e.Artifacts = append(e.Artifacts, a.Output.OutputArtifacts...)
		}
		e.Runs = append(e.Runs, runOf(a))
		if summary.StartTime == nil {
			summary.StartTime = a.StartTime
		}
		if a.LastUpdateTime != nil && (summary.LastUpdateTime == nil || a.LastUpdateTime.After(summary.LastUpdateTime.Time)) {
			summary.LastUpdateTime = a.LastUpdateTime
		}
	}
	e.Row = listedRow(summary, marksOf(details), d)
	return e
}
