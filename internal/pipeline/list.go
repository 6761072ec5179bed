package pipeline

import (
	"context"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
)

// GetPipelineExecution implements codepipeline:GetPipelineExecution.
func (s *Service) GetPipelineExecution(
	ctx context.Context,
	in *cp.GetPipelineExecutionInput,
) (*cp.GetPipelineExecutionOutput, error) {
	if _, err := load(ctx, s.db, *in.PipelineName); err != nil {
		return nil, err
	}
	e, err := executionOf(ctx, s.db, *in.PipelineName, *in.PipelineExecutionId)
	if err != nil {
		return nil, err
	}
	if e.ArtifactRevisions == nil {
		e.ArtifactRevisions = []cp.ArtifactRevision{}
	}
	return &cp.GetPipelineExecutionOutput{PipelineExecution: &e.PipelineExecution}, nil
}

const executionsAPage = 100

// newest is above every sequence number.
const newest = int64(1) << 62

// ListPipelineExecutions implements codepipeline:ListPipelineExecutions, the newest first.
func (s *Service) ListPipelineExecutions(
	ctx context.Context,
	in *cp.ListPipelineExecutionsInput,
) (*cp.ListPipelineExecutionsOutput, error) {
	if _, err := load(ctx, s.db, *in.PipelineName); err != nil {
		return nil, err
	}
	stage := ""
	if in.Filter != nil && in.Filter.SucceededInStage != nil && in.Filter.SucceededInStage.StageName != nil {
		stage = *in.Filter.SucceededInStage.StageName
	}
	filter, below := []string{*in.PipelineName, stage}, newest
	if !s.Pager.Place("ListPipelineExecutions", filter, in.NextToken, &below) {
		return nil, invalidToken()
	}
	limit := executionsAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	// One page is read even if the filter leaves little of it: the next token goes on.
	all, err := executionsOf(ctx, s.db, *in.PipelineName, below, limit+1)
	if err != nil {
		return nil, err
	}
	out := &cp.ListPipelineExecutionsOutput{PipelineExecutionSummaries: []cp.PipelineExecutionSummary{}}
	if len(all) > limit {
		all = all[:limit]
		out.NextToken = s.Pager.Token("ListPipelineExecutions", filter, all[limit-1].Sequence)
	}
	for _, e := range all {
		if v := e.Stages[stage]; stage != "" && (v == nil || v.Status != cp.StageExecutionStatusSucceeded) {
			continue
		}
		out.PipelineExecutionSummaries = append(out.PipelineExecutionSummaries, summary(e))
	}
	return out, nil
}

func summary(e *engine.Execution) cp.PipelineExecutionSummary {
	x := cp.PipelineExecutionSummary{
		PipelineExecutionId: e.PipelineExecutionId,
		Status:              e.Status,
		StatusSummary:       e.StatusSummary,
		StartTime:           e.Started,
		LastUpdateTime:      e.Updated,
		SourceRevisions:     append([]cp.SourceRevision{}, e.Revisions...),
		Trigger:             e.Trigger,
		ExecutionMode:       e.ExecutionMode,
		ExecutionType:       e.ExecutionType,
		RollbackMetadata:    e.RollbackMetadata,
	}
	if e.StopReason != nil {
		x.StopTrigger = &cp.StopExecutionTrigger{Reason: e.StopReason}
	}
	return x
}

// place is where a list of action executions goes on: in an execution, below one of its runs.
type place struct {
	Sequence int64 `json:"s"`
	Below    int   `json:"b"` // the runs of that execution from this one on have been listed; 1 for all, 0 for none
}

// ListActionExecutions implements codepipeline:ListActionExecutions, the newest first.
func (s *Service) ListActionExecutions(
	ctx context.Context,
	in *cp.ListActionExecutionsInput,
) (*cp.ListActionExecutionsOutput, error) {
	if _, err := load(ctx, s.db, *in.PipelineName); err != nil {
		return nil, err
	}
	only := onlyExecution(in.Filter)
	filter, at := []string{*in.PipelineName, only}, place{newest, 0}
	if !s.Pager.Place("ListActionExecutions", filter, in.NextToken, &at) {
		return nil, invalidToken()
	}
	limit := executionsAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	out := &cp.ListActionExecutionsOutput{ActionExecutionDetails: []cp.ActionExecutionDetail{}}
	for {
		all, err := s.pageOfActions(ctx, *in.PipelineName, only, at, limit)
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if next := s.listRuns(out, e, at, limit); next != nil {
				out.NextToken = s.Pager.Token("ListActionExecutions", filter, *next)
				return out, nil
			}
			at = place{e.Sequence, 1}
		}
		if only != "" || len(all) == 0 {
			return out, nil
		}
	}
}

// onlyExecution is the execution that a filter asks for; "" for all.
func onlyExecution(f *cp.ActionExecutionFilter) string {
	switch {
	case f == nil:
		return ""
	case f.PipelineExecutionId != nil:
		return *f.PipelineExecutionId
	case f.LatestInPipelineExecution != nil:
		return *f.LatestInPipelineExecution.PipelineExecutionId
	}
	return ""
}

// listRuns adds the runs of an execution to a list, the newest first, from a place on. Once the list is full it returns
// where the list goes on.
func (s *Service) listRuns(out *cp.ListActionExecutionsOutput, e *engine.Execution, at place, limit int) *place {
	end := len(e.Runs)
	if e.Sequence == at.Sequence && at.Below > 0 {
		end = at.Below - 1
	}
	for i := end - 1; i >= 0; i-- {
		if len(out.ActionExecutionDetails) == limit {
			return &place{e.Sequence, i + 2}
		}
		shown := s.shownRun(e.Runs[i])
		if e.Runs[i].Asks() && !e.Alone() { // what PutApprovalResult takes as the token of such an execution
			shown.Output = &cp.ActionExecutionOutput{
				ExecutionResult: &cp.ActionExecutionResult{ExternalExecutionId: e.Runs[i].Token},
			}
		}
		out.ActionExecutionDetails = append(out.ActionExecutionDetails, shown)
	}
	return nil
}

// pageOfActions reads the executions among which a list of action executions goes on.
func (s *Service) pageOfActions(
	ctx context.Context,
	pipeline, only string,
	at place,
	limit int,
) ([]*engine.Execution, error) {
	if only != "" {
		e, err := executionOf(ctx, s.db, pipeline, only)
		return []*engine.Execution{e}, err
	}
	below := at.Sequence
	if at.Below > 1 {
		below++ // the rest of the one that was cut
	}
	return executionsOf(ctx, s.db, pipeline, below, min(limit, executionsAPage)+1)
}
