package pipeline

import (
	"context"
	"errors"
	"fmt"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// RollbackStage implements codepipeline:RollbackStage: a new execution runs the stage with the artifacts and variables
// of one that succeeded in it.
func (s *Service) RollbackStage(ctx context.Context, in *cp.RollbackStageInput) (*cp.RollbackStageOutput, error) {
	out := &cp.RollbackStageOutput{}
	by := cp.ExecutionTrigger{TriggerType: cp.TriggerTypeManualRollback, TriggerDetail: callerARN(ctx)}
	err := s.change(ctx, *in.PipelineName, func(_ store.Tx, r *row) ([]engine.Effect, error) {
		if _, err := stageOf(r.Declaration, *in.StageName); err != nil {
			return nil, err
		}
		if r.Executions[*in.TargetPipelineExecutionId] == nil {
			return nil, noExecution(*in.PipelineName, *in.TargetPipelineExecutionId)
		}
		if why := s.unsupported(r.Declaration); why != "" {
			return nil, &cp.ValidationException{Message: why}
		}
		e, effects, err := engine.Rollback(&r.Pipeline, *in.StageName, *in.TargetPipelineExecutionId, by, s.world())
		if err != nil {
			return nil, cannotRollBack(in, err)
		}
		out.PipelineExecutionId = e.PipelineExecutionId
		return effects, nil
	}, *in.TargetPipelineExecutionId)
	return out, err
}

func cannotRollBack(in *cp.RollbackStageInput, err error) error {
	message := fmt.Sprintf("The stage '%s' cannot be rolled back to execution %s: %v", *in.StageName,
		*in.TargetPipelineExecutionId, err)
	if errors.Is(err, engine.ErrOutdated) {
		return &cp.PipelineExecutionOutdatedException{Message: message}
	}
	return &cp.UnableToRollbackStageException{Message: message}
}

// rollbackTargets are the executions that stages may be rolled back to by themselves.
func (r *row) rollbackTargets() (ids []string) {
	for i := range r.Declaration.Stages {
		d := &r.Declaration.Stages[i]
		if stage := r.Stages[*d.Name]; stage != nil && rollsBack(d) {
			ids = append(ids, stage.Good)
		}
	}
	return ids
}

// rollsBack reports whether a stage may be rolled back by itself.
func rollsBack(d *cp.StageDeclaration) bool {
	if d.OnFailure != nil && d.OnFailure.Result == cp.ResultRollback {
		return true
	}
	for _, c := range engine.Conditions(d) {
		if c.Result == cp.ResultRollback {
			return true
		}
	}
	return false
}
