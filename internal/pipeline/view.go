package pipeline

import (
	"context"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
)

// GetPipelineState implements codepipeline:GetPipelineState.
func (s *Service) GetPipelineState(ctx context.Context,
	in *cp.GetPipelineStateInput) (*cp.GetPipelineStateOutput, error) {
	r, err := load(ctx, s.db, *in.Name)
	if err != nil {
		return nil, err
	}
	if err := r.readAlso(ctx, s.db, *in.Name, r.named()); err != nil {
		return nil, err
	}
	return s.state(r), nil
}

// state shows a pipeline whose executions have been read.
func (s *Service) state(r *row) *cp.GetPipelineStateOutput {
	out := &cp.GetPipelineStateOutput{PipelineName: r.Declaration.Name, PipelineVersion: r.Declaration.Version,
		StageStates: []cp.StageState{},
		Created:     awsproto.At(time.UnixMilli(r.created)), Updated: awsproto.At(time.UnixMilli(r.updated))}
	for i := range r.Declaration.Stages {
		out.StageStates = append(out.StageStates, s.stageState(r, i))
	}
	return out
}

func (s *Service) stageState(r *row, i int) cp.StageState {
	d := &r.Declaration.Stages[i]
	stage := r.Stages[*d.Name]
	if stage == nil {
		stage = &engine.Stage{}
	}
	state := cp.StageState{
		StageName:              d.Name,
		InboundExecutions:      []cp.StageExecution{},
		ActionStates:           []cp.ActionState{},
		InboundTransitionState: stage.Transition,
	}
	if state.InboundTransitionState == nil {
		state.InboundTransitionState = &cp.TransitionState{Enabled: new(true)}
	}
	if e := r.Executions[stage.Inbound]; e != nil {
		inbound := cp.StageExecution{
			PipelineExecutionId: e.PipelineExecutionId,
			Status:              cp.StageExecutionStatusInProgress,
			Type:                e.ExecutionType,
		}
		state.InboundExecution, state.InboundExecutions = &inbound, append(state.InboundExecutions, inbound)
	}
	if e := r.Executions[stage.Latest]; e != nil {
		if v := e.Stages[*d.Name]; v != nil {
			state.LatestExecution = &cp.StageExecution{
				PipelineExecutionId: e.PipelineExecutionId,
				Status:              v.Status,
				Type:                e.ExecutionType,
			}
		}
	}
	for j := range d.Actions {
		state.ActionStates = append(state.ActionStates, s.actionState(r, stage, d, &d.Actions[j]))
	}
	return state
}

func (s *Service) actionState(r *row, stage *engine.Stage, d *cp.StageDeclaration,
	a *cp.ActionDeclaration) cp.ActionState {
	state := cp.ActionState{ActionName: a.Name, EntityUrl: s.entityURL(a)}
	e := r.Executions[stage.Actions[*a.Name]]
	if e == nil {
		return state
	}
	run := e.Latest(*d.Name, *a.Name)
	if run == nil {
		return state
	}
	x := &cp.ActionExecution{
		ActionExecutionId: run.ActionExecutionId,
		Status:            run.Status,
		LastStatusChange:  run.LastUpdateTime,
		LastUpdatedBy:     run.UpdatedBy,
	}
	if run.Status == cp.ActionExecutionStatusInProgress {
		x.Token = run.Token
	}
	if run.Output != nil && run.Output.ExecutionResult != nil {
		o := run.Output.ExecutionResult
		x.Summary, x.ExternalExecutionId, x.ExternalExecutionUrl, x.ErrorDetails = o.ExternalExecutionSummary,
			o.ExternalExecutionId, o.ExternalExecutionUrl, o.ErrorDetails
	}
	state.LatestExecution = x
	if _, ok := s.registry.of(a).(Source); !ok {
		return state
	}
	for _, rev := range e.Revisions {
		if *rev.ActionName == *a.Name {
			state.CurrentRevision = &cp.ActionRevision{
				RevisionId:       rev.RevisionId,
				RevisionChangeId: rev.RevisionId,
				Created:          run.LastUpdateTime,
			}
			state.RevisionUrl = rev.RevisionUrl
		}
	}
	return state
}

// entityURL is the page of what an action works with, or nil.
func (s *Service) entityURL(a *cp.ActionDeclaration) *string {
	url := s.registry.describe(a).URL
	if url == "" {
		return nil
	}
	return new(below(s.URL, url))
}

// GetPipelineExecution implements codepipeline:GetPipelineExecution.
func (s *Service) GetPipelineExecution(ctx context.Context,
	in *cp.GetPipelineExecutionInput) (*cp.GetPipelineExecutionOutput, error) {
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
func (s *Service) ListPipelineExecutions(ctx context.Context,
	in *cp.ListPipelineExecutionsInput) (*cp.ListPipelineExecutionsOutput, error) {
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
	x := cp.PipelineExecutionSummary{PipelineExecutionId: e.PipelineExecutionId, Status: e.Status,
		StatusSummary: e.StatusSummary, StartTime: e.Started, LastUpdateTime: e.Updated,
		SourceRevisions: append([]cp.SourceRevision{}, e.Revisions...), Trigger: e.Trigger,
		ExecutionMode: e.ExecutionMode, ExecutionType: e.ExecutionType}
	if e.StopReason != nil {
		x.StopTrigger = &cp.StopExecutionTrigger{Reason: e.StopReason}
	}
	return x
}

// place is where a list of action executions goes on: in an execution, below one of its runs.
type place struct {
	Sequence int64 `json:"s"`
	Below    int   `json:"b"` // runs of that execution from here on are told already
}

// ListActionExecutions implements codepipeline:ListActionExecutions, the newest first.
func (s *Service) ListActionExecutions(ctx context.Context,
	in *cp.ListActionExecutionsInput) (*cp.ListActionExecutionsOutput, error) {
	if _, err := load(ctx, s.db, *in.PipelineName); err != nil {
		return nil, err
	}
	only := ""
	if f := in.Filter; f != nil && f.PipelineExecutionId != nil {
		only = *f.PipelineExecutionId
	} else if f != nil && f.LatestInPipelineExecution != nil {
		only = *f.LatestInPipelineExecution.PipelineExecutionId
	}
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
			end := len(e.Runs)
			if e.Sequence == at.Sequence && at.Below > 0 {
				end = at.Below - 1
			}
			for i := end - 1; i >= 0; i-- {
				if len(out.ActionExecutionDetails) == limit {
					out.NextToken = s.Pager.Token("ListActionExecutions", filter, place{e.Sequence, i + 2})
					return out, nil
				}
				out.ActionExecutionDetails = append(out.ActionExecutionDetails, e.Runs[i].ActionExecutionDetail)
			}
			at = place{e.Sequence, 1} // all of it is told
		}
		if only != "" || len(all) == 0 {
			return out, nil
		}
	}
}

// pageOfActions reads the executions among which a list of action executions goes on.
func (s *Service) pageOfActions(ctx context.Context, pipeline, only string, at place,
	limit int) ([]*engine.Execution, error) {
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
