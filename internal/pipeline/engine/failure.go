package engine

import (
	cp "slipway/api/codepipeline"
)

// again is the next try of a visit.
func (e *Execution) again(v *Visit, all bool) *Visit {
	return &Visit{
		Status:  cp.StageExecutionStatusInProgress,
		Retries: v.Retries,
		Auto:    v.Auto,
		Retried: v.Retried,
		Since:   len(e.Runs),
		All:     all,
	}
}

// failed decides what follows once actions of a stage have failed and none runs: an automatic retry, a rollback, or the
// end of the execution. It reports whether anything changed. Source: "Configure a stage for automatic retry on stage
// failure" and "Configure a stage for automatic rollback" in the CodePipeline user guide.
func (r *reconciler) failed(stage *cp.StageDeclaration, e *Execution, v *Visit) bool {
	on := stage.OnFailure
	if on != nil && on.Result == cp.ResultRetry && v.Auto == 0 && !e.Rollback() {
		r.retry(stage, e, v)
		return true
	}
	r.leave(e, v, cp.StageExecutionStatusFailed, cp.PipelineExecutionStatusFailed)
	if on != nil && on.Result == cp.ResultRollback {
		r.rollBack(*stage.Name, e)
	}
	return true
}

// retry runs a failed stage again by itself, once.
func (r *reconciler) retry(stage *cp.StageDeclaration, e *Execution, v *Visit) {
	all := true
	if c := stage.OnFailure.RetryConfiguration; c != nil {
		all = c.RetryMode != cp.StageRetryModeFailedActions
	}
	again := e.again(v, all)
	again.Auto++
	again.Retried = cp.RetryTriggerAutomatedStageRetry
	e.Stages[*stage.Name] = again
	r.touch(e)
}
