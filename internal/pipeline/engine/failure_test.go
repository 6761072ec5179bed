package engine

import (
	"errors"
	"testing"

	cp "slipway/api/codepipeline"
)

// failing is a bench whose second stage reacts to its failure.
func failing(on *cp.FailureConditions) *bench {
	d := declaration(3, 2)
	d.Stages[1].OnFailure = on
	return newBench(d)
}

// endNext ends the next action of an execution that was started.
func (b *bench) endNext(t *testing.T, e *Execution, status cp.ActionExecutionStatus) *Run {
	t.Helper()
	for i, job := range b.jobs {
		if job.Kind == StartAction && job.Execution == e.id() {
			b.jobs = append(b.jobs[:i:i], b.jobs[i+1:]...)
			b.finish(job, status)
			return e.Run(job.Run)
		}
	}
	t.Fatalf("no action of %s is to be started", e.id())
	return nil
}

// failSecond lets an execution succeed in the first stage and fail in the second.
func (b *bench) failSecond(t *testing.T, e *Execution) {
	t.Helper()
	b.endNext(t, e, cp.ActionExecutionStatusSucceeded)
	b.endNext(t, e, cp.ActionExecutionStatusSucceeded)
	b.endNext(t, e, cp.ActionExecutionStatusSucceeded)
	b.endNext(t, e, cp.ActionExecutionStatusFailed)
}

func TestAFailedStageIsRetriedOnce(t *testing.T) {
	for mode, again := range map[cp.StageRetryMode]int{
		cp.StageRetryModeFailedActions: 1,
		cp.StageRetryModeAllActions:    2,
	} {
		b := failing(&cp.FailureConditions{
			Result:             cp.ResultRetry,
			RetryConfiguration: &cp.RetryConfiguration{RetryMode: mode},
		})
		e := b.start()
		b.failSecond(t, e)
		if len(b.jobs) != again || e.Status != cp.PipelineExecutionStatusInProgress {
			t.Fatalf("%s: %d actions were started again, want %d; the execution is %s", mode, len(b.jobs), again, e.Status)
		}
		b.drain(cp.ActionExecutionStatusFailed)
		v := e.Stages["S1"]
		if e.Status != cp.PipelineExecutionStatusFailed || v.Auto != 1 || v.Retried != cp.RetryTriggerAutomatedStageRetry {
			t.Errorf("%s: it is %s after %d retries (%s)", mode, e.Status, v.Auto, v.Retried)
		}
		b.did(Retry(b.p, "S1", e.id(), false, b.world()))
		b.drain(cp.ActionExecutionStatusFailed)
		if v := e.Stages["S1"]; v.Auto != 1 || v.Retries != 1 || v.Retried != cp.RetryTriggerManualStageRetry {
			t.Errorf("%s: after a manual retry: %+v", mode, v)
		}
	}
}

// backed lets an execution succeed and the next fail in the second stage, and returns both and the newest.
func backed(t *testing.T, b *bench) (good, bad, newest *Execution) {
	t.Helper()
	good = b.start()
	good.Variables = []cp.ResolvedPipelineVariable{{Name: new("v"), ResolvedValue: new("1")}}
	b.drain(cp.ActionExecutionStatusSucceeded)
	bad = b.start()
	b.failSecond(t, bad)
	for _, e := range b.p.Executions {
		if newest == nil || e.Sequence > newest.Sequence {
			newest = e
		}
	}
	return good, bad, newest
}

func TestAFailedStageIsRolledBack(t *testing.T) {
	b := failing(&cp.FailureConditions{Result: cp.ResultRollback})
	good, bad, back := backed(t, b)
	if bad.Status != cp.PipelineExecutionStatusFailed || !back.Rollback() ||
		*back.RollbackMetadata.RollbackTargetPipelineExecutionId != good.id() ||
		back.Trigger.TriggerType != cp.TriggerTypeAutomatedRollback || *back.Variables[0].ResolvedValue != "1" {
		t.Fatalf("it is %s, and then came %+v", bad.Status, back.PipelineExecution)
	}
	if len(back.Inherited) != 4 || b.p.Stages["S1"].Latest != back.id() {
		t.Errorf("it inherits %d runs; the stage has %s", len(back.Inherited), b.p.Stages["S1"].Latest)
	}
	b.drain(cp.ActionExecutionStatusSucceeded)
	if back.Status != cp.PipelineExecutionStatusSucceeded || len(back.Runs) != 2 {
		t.Errorf("it is %s after %d actions, want it to end with its stage", back.Status, len(back.Runs))
	}
	if b.p.Stages["S1"].Good != good.id() {
		t.Errorf("the next rollback would go to %s", b.p.Stages["S1"].Good)
	}
}

func TestARollbackIsNotRolledBack(t *testing.T) {
	b := failing(&cp.FailureConditions{Result: cp.ResultRollback})
	_, _, back := backed(t, b)
	b.drain(cp.ActionExecutionStatusFailed)
	if back.Status != cp.PipelineExecutionStatusFailed || len(b.p.Executions) != 3 {
		t.Errorf("it is %s, and there are %d executions", back.Status, len(b.p.Executions))
	}
}

func TestNothingToRollBackTo(t *testing.T) {
	b := failing(&cp.FailureConditions{Result: cp.ResultRollback})
	e := b.start()
	b.failSecond(t, e)
	if e.Status != cp.PipelineExecutionStatusFailed || e.StatusSummary == nil || len(b.p.Executions) != 1 {
		t.Errorf("%s, %v, %d executions", e.Status, e.StatusSummary, len(b.p.Executions))
	}
}

func TestRollbacksByHand(t *testing.T) {
	for name, c := range map[string]struct {
		before func(b *bench)
		stage  string
		target string
		want   error
	}{
		"to one that succeeded":         {nil, "S1", "e1", nil},
		"of the first stage":            {nil, "S0", "e1", ErrFirstStage},
		"to one that failed":            {nil, "S1", "e2", ErrTargetFailed},
		"to one that is not there":      {nil, "S1", "none", ErrNoTarget},
		"of a pipeline of another kind": {func(b *bench) { b.become(cp.ExecutionModeParallel) }, "S1", "e1", ErrParallel},
		"of an older version": {func(b *bench) {
			d := *b.p.Declaration
			d.Version = new(int32(2))
			b.p.Declaration = &d
		}, "S1", "e1", ErrOutdated},
		"while it runs": {func(b *bench) { b.did(Retry(b.p, "S1", "e2", false, b.world())) }, "S1", "e1", ErrBusy},
		"to a rollback": {func(b *bench) {
			e, effects, err := Rollback(b.p, "S1", "e1", cp.ExecutionTrigger{}, b.world())
			b.did(effects, err)
			b.drain(cp.ActionExecutionStatusSucceeded)
			b.p.Executions["back"] = e
		}, "S1", "back", ErrTargetIsBack},
	} {
		t.Run(name, func(t *testing.T) {
			b := failing(nil)
			backed(t, b)
			b.p.Executions["e1"].PipelineVersion = new(int32(1))
			if c.before != nil {
				c.before(b)
			}
			if _, _, err := Rollback(b.p, c.stage, c.target, cp.ExecutionTrigger{}, b.world()); !errors.Is(err, c.want) {
				t.Errorf("err = %v, want %v", err, c.want)
			}
		})
	}
}
