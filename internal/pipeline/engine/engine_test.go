package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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
	last int64
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
	b.last++
	e := &Execution{PipelineExecution: cp.PipelineExecution{PipelineExecutionId: new(fmt.Sprintf("e%d", b.last))},
		Sequence: b.last}
	b.did(Start(b.p, e, b.world()), nil)
	return e
}

func (b *bench) finish(e Effect, status cp.ActionExecutionStatus) {
	b.did(Finish(b.p, e.Execution, e.Run, Result{Status: status}, b.world()))
}

// drain ends every action that was started, until none is left.
func (b *bench) drain(status cp.ActionExecutionStatus) {
	for len(b.jobs) > 0 {
		e := b.jobs[0]
		b.jobs = b.jobs[1:]
		if e.Kind == StartAction {
			b.finish(e, status)
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
		b.p.Stages["S0"].Inbound != *third.PipelineExecutionId {
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
	if e.Ended() || b.p.Stages["S1"].Inbound != "e1" {
		t.Fatalf("%s, waiting: %q", e.Status, b.p.Stages["S1"].Inbound)
	}
	b.did(SetTransition(b.p, "S1", cp.TransitionState{Enabled: new(true)}, b.world()), nil)
	b.drain(cp.ActionExecutionStatusSucceeded)
	if e.Status != cp.PipelineExecutionStatusSucceeded {
		t.Errorf("%s", e.Status)
	}
}

// crash takes the pipeline through its stored form, as a restart does.
func (b *bench) crash(t *rapid.T) {
	text, err := json.Marshal(b.p)
	if err != nil {
		t.Fatal(err)
	}
	p := &Pipeline{}
	if err := json.Unmarshal(text, p); err != nil {
		t.Fatal(err)
	}
	b.p = p
}

// TestRandomEvents lets anything happen in any order, crashes included, and holds what must always be true.
func TestRandomEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench(declaration(rapid.IntRange(1, 4).Draw(t, "stages"), rapid.IntRange(1, 4).Draw(t, "actions")))
		id := func() string { return fmt.Sprintf("e%d", rapid.Int64Range(1, b.last+1).Draw(t, "execution")) }
		stage := func() string { return *rapid.SampledFrom(b.p.Declaration.Stages).Draw(t, "stage").Name }
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) { b.start() },
			"finish": func(t *rapid.T) {
				if len(b.jobs) == 0 {
					return
				}
				i := rapid.IntRange(0, len(b.jobs)-1).Draw(t, "job")
				e := b.jobs[i]
				if rapid.Bool().Draw(t, "once") { // else the effect is done a second time, as after a crash
					b.jobs = slices.Delete(b.jobs, i, i+1)
				}
				b.finish(e,
					rapid.SampledFrom([]cp.ActionExecutionStatus{cp.ActionExecutionStatusSucceeded,
						cp.ActionExecutionStatusSucceeded, cp.ActionExecutionStatusFailed}).Draw(t, "status"))
			},
			"stop":  func(t *rapid.T) { b.did(Stop(b.p, id(), rapid.Bool().Draw(t, "abandon"), nil, b.world())) },
			"retry": func(t *rapid.T) { b.did(Retry(b.p, stage(), id(), rapid.Bool().Draw(t, "all"), b.world())) },
			"transition": func(t *rapid.T) {
				b.did(SetTransition(b.p, stage(), cp.TransitionState{Enabled: new(rapid.Bool().Draw(t, "enabled"))},
					b.world()), nil)
			},
			"crash": b.crash,
			"remove": func(t *rapid.T) { // a stage goes out of the definition
				if n := len(b.p.Declaration.Stages); n > 1 && rapid.IntRange(0, 9).Draw(t, "rare") == 0 {
					d := *b.p.Declaration
					i := rapid.IntRange(0, n-1).Draw(t, "which")
					d.Stages = slices.Delete(slices.Clone(d.Stages), i, i+1)
					b.p.Declaration = &d
					b.did(Reconcile(b.p, b.world()), nil)
				}
			},
			"": b.invariants,
		})
		// Whatever happened: with the way open and every action ending, everything ends.
		for _, s := range b.p.Declaration.Stages {
			b.did(SetTransition(b.p, *s.Name, cp.TransitionState{Enabled: new(true)}, b.world()), nil)
		}
		b.drain(cp.ActionExecutionStatusSucceeded)
		for id, e := range b.p.Executions {
			if !e.Ended() {
				t.Fatalf("execution %s is wedged: %s", id, e.Status)
			}
		}
	})
}

// invariants checks what holds of a pipeline at any time.
func (b *bench) invariants(t *rapid.T) {
	b.oneInAStage(t)
	for id, e := range b.p.Executions {
		b.consistent(t, id, e)
	}
	before, err := json.Marshal(b.p)
	if err != nil {
		t.Fatal(err)
	}
	if again := Reconcile(b.p, b.world()); len(again) > 0 {
		t.Fatalf("reconciling twice did %v", again)
	}
	after, err := json.Marshal(b.p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Fatalf("reconciling twice changed %s", diff)
	}
}

// oneInAStage checks that a stage holds one execution at most, which is in no other, and knows it.
func (b *bench) oneInAStage(t *rapid.T) {
	inside := map[string]string{} // execution -> stage
	for _, stage := range b.p.Declaration.Stages {
		name := *stage.Name
		holders := 0
		for id, e := range b.p.Executions {
			v := e.Stages[name]
			if v == nil ||
				v.Status != cp.StageExecutionStatusInProgress && v.Status != cp.StageExecutionStatusStopping {
				continue
			}
			holders++
			if other, ok := inside[id]; ok {
				t.Fatalf("%s is in %s and in %s", id, other, name)
			}
			inside[id] = name
			if b.p.Stages[name].Latest != id {
				t.Fatalf("%s is in %s, which does not know", id, name)
			}
		}
		if holders > 1 {
			t.Fatalf("%d executions in %s", holders, name)
		}
	}
}

// consistent checks an execution: what runs is waited for, and what ended or was superseded has a reason to be.
func (b *bench) consistent(t *rapid.T, id string, e *Execution) {
	running := slices.ContainsFunc(
		e.Runs, func(r *Run) bool { return r.Status == cp.ActionExecutionStatusInProgress })
	if e.Ended() && running {
		t.Fatalf("%s ended as %s while an action runs", id, e.Status)
	}
	for _, r := range e.Runs {
		pending := slices.ContainsFunc(
			b.jobs, func(j Effect) bool { return j.Kind == StartAction && j.Run == *r.ActionExecutionId })
		if r.Status == cp.ActionExecutionStatusInProgress && !pending {
			t.Fatalf("action %s of %s waits for nothing", *r.ActionName, id)
		}
	}
	if e.Status == cp.PipelineExecutionStatusSuperseded {
		newer := slices.ContainsFunc(
			slices.Collect(maps.Values(b.p.Executions)), func(o *Execution) bool { return o.Sequence > e.Sequence })
		if !newer {
			t.Fatalf("%s is superseded, and none is newer", id)
		}
	}
}
