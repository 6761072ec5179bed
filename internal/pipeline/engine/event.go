package engine

import (
	"errors"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// Errors of events that do not fit the state; the API words them.
var (
	ErrNotStoppable      = errors.New("the execution is not running")
	ErrDuplicateStop     = errors.New("the execution is stopping already")
	ErrNotLatest         = errors.New("the execution is not the latest in the stage")
	ErrNotRetryable      = errors.New("the stage did not fail and was not stopped")
	ErrNotOverridable    = errors.New("the condition has not failed and is not being checked")
	ErrFull              = errors.New("the pipeline takes no further execution in its mode")
	ErrNoStage           = errors.New("the pipeline has no such stage")
	ErrNoRun             = errors.New("there is no such action execution")
	ErrRunEnded          = errors.New("the action execution has ended")
	ErrExecutionNotFound = errors.New("the pipeline has no such execution")
)

// Start adds a new execution, which waits before the first stage.
func Start(p *Pipeline, e *Execution, w World) []Effect {
	e.Status = cp.PipelineExecutionStatusInProgress
	e.Started, e.Updated = awsproto.At(w.Now), awsproto.At(w.Now)
	if e.ExecutionMode == "" {
		e.ExecutionMode = p.Mode()
	}
	p.Executions[e.id()] = e
	r := &reconciler{p, w, nil}
	r.wait(*p.Declaration.Stages[0].Name, e)
	return Reconcile(p, w)
}

// Result is how an action ended.
type Result struct {
	Status cp.ActionExecutionStatus
	Output cp.ActionExecutionOutput
	By     string // who ended it, for an approval
}

// Finish ends an action execution; ErrRunEnded if it ended before, and the first end counts.
func Finish(p *Pipeline, execution, run string, result Result, w World) ([]Effect, error) {
	e := p.Executions[execution]
	if e == nil {
		return nil, ErrExecutionNotFound
	}
	r := e.Run(run)
	if r == nil {
		return nil, ErrNoRun
	}
	if r.Status != cp.ActionExecutionStatusInProgress {
		return nil, ErrRunEnded
	}
	r.Status = result.Status
	r.Output = &result.Output
	if result.By != "" {
		r.UpdatedBy = &result.By
	}
	r.LastUpdateTime = awsproto.At(w.Now)
	e.Updated = awsproto.At(w.Now)
	return Reconcile(p, w), nil
}

// Stop ends an execution: once its running actions have finished, or, with abandon, at once.
func Stop(p *Pipeline, execution string, abandon bool, reason *string, w World) ([]Effect, error) {
	e := p.Executions[execution]
	switch {
	case e == nil || e.Ended():
		return nil, ErrNotStoppable
	case e.Status == cp.PipelineExecutionStatusStopping && !abandon:
		return nil, ErrDuplicateStop
	}
	e.Status, e.StopReason = cp.PipelineExecutionStatusStopping, reason
	e.Updated = awsproto.At(w.Now)
	r := &reconciler{p, w, nil}
	conditions := cp.ConditionExecutionStatusCancelled
	if abandon {
		conditions = cp.ConditionExecutionStatusAbandoned
	}
	r.endChecks(e, conditions)
	effects := r.effects
	for _, v := range e.Stages {
		if v.Status == cp.StageExecutionStatusInProgress {
			v.Status = cp.StageExecutionStatusStopping
		}
	}
	if abandon {
		for _, r := range e.Runs {
			if r.Status == cp.ActionExecutionStatusInProgress {
				r.Status = cp.ActionExecutionStatusAbandoned
				r.LastUpdateTime = awsproto.At(w.Now)
				effects = append(effects, Effect{AbandonAction, execution, *r.ActionExecutionId})
			}
		}
	}
	return append(effects, Reconcile(p, w)...), nil
}

// Retry runs a failed or stopped stage again, in the same execution: the actions that did not succeed, or all.
func Retry(p *Pipeline, stage, execution string, all bool, w World) ([]Effect, error) {
	s := p.Stages[stage]
	if s == nil {
		return nil, ErrNoStage
	}
	e := p.Executions[execution]
	if e == nil || e.Alone() && s.Latest != execution {
		return nil, ErrNotLatest
	}
	if p.Mode() == cp.ExecutionModeParallel && Full(p) {
		return nil, ErrFull
	}
	v := e.Stages[stage]
	if v == nil || v.Status != cp.StageExecutionStatusFailed && v.Status != cp.StageExecutionStatusStopped {
		return nil, ErrNotRetryable
	}
	again := e.again(v, all)
	again.Retries++
	again.Retried = cp.RetryTriggerManualStageRetry
	e.Stages[stage] = again
	(&reconciler{p, w, nil}).revive(stage, s, e)
	return Reconcile(p, w), nil
}

// SetTransition opens or closes the way into a stage.
func SetTransition(p *Pipeline, stage string, t cp.TransitionState, w World) []Effect {
	s := p.Stages[stage]
	if s == nil {
		s = &Stage{}
		p.Stages[stage] = s
	}
	s.Transition = &t
	return Reconcile(p, w)
}
