package engine

import (
	"fmt"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
)

func declaration(stages, actions int) *cp.PipelineDeclaration {
	d := &cp.PipelineDeclaration{Name: new("p"), Version: new(int32(1))}
	for i := range stages {
		s := cp.StageDeclaration{Name: new(fmt.Sprintf("S%d", i))}
		for j := range actions {
			s.Actions = append(s.Actions, cp.ActionDeclaration{
				Name: new(fmt.Sprintf("A%d", j)), RunOrder: new(int32(1 + j/2)),
				ActionTypeId: &cp.ActionTypeId{Category: cp.ActionCategoryBuild, Provider: new("CodeBuild")},
			})
		}
		d.Stages = append(d.Stages, s)
	}
	return d
}

type bench struct {
	p    *Pipeline
	now  time.Time
	ids  int
	jobs []Effect // committed with the state, so that a crash loses none
}

func newBench(d *cp.PipelineDeclaration) *bench {
	b := &bench{p: &Pipeline{Declaration: d, Stages: map[string]*Stage{}, Executions: map[string]*Execution{}},
		now: time.UnixMilli(0)}
	b.did(Reconcile(b.p, b.world()), nil)
	return b
}

func (b *bench) world() World {
	b.now = b.now.Add(time.Millisecond)
	return World{b.now, func() string { b.ids++; return fmt.Sprintf("id-%d", b.ids) }}
}

func (b *bench) did(e []Effect, _ error) { b.jobs = append(b.jobs, e...) }

func (b *bench) start() *Execution {
	b.p.Sequence++
	e := &Execution{
		PipelineExecution: cp.PipelineExecution{
			PipelineExecutionId: new(fmt.Sprintf("e%d", b.p.Sequence)),
			PipelineVersion:     b.p.Declaration.Version,
		},
		Sequence: b.p.Sequence,
	}
	b.did(Start(b.p, e, b.world()), nil)
	return e
}

func (b *bench) finish(e Effect, status cp.ActionExecutionStatus) {
	b.did(Finish(b.p, e.Execution, e.Run, Result{Status: status}, b.world()))
}

func (b *bench) rule(e Effect, status cp.RuleExecutionStatus) {
	b.did(FinishRule(b.p, e.Execution, e.Run, RuleResult{Status: status}, b.world()))
}

// drain ends every action that was started, until none is left.
func (b *bench) drain(status cp.ActionExecutionStatus) {
	for len(b.jobs) > 0 {
		e := b.jobs[0]
		b.jobs = b.jobs[1:]
		switch e.Kind {
		case StartAction:
			b.finish(e, status)
		case StartRule:
			b.rule(e, cp.RuleExecutionStatusSucceeded)
		}
	}
}

func TestOneExecutionSucceeds(t *testing.T) {
	b := newBench(declaration(3, 3))
	e := b.start()
	if len(b.jobs) != 2 {
		t.Fatalf("%d actions started; the two of the first order should have", len(b.jobs))
	}
	b.drain(cp.ActionExecutionStatusSucceeded)
	if e.Status != cp.PipelineExecutionStatusSucceeded || len(e.Runs) != 9 {
		t.Errorf("status %s after %d runs", e.Status, len(e.Runs))
	}
}

func TestNewerSupersedesWhatWaits(t *testing.T) {
	b := newBench(declaration(2, 1))
	first, second, third := b.start(), b.start(), b.start()
	if first.Status != cp.PipelineExecutionStatusInProgress || second.Status != cp.PipelineExecutionStatusSuperseded ||
		b.p.Stages["S0"].Inbound.First() != *third.PipelineExecutionId {
		t.Errorf("first %s, second %s, waiting %s", first.Status, second.Status, b.p.Stages["S0"].Inbound)
	}
	b.drain(cp.ActionExecutionStatusSucceeded)
	if third.Status != cp.PipelineExecutionStatusSucceeded {
		t.Errorf("third: %s", third.Status)
	}
}

func TestFailureLetsTheParallelOnesEnd(t *testing.T) {
	b := newBench(declaration(1, 4)) // orders 1, 1, 2, 2
	e := b.start()
	b.finish(b.jobs[0], cp.ActionExecutionStatusFailed)
	if e.Status != cp.PipelineExecutionStatusInProgress {
		t.Fatalf("ended as %s while an action runs", e.Status)
	}
	b.finish(b.jobs[1], cp.ActionExecutionStatusSucceeded)
	if e.Status != cp.PipelineExecutionStatusFailed || len(e.Runs) != 2 {
		t.Fatalf("%s after %d runs; the second order must not run", e.Status, len(e.Runs))
	}
	b.jobs = nil
	b.did(Retry(b.p, "S0", *e.PipelineExecutionId, false, b.world()))
	if len(b.jobs) != 1 || *e.Run(b.jobs[0].Run).ActionName != "A0" {
		t.Fatalf("retry started %v; only what failed should run", b.jobs)
	}
	b.drain(cp.ActionExecutionStatusSucceeded)
	if e.Status != cp.PipelineExecutionStatusSucceeded || len(e.Runs) != 5 {
		t.Errorf("%s after %d runs", e.Status, len(e.Runs))
	}
}

func TestRetryAll(t *testing.T) {
	b := newBench(declaration(1, 2))
	e := b.start()
	b.finish(b.jobs[0], cp.ActionExecutionStatusFailed)
	b.finish(b.jobs[1], cp.ActionExecutionStatusSucceeded)
	b.jobs = nil
	b.did(Retry(b.p, "S0", *e.PipelineExecutionId, true, b.world()))
	if len(b.jobs) != 2 {
		t.Errorf("%d actions started, want both", len(b.jobs))
	}
}

func TestStop(t *testing.T) {
	b := newBench(declaration(2, 1))
	e := b.start()
	if _, err := Stop(b.p, "e1", false, nil, b.world()); err != nil || e.Status != cp.PipelineExecutionStatusStopping {
		t.Fatalf("%s, %v", e.Status, err)
	}
	if _, err := Stop(b.p, "e1", false, nil, b.world()); err != ErrDuplicateStop {
		t.Errorf("twice: %v", err)
	}
	b.drain(cp.ActionExecutionStatusSucceeded)
	if e.Status != cp.PipelineExecutionStatusStopped || e.Stages["S0"].Status != cp.StageExecutionStatusStopped {
		t.Errorf("%s, stage %s", e.Status, e.Stages["S0"].Status)
	}
	if _, err := Stop(b.p, "e1", true, nil, b.world()); err != ErrNotStoppable {
		t.Errorf("stopped again: %v", err)
	}
	other := b.start()
	b.did(Stop(b.p, "e2", true, nil, b.world()))
	if other.Status != cp.PipelineExecutionStatusStopped || b.jobs[len(b.jobs)-1].Kind != AbandonAction {
		t.Errorf("abandoned: %s, %v", other.Status, b.jobs)
	}
}

func TestClosedTransitionHolds(t *testing.T) {
	b := newBench(declaration(2, 1))
	b.did(SetTransition(b.p, "S1", cp.TransitionState{Enabled: new(false)}, b.world()), nil)
	e := b.start()
	b.drain(cp.ActionExecutionStatusSucceeded)
	if e.Ended() || b.p.Stages["S1"].Inbound.First() != "e1" {
		t.Fatalf("%s, waiting: %q", e.Status, b.p.Stages["S1"].Inbound)
	}
	b.did(SetTransition(b.p, "S1", cp.TransitionState{Enabled: new(true)}, b.world()), nil)
	b.drain(cp.ActionExecutionStatusSucceeded)
	if e.Status != cp.PipelineExecutionStatusSucceeded {
		t.Errorf("%s", e.Status)
	}
}
