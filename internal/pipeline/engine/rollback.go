package engine

import (
	"errors"
	"slices"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// Errors of rollbacks. ErrOutdated is a PipelineExecutionOutdatedException, and the others are an
// UnableToRollbackStageException. Source: "Configuring stage rollback" in the CodePipeline user guide.
var (
	ErrOutdated     = errors.New("the target execution ran in another version of the pipeline")
	ErrFirstStage   = errors.New("the first stage cannot be rolled back")
	ErrParallel     = errors.New("stages of a pipeline in the mode PARALLEL cannot be rolled back")
	ErrBusy         = errors.New("an execution is in the stage")
	ErrNoTarget     = errors.New("no execution before it succeeded in the stage")
	ErrTargetFailed = errors.New("the target execution did not succeed in the stage")
	ErrTargetIsBack = errors.New("the target execution is a rollback")
)

// Rollback reports whether the execution is a rollback.
func (e *Execution) Rollback() bool { return e.ExecutionType == cp.ExecutionTypeRollback }

// Rollback starts an execution that runs a stage again with the artifacts and variables of a target, an execution that
// succeeded in it. A disabled transition does not hold it.
func Rollback(p *Pipeline, stage, target string, by cp.ExecutionTrigger, w World) (*Execution, []Effect, error) {
	r := &reconciler{p, w, nil}
	t := p.Executions[target]
	if err := r.mayRollBack(stage, t); err != nil {
		return nil, nil, err
	}
	e := r.startRollback(stage, t, by)
	return e, Reconcile(p, w), nil
}

// mayRollBack returns an error if a stage cannot be rolled back to a target.
func (r *reconciler) mayRollBack(stage string, target *Execution) error {
	switch {
	case stage == *r.Declaration.Stages[0].Name:
		return ErrFirstStage
	case r.Mode() == cp.ExecutionModeParallel:
		return ErrParallel
	case r.locked(r.stage(stage), stage):
		return ErrBusy
	case target == nil:
		return ErrNoTarget
	case target.Rollback():
		return ErrTargetIsBack
	case target.Stages[stage] == nil || target.Stages[stage].Status != cp.StageExecutionStatusSucceeded:
		return ErrTargetFailed
	case target.PipelineVersion != nil && *target.PipelineVersion != *r.Declaration.Version:
		return ErrOutdated
	}
	return nil
}

// rollBack rolls a stage back in which an execution failed. The execution says so if it is not possible. A rollback
// that fails is not rolled back.
func (r *reconciler) rollBack(stage string, e *Execution) {
	if e.Rollback() {
		return
	}
	target := r.Executions[r.stage(stage).Good]
	if target == e {
		target = nil
	}
	if err := r.mayRollBack(stage, target); err != nil {
		e.StatusSummary = new("The stage " + stage + " was not rolled back: " + err.Error())
		return
	}
	r.startRollback(stage, target, cp.ExecutionTrigger{
		TriggerType:   cp.TriggerTypeAutomatedRollback,
		TriggerDetail: new(`{"FailedPipelineExecutionId":"` + e.id() + `"}`),
	})
}

// startRollback takes a new execution right into a stage.
func (r *reconciler) startRollback(stage string, target *Execution, by cp.ExecutionTrigger) *Execution {
	r.Sequence++
	e := &Execution{
		PipelineExecution: cp.PipelineExecution{
			PipelineName:        r.Declaration.Name,
			PipelineVersion:     r.Declaration.Version,
			PipelineExecutionId: new(r.w.NewID()),
			Status:              cp.PipelineExecutionStatusInProgress,
			ArtifactRevisions:   slices.Clone(target.ArtifactRevisions),
			Variables:           slices.Clone(target.Variables),
			Trigger:             &by,
			ExecutionMode:       r.Mode(),
			ExecutionType:       cp.ExecutionTypeRollback,
			RollbackMetadata: &cp.PipelineRollbackMetadata{
				RollbackTargetPipelineExecutionId: target.PipelineExecutionId,
			},
		},
		Sequence:  r.Sequence,
		Started:   awsproto.At(r.w.Now),
		Revisions: slices.Clone(target.Revisions),
	}
	for _, run := range target.Runs {
		if run.Status == cp.ActionExecutionStatusSucceeded && *run.StageName != stage {
			e.Inherited = append(e.Inherited, run)
		}
	}
	r.Executions[e.id()] = e
	r.enter(stage, r.stage(stage), e)
	return e
}
