package pipeline

import (
	"context"
	"errors"
	"fmt"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// PutApprovalResult implements codepipeline:PutApprovalResult. The token, from GetPipelineState, proves that the
// approver saw this very execution.
func (s *Service) PutApprovalResult(ctx context.Context,
	in *cp.PutApprovalResultInput) (*cp.PutApprovalResultOutput, error) {
	now := s.Now()
	err := s.change(ctx, *in.PipelineName, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		i, err := stageOf(r.Declaration, *in.StageName)
		if err != nil {
			return nil, err
		}
		known := false
		for j := range r.Declaration.Stages[i].Actions {
			known = known || *r.Declaration.Stages[i].Actions[j].Name == *in.ActionName
		}
		if !known {
			return nil, &cp.ActionNotFoundException{Message: fmt.Sprintf("The stage '%s' has no action '%s'",
				*in.StageName, *in.ActionName)}
		}
		e, err := s.approved(ctx, tx, r, in)
		if err != nil {
			return nil, err
		}
		result := engine.Result{Status: cp.ActionExecutionStatusSucceeded}
		if in.Result.Status == cp.ApprovalStatusRejected {
			result = failure("ApprovalRejected", "Rejected: "+*in.Result.Summary)
		}
		if caller := callerARN(ctx); caller != nil {
			result.By = *caller
		}
		if result.Output.ExecutionResult == nil {
			result.Output.ExecutionResult = &cp.ActionExecutionResult{}
		}
		result.Output.ExecutionResult.ExternalExecutionSummary = in.Result.Summary
		return s.end(ctx, tx, r,
			ref{*in.PipelineName, *e.PipelineExecutionId, *e.Latest(*in.StageName, *in.ActionName).ActionExecutionId},
			ending{result: result})
	})
	return &cp.PutApprovalResultOutput{ApprovedAt: awsproto.At(now)}, err
}

// approved finds the execution that waits for an approval with the request's token.
func (s *Service) approved(ctx context.Context, tx store.Tx, r *row,
	in *cp.PutApprovalResultInput) (*engine.Execution, error) {
	stage := r.Stages[*in.StageName]
	var e *engine.Execution
	if stage != nil {
		if e = r.Executions[stage.Latest]; e == nil && stage.Latest != "" {
			var err error
			if e, err = executionOf(ctx, tx, *in.PipelineName, stage.Latest); err != nil {
				return nil, err
			}
		}
	}
	if e == nil {
		return nil, &cp.InvalidApprovalTokenException{Message: "No execution waits for this approval"}
	}
	run := e.Latest(*in.StageName, *in.ActionName)
	switch {
	case run == nil || run.Token == nil || *run.Token != *in.Token:
		return nil, &cp.InvalidApprovalTokenException{
			Message: "The approval token is not that of the execution which waits now. Read it again with " +
				"get-pipeline-state",
		}
	case run.Status != cp.ActionExecutionStatusInProgress:
		return nil, &cp.ApprovalAlreadyCompletedException{Message: "The approval was given or ended already: it is " +
			string(run.Status)}
	}
	return e, nil
}

// StopPipelineExecution implements codepipeline:StopPipelineExecution.
func (s *Service) StopPipelineExecution(ctx context.Context,
	in *cp.StopPipelineExecutionInput) (*cp.StopPipelineExecutionOutput, error) {
	abandon := in.Abandon != nil && *in.Abandon
	err := s.change(ctx, *in.PipelineName, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		if r.Executions[*in.PipelineExecutionId] == nil {
			if _, err := executionOf(ctx, tx, *in.PipelineName, *in.PipelineExecutionId); err != nil {
				return nil, &cp.PipelineExecutionNotStoppableException{
					Message: fmt.Sprintf("The pipeline '%s' has no execution %s", *in.PipelineName,
						*in.PipelineExecutionId),
				}
			}
		}
		effects, err := engine.Stop(&r.Pipeline, *in.PipelineExecutionId, abandon, in.Reason, s.world())
		switch {
		case errors.Is(err, engine.ErrNotStoppable):
			err = &cp.PipelineExecutionNotStoppableException{Message: "The execution " + *in.PipelineExecutionId +
				" is not running"}
		case errors.Is(err, engine.ErrDuplicateStop):
			err = &cp.DuplicatedStopRequestException{Message: "The execution " + *in.PipelineExecutionId +
				" is stopping already. Stop it with abandon to leave its running actions"}
		}
		return effects, err
	})
	return &cp.StopPipelineExecutionOutput{PipelineExecutionId: in.PipelineExecutionId}, err
}

// RetryStageExecution implements codepipeline:RetryStageExecution.
func (s *Service) RetryStageExecution(ctx context.Context,
	in *cp.RetryStageExecutionInput) (*cp.RetryStageExecutionOutput, error) {
	err := s.change(ctx, *in.PipelineName, func(_ store.Tx, r *row) ([]engine.Effect, error) {
		if _, err := stageOf(r.Declaration, *in.StageName); err != nil {
			return nil, err
		}
		effects, err := engine.Retry(&r.Pipeline, *in.StageName, *in.PipelineExecutionId,
			in.RetryMode == cp.StageRetryModeAllActions, s.world())
		switch {
		case errors.Is(err, engine.ErrNotLatest) || errors.Is(err, engine.ErrNoStage):
			err = &cp.NotLatestPipelineExecutionException{
				Message: "The execution " + *in.PipelineExecutionId + " is not the latest in stage " + *in.StageName,
			}
		case errors.Is(err, engine.ErrNotRetryable):
			err = &cp.StageNotRetryableException{Message: "The stage " + *in.StageName +
				" did not fail and was not stopped in this execution"}
		}
		return effects, err
	}, *in.PipelineExecutionId)
	return &cp.RetryStageExecutionOutput{PipelineExecutionId: in.PipelineExecutionId}, err
}

// EnableStageTransition implements codepipeline:EnableStageTransition.
func (s *Service) EnableStageTransition(ctx context.Context,
	in *cp.EnableStageTransitionInput) (*cp.EnableStageTransitionOutput, error) {
	return nil, s.transition(ctx, *in.PipelineName, *in.StageName, in.TransitionType,
		cp.TransitionState{Enabled: new(true)})
}

// DisableStageTransition implements codepipeline:DisableStageTransition.
func (s *Service) DisableStageTransition(ctx context.Context,
	in *cp.DisableStageTransitionInput) (*cp.DisableStageTransitionOutput, error) {
	return nil, s.transition(ctx, *in.PipelineName, *in.StageName, in.TransitionType,
		cp.TransitionState{Enabled: new(false), DisabledReason: in.Reason})
}

// transition opens or closes the way into a stage; the way out of a stage is the way into the next.
func (s *Service) transition(ctx context.Context, pipeline, stage string, kind cp.StageTransitionType,
	t cp.TransitionState) error {
	t.LastChangedAt, t.LastChangedBy = awsproto.At(s.Now()), callerARN(ctx)
	return s.change(ctx, pipeline, func(_ store.Tx, r *row) ([]engine.Effect, error) {
		i, err := stageOf(r.Declaration, stage)
		if err != nil {
			return nil, err
		}
		if kind == cp.StageTransitionTypeOutbound {
			i++
		}
		if i == len(r.Declaration.Stages) {
			return nil, &cp.ValidationException{Message: "The stage '" + stage +
				"' is the last one: no transition leads out of it"}
		}
		return engine.SetTransition(&r.Pipeline, *r.Declaration.Stages[i].Name, t, s.world()), nil
	})
}
