package pipeline

import (
	"context"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
)

// GetPipelineState implements codepipeline:GetPipelineState.
func (s *Service) GetPipelineState(
	ctx context.Context,
	in *cp.GetPipelineStateInput,
) (*cp.GetPipelineStateOutput, error) {
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
	out := &cp.GetPipelineStateOutput{
		PipelineName:    r.Declaration.Name,
		PipelineVersion: r.Declaration.Version,
		StageStates:     []cp.StageState{},
		Created:         awsproto.At(time.UnixMilli(r.created)),
		Updated:         awsproto.At(time.UnixMilli(r.updated)),
	}
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
	for _, id := range stage.Inbound {
		e := r.Executions[id]
		if e == nil {
			continue
		}
		inbound := cp.StageExecution{
			PipelineExecutionId: e.PipelineExecutionId,
			Status:              cp.StageExecutionStatusInProgress,
			Type:                e.ExecutionType,
		}
		state.InboundExecutions = append(state.InboundExecutions, inbound)
		if state.InboundExecution == nil {
			state.InboundExecution = &inbound
		}
	}
	if e := r.Executions[stage.Latest]; e != nil {
		if v := e.Stages[*d.Name]; v != nil {
			state.LatestExecution = &cp.StageExecution{
				PipelineExecutionId: e.PipelineExecutionId,
				Status:              v.Status,
				Type:                e.ExecutionType,
			}
			state.RetryStageMetadata = retries(v)
			state.BeforeEntryConditionState = s.conditionState(e, v, engine.BeforeEntry)
			state.OnSuccessConditionState = s.conditionState(e, v, engine.OnSuccess)
			state.OnFailureConditionState = s.conditionState(e, v, engine.OnFailure)
		}
	}
	for j := range d.Actions {
		state.ActionStates = append(state.ActionStates, s.actionState(r, stage, d, &d.Actions[j]))
	}
	return state
}

// retries tells how often a stage was retried; nil if it was not.
func retries(v *engine.Visit) *cp.RetryStageMetadata {
	if v.Retried == "" {
		return nil
	}
	m := &cp.RetryStageMetadata{LatestRetryTrigger: v.Retried}
	if v.Auto > 0 {
		m.AutoStageRetryAttempt = new(int32(v.Auto))
	}
	if v.Retries > 0 {
		m.ManualStageRetryAttempt = new(int32(v.Retries))
	}
	return m
}

func (s *Service) actionState(
	r *row,
	stage *engine.Stage,
	d *cp.StageDeclaration,
	a *cp.ActionDeclaration,
) cp.ActionState {
	state := cp.ActionState{ActionName: a.Name, EntityUrl: s.entityURL(a)}
	e := r.Executions[stage.Actions[*a.Name]]
	if e == nil {
		return state
	}
	run := e.Latest(*d.Name, *a.Name)
	if run == nil {
		return state
	}
	state.LatestExecution = actionExecution(run)
	if a.ActionTypeId.Category != cp.ActionCategorySource {
		state.CurrentRevision = run.Worked
		return state
	}
	state.CurrentRevision = e.Announced[*a.Name]
	for _, rev := range e.Revisions {
		if *rev.ActionName == *a.Name {
			state.CurrentRevision = &cp.ActionRevision{
				RevisionId:       rev.RevisionId,
				RevisionChangeId: rev.RevisionId,
				Created:          run.LastUpdateTime,
			}
			if told := e.Announced[*a.Name]; told != nil && *told.RevisionId == *rev.RevisionId {
				state.CurrentRevision = told
			}
			state.RevisionUrl = rev.RevisionUrl
		}
	}
	return state
}

func actionExecution(run *engine.Run) *cp.ActionExecution {
	x := &cp.ActionExecution{
		ActionExecutionId: run.ActionExecutionId,
		Status:            run.Status,
		LastStatusChange:  run.LastUpdateTime,
		LastUpdatedBy:     run.UpdatedBy,
		PercentComplete:   run.Percent,
	}
	if run.Asks() {
		x.Token = run.Token
	}
	if run.Output != nil && run.Output.ExecutionResult != nil {
		o := run.Output.ExecutionResult
		x.Summary, x.ErrorDetails = o.ExternalExecutionSummary, o.ErrorDetails
		x.LogStreamARN = o.LogStreamARN
		x.ExternalExecutionId, x.ExternalExecutionUrl = o.ExternalExecutionId, o.ExternalExecutionUrl
	}
	return x
}

// entityURL is the page of what an action works with, or nil.
func (s *Service) entityURL(a *cp.ActionDeclaration) *string {
	url := s.registry.describe(a).URL
	if url == "" {
		return nil
	}
	return new(below(s.URL, url))
}
