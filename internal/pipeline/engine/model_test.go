package engine

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	cp "slipway/api/codepipeline"
)

var modes = []cp.ExecutionMode{
	cp.ExecutionModeSuperseded, cp.ExecutionModeQueued, cp.ExecutionModeParallel,
}

// sequences sets how many sequences of events a random test tries.
func sequences(t *testing.T) {
	t.Helper()
	n := "2000"
	if os.Getenv("SLIPWAY_LONG") != "" {
		n = "100000"
	}
	was := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", was) })
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

// model lets random events happen to a pipeline.
type model struct {
	*bench
	queues map[string]Queue // as they were after the event before
}

func newModel(t *rapid.T) *model {
	d := declaration(rapid.IntRange(1, 4).Draw(t, "stages"), rapid.IntRange(1, 4).Draw(t, "actions"))
	d.ExecutionMode = rapid.SampledFrom(modes).Draw(t, "mode")
	for i := range d.Stages {
		reacts(t, &d.Stages[i])
		if rapid.Bool().Draw(t, "asks") {
			d.Stages[i].Actions[0].ActionTypeId.Category = cp.ActionCategoryApproval
		}
	}
	return &model{bench: newBench(d)}
}

// reacts gives a stage something to do when it fails.
func reacts(t *rapid.T, s *cp.StageDeclaration) {
	result := rapid.SampledFrom([]cp.Result{"", cp.ResultRollback, cp.ResultRetry}).Draw(t, "on failure")
	s.BeforeEntry, s.OnSuccess = nil, nil
	if rapid.IntRange(0, 2).Draw(t, "has entry condition") == 0 {
		s.BeforeEntry = &cp.BeforeEntryConditions{Conditions: condition(t, cp.ResultFail, cp.ResultSkip)}
	}
	if rapid.IntRange(0, 2).Draw(t, "has success condition") == 0 {
		s.OnSuccess = &cp.SuccessConditions{Conditions: condition(t, cp.ResultFail, cp.ResultRollback)}
	}
	mode := rapid.SampledFrom([]cp.StageRetryMode{
		cp.StageRetryModeFailedActions, cp.StageRetryModeAllActions,
	}).Draw(t, "retries")
	switch s.OnFailure = nil; result {
	case cp.ResultRollback:
		s.OnFailure = &cp.FailureConditions{Result: result}
	case cp.ResultRetry:
		s.OnFailure = &cp.FailureConditions{Result: result, RetryConfiguration: &cp.RetryConfiguration{RetryMode: mode}}
	}
	if s.OnFailure != nil && rapid.Bool().Draw(t, "on failure if") {
		s.OnFailure.Conditions = condition(t, cp.ResultRollback, cp.ResultRetry, cp.ResultFail)
	}
}

// condition is one with one of some results.
func condition(t *rapid.T, results ...cp.Result) []cp.Condition {
	c := cp.Condition{Result: rapid.SampledFrom(results).Draw(t, "result")}
	for i := range rapid.IntRange(1, 3).Draw(t, "rules") {
		c.Rules = append(c.Rules, cp.RuleDeclaration{
			Name:       new(fmt.Sprintf("R%d", i)),
			RuleTypeId: &cp.RuleTypeId{Category: cp.RuleCategoryRule, Provider: new("VariableCheck")},
		})
	}
	return []cp.Condition{c}
}

func (m *model) execution(t *rapid.T) string {
	ids := append(slices.Sorted(maps.Keys(m.p.Executions)), "none")
	return rapid.SampledFrom(ids).Draw(t, "execution")
}

func (m *model) stage(t *rapid.T) string {
	return *rapid.SampledFrom(m.p.Declaration.Stages).Draw(t, "stage").Name
}

// rarely reports, once in ten times, that something rare happens.
func rarely(t *rapid.T) bool { return rapid.IntRange(0, 9).Draw(t, "rare") == 0 }

func (m *model) events() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"push":   func(*rapid.T) { m.start() },
		"finish": m.finishOne,
		"stop": func(t *rapid.T) {
			m.did(Stop(m.p, m.execution(t), rapid.Bool().Draw(t, "abandon"), nil, m.world()))
		},
		"retry": func(t *rapid.T) {
			m.did(Retry(m.p, m.stage(t), m.execution(t), rapid.Bool().Draw(t, "all"), m.world()))
		},
		"roll back": func(t *rapid.T) {
			by := cp.ExecutionTrigger{TriggerType: cp.TriggerTypeManualRollback}
			_, effects, err := Rollback(m.p, m.stage(t), m.execution(t), by, m.world())
			m.did(effects, err)
		},
		"override": func(t *rapid.T) {
			when := rapid.SampledFrom([]When{BeforeEntry, OnSuccess}).Draw(t, "when")
			m.did(Override(m.p, m.stage(t), m.execution(t), when, "", m.world()))
		},
		"transition": func(t *rapid.T) {
			to := cp.TransitionState{Enabled: new(rapid.Bool().Draw(t, "enabled"))}
			m.did(SetTransition(m.p, m.stage(t), to, m.world()), nil)
		},
		"update": m.update,
		"crash":  m.crash,
		"clock": func(t *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "jump")))
			m.did(Reconcile(m.p, m.world()), nil)
		},
		"": m.invariants,
	}
}

// finishOne ends an action that was started. An effect that is not taken off the list is done a second time, as after a
// crash.
func (m *model) finishOne(t *rapid.T) {
	if len(m.jobs) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.jobs)-1).Draw(t, "job")
	e := m.jobs[i]
	if rapid.Bool().Draw(t, "once") {
		m.jobs = slices.Delete(m.jobs, i, i+1)
	}
	if e.Kind == StartRule {
		m.rule(e, rapid.SampledFrom([]cp.RuleExecutionStatus{
			cp.RuleExecutionStatusSucceeded,
			cp.RuleExecutionStatusSucceeded,
			cp.RuleExecutionStatusFailed,
		}).Draw(t, "rule"))
		return
	}
	m.finish(e, rapid.SampledFrom([]cp.ActionExecutionStatus{
		cp.ActionExecutionStatusSucceeded,
		cp.ActionExecutionStatusSucceeded,
		cp.ActionExecutionStatusFailed,
	}).Draw(t, "status"))
}

// update changes the definition: a stage goes, stages change places, or the mode becomes another.
func (m *model) update(t *rapid.T) {
	if !rarely(t) {
		return
	}
	d := *m.p.Declaration
	d.Version = new(*d.Version + 1)
	d.Stages = slices.Clone(d.Stages)
	n := len(d.Stages)
	switch rapid.IntRange(0, 4).Draw(t, "change") {
	case 0:
		if n > 1 {
			i := rapid.IntRange(0, n-1).Draw(t, "which")
			d.Stages = slices.Delete(d.Stages, i, i+1)
		}
	case 1:
		reacts(t, &d.Stages[rapid.IntRange(0, n-1).Draw(t, "which")])
	case 2:
		i := rapid.IntRange(0, n-1).Draw(t, "which")
		d.Stages[0], d.Stages[i] = d.Stages[i], d.Stages[0]
	default:
		d.ExecutionMode = rapid.SampledFrom(modes).Draw(t, "mode")
	}
	m.p.Declaration = &d
	m.did(Reconcile(m.p, m.world()), nil)
	m.queues = nil
}

// TestRandomEvents lets anything happen in any order, crashes included, and holds what must always be true.
func TestRandomEvents(t *testing.T) {
	sequences(t)
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(m.events())
		m.settle(t)
	})
}

// settle checks that with the way open and every action ending, everything ends.
func (m *model) settle(t *rapid.T) {
	for _, s := range m.p.Declaration.Stages {
		m.did(SetTransition(m.p, *s.Name, cp.TransitionState{Enabled: new(true)}, m.world()), nil)
	}
	m.drain(cp.ActionExecutionStatusSucceeded)
	for id, e := range m.p.Executions {
		if !e.Ended() {
			t.Fatalf("execution %s is wedged: %s", id, e.Status)
		}
	}
}

// invariants checks what holds of a pipeline at any time.
func (m *model) invariants(t *rapid.T) {
	m.places(t)
	m.order(t)
	for id, e := range m.p.Executions {
		m.consistent(t, id, e)
	}
	before, err := json.Marshal(m.p)
	if err != nil {
		t.Fatal(err)
	}
	if again := Reconcile(m.p, m.world()); len(again) > 0 {
		t.Fatalf("reconciling twice did %v", again)
	}
	after, err := json.Marshal(m.p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Fatalf("reconciling twice changed %s", diff)
	}
}

// places checks that each execution is in one place, which knows it, and that a stage holds one execution at most of
// those that share it with no other.
func (m *model) places(t *rapid.T) {
	at := map[string]string{} // execution -> place
	put := func(id, place string) {
		if other, ok := at[id]; ok {
			t.Fatalf("%s is %s and %s", id, other, place)
		}
		at[id] = place
	}
	for _, stage := range m.p.Declaration.Stages {
		name, alone := *stage.Name, 0
		s := m.p.Stages[name]
		for id, e := range m.p.Executions {
			if !e.in(name) {
				continue
			}
			put(id, "in "+name)
			if e.Alone() {
				alone++
			}
			if s.Latest != id && !slices.Contains(s.Holders, id) {
				t.Fatalf("%s is in %s, which does not know", id, name)
			}
		}
		if alone > 1 {
			t.Fatalf("%d executions in %s that share it with no other", alone, name)
		}
		superseding := 0
		for _, id := range s.Inbound {
			put(id, "before "+name)
			if m.p.Executions[id].mode() == cp.ExecutionModeSuperseded {
				superseding++
			}
		}
		if superseding > 1 {
			t.Fatalf("%d executions wait before %s; a newer one should have superseded the others", superseding, name)
		}
	}
	for id, e := range m.p.Executions {
		if at[id] == "" && !e.Ended() && !m.runs(e) {
			t.Fatalf("%s is lost: it is %s and nowhere", id, e.Status)
		}
	}
}

// order checks that who waited is let in in that order, and that nobody new stands before others.
func (m *model) order(t *rapid.T) {
	queues := map[string]Queue{}
	for name, s := range m.p.Stages {
		queues[name] = slices.Clone(s.Inbound)
		was := m.queues[name]
		var stayed Queue
		for _, id := range was {
			switch e := m.p.Executions[id]; {
			case slices.Contains(s.Inbound, id):
				stayed = append(stayed, id)
			case len(stayed) > 0 && e.Alone() && e.in(name) && m.p.Executions[stayed[0]].Alone():
				t.Fatalf("%s entered %s before %s, which waited longer", id, name, stayed[0])
			}
		}
		if !slices.Equal(stayed, s.Inbound[:len(stayed)]) {
			t.Fatalf("before %s waited %v, and now %v", name, was, s.Inbound)
		}
	}
	m.queues = queues
}

func (m *model) runs(e *Execution) bool {
	return slices.ContainsFunc(
		e.Runs, func(r *Run) bool { return r.Status == cp.ActionExecutionStatusInProgress })
}

// consistent checks an execution: what runs is waited for, and what ended or was superseded has a reason to be.
func (m *model) consistent(t *rapid.T, id string, e *Execution) {
	if e.Ended() && m.runs(e) {
		t.Fatalf("%s ended as %s while an action runs", id, e.Status)
	}
	for _, r := range e.Runs {
		pending := slices.ContainsFunc(
			m.jobs, func(j Effect) bool { return j.Kind == StartAction && j.Run == *r.ActionExecutionId })
		if r.Status == cp.ActionExecutionStatusInProgress && !pending {
			t.Fatalf("action %s of %s waits for nothing", *r.ActionName, id)
		}
	}
	for _, x := range e.Rules {
		pending := slices.ContainsFunc(
			m.jobs, func(j Effect) bool { return j.Kind == StartRule && j.Run == *x.RuleExecutionId })
		if x.InProgress() && (e.Ended() || !pending) {
			t.Fatalf("rule %s of %s, which is %s, waits for nothing", *x.RuleName, id, e.Status)
		}
	}
	if e.Status == cp.PipelineExecutionStatusSuperseded {
		newer := slices.ContainsFunc(
			slices.Collect(maps.Values(m.p.Executions)), func(o *Execution) bool { return o.Sequence > e.Sequence })
		if !newer || e.mode() != cp.ExecutionModeSuperseded {
			t.Fatalf("%s, of the mode %s, is superseded; one is newer: %t", id, e.mode(), newer)
		}
	}
}
