package engine

import (
	cp "slipway/api/codepipeline"
)

// again is the next try of a visit.
func (e *Execution) again(v *Visit, all bool) *Visit {
	next := &Visit{
		Status:  cp.StageExecutionStatusInProgress,
		Retries: v.Retries,
		Auto:    v.Auto,
		Retried: v.Retried,
		Since:   len(e.Runs),
		All:     all,
	}
	c := v.Checks[BeforeEntry]
	if next.Entering = v.Entering || c != nil && !c.passed(); c.passed() {
		next.Checks = map[When]*Check{BeforeEntry: c}
	}
	return next
}

// failed decides what follows once actions of a stage have failed and none runs: an automatic retry, a rollback, or the
// end of the execution. It reports whether anything changed. Source: "Configure a stage for automatic retry on stage
// failure" and "Configure a stage for automatic rollback" in the CodePipeline user guide.
func (r *reconciler) failed(stage *cp.StageDeclaration, e *Execution, v *Visit) bool {
	var result cp.Result
	if stage.OnFailure != nil {
		result = stage.OnFailure.Result
	}
	if result == cp.ResultRetry && v.Checks[OnFailure] == nil && r.retry(stage, e, v) {
		return true
	}
	if c, changed := r.check(stage, e, v, OnFailure); c.checking() {
		return changed
	} else if c != nil {
		result = engaged(c, result)
	}
	if result == cp.ResultRetry && r.retry(stage, e, v) {
		return true
	}
	r.leave(e, v, cp.StageExecutionStatusFailed, cp.PipelineExecutionStatusFailed)
	if result == cp.ResultRollback {
		r.rollBack(*stage.Name, e)
	}
	return true
}

// engaged is the result of a failure condition: it engages if all rules succeeded.
func engaged(c *Check, result cp.Result) cp.Result {
	switch {
	case c.Status == cp.ConditionExecutionStatusCancelled: // the pipeline no longer has it
		return result
	case c.Status != cp.ConditionExecutionStatusSucceeded:
		return cp.ResultFail
	case c.Result != "":
		return c.Result
	}
	return result
}

// retry runs a failed stage again by itself, once. It reports whether it did.
func (r *reconciler) retry(stage *cp.StageDeclaration, e *Execution, v *Visit) bool {
	if v.Auto > 0 || e.Rollback() {
		return false
	}
	all := true
	if c := stage.OnFailure.RetryConfiguration; c != nil {
		all = c.RetryMode != cp.StageRetryModeFailedActions
	}
	again := e.again(v, all)
	again.Auto++
	again.Retried = cp.RetryTriggerAutomatedStageRetry
	e.Stages[*stage.Name] = again
	r.touch(e)
	return true
}
