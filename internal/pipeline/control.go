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

// StopPipelineExecution implements codepipeline:StopPipelineExecution.
func (s *Service) StopPipelineExecution(
	ctx context.Context,
	in *cp.StopPipelineExecutionInput,
) (*cp.StopPipelineExecutionOutput, error) {
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
func (s *Service) RetryStageExecution(
	ctx context.Context,
	in *cp.RetryStageExecutionInput,
) (*cp.RetryStageExecutionOutput, error) {
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
		case errors.Is(err, engine.ErrFull):
			err = &cp.ConcurrentPipelineExecutionsLimitExceededException{Message: tooMany(r.Declaration)}
		case errors.Is(err, engine.ErrNotRetryable):
			err = &cp.StageNotRetryableException{Message: "The stage " + *in.StageName +
				" did not fail and was not stopped in this execution"}
		}
		return effects, err
	}, *in.PipelineExecutionId)
	return &cp.RetryStageExecutionOutput{PipelineExecutionId: in.PipelineExecutionId}, err
}

// EnableStageTransition implements codepipeline:EnableStageTransition.
func (s *Service) EnableStageTransition(
	ctx context.Context,
	in *cp.EnableStageTransitionInput,
) (*cp.EnableStageTransitionOutput, error) {
	return nil, s.transition(ctx, *in.PipelineName, *in.StageName, in.TransitionType,
		cp.TransitionState{Enabled: new(true)})
}

// DisableStageTransition implements codepipeline:DisableStageTransition.
func (s *Service) DisableStageTransition(
	ctx context.Context,
	in *cp.DisableStageTransitionInput,
) (*cp.DisableStageTransitionOutput, error) {
	return nil, s.transition(ctx, *in.PipelineName, *in.StageName, in.TransitionType,
		cp.TransitionState{Enabled: new(false), DisabledReason: in.Reason})
}

// transition opens or closes the transition into a stage. The one out of a stage is the one into the next.
func (s *Service) transition(
	ctx context.Context,
	pipeline, stage string,
	kind cp.StageTransitionType,
	t cp.TransitionState,
) error {
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
			return nil, &cp.ValidationException{
				Message: "The stage '" + stage + "' is the last one: no transition leads out of it",
			}
		}
		return engine.SetTransition(&r.Pipeline, *r.Declaration.Stages[i].Name, t, s.world()), nil
	})
}
