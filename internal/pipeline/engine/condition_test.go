package engine

import (
	"errors"
	"testing"

	cp "slipway/api/codepipeline"
)

// ruled is a condition of two rules with a result.
func ruled(result cp.Result) []cp.Condition {
	rule := func(name string) cp.RuleDeclaration {
		return cp.RuleDeclaration{
			Name:       &name,
			RuleTypeId: &cp.RuleTypeId{Category: cp.RuleCategoryRule, Provider: new("VariableCheck")},
		}
	}
	return []cp.Condition{{Result: result, Rules: []cp.RuleDeclaration{rule("One"), rule("Two")}}}
}

// conditioned is a bench whose second stage has a condition; the execution stands where the condition is checked.
func conditioned(t *testing.T, when When, result cp.Result) (*bench, *Execution) {
	t.Helper()
	d := declaration(3, 1)
	switch s := &d.Stages[1]; when {
	case BeforeEntry:
		s.BeforeEntry = &cp.BeforeEntryConditions{Conditions: ruled(result)}
	case OnSuccess:
		s.OnSuccess = &cp.SuccessConditions{Conditions: ruled(result)}
	case OnFailure:
		s.OnFailure = &cp.FailureConditions{Conditions: ruled(result)}
	}
	b := newBench(d)
	good := b.start()
	for len(b.jobs) > 0 && when != OnFailure || good.Status == cp.PipelineExecutionStatusInProgress {
		b.drain(cp.ActionExecutionStatusSucceeded)
	}
	e := b.start()
	b.endNext(t, e, cp.ActionExecutionStatusSucceeded)
	switch when {
	case OnSuccess:
		b.endNext(t, e, cp.ActionExecutionStatusSucceeded)
	case OnFailure:
		b.endNext(t, e, cp.ActionExecutionStatusFailed)
	}
	return b, e
}

// judge ends the rules that were started: the first ends with a status, the others succeed.
func (b *bench) judge(t *testing.T, first cp.RuleExecutionStatus) {
	t.Helper()
	status, n := first, 0
	jobs := b.jobs
	b.jobs = nil
	for _, job := range jobs {
		if job.Kind == StartRule {
			b.rule(job, status)
			status, n = cp.RuleExecutionStatusSucceeded, n+1
		}
	}
	if n != 2 {
		t.Fatalf("%d rules were started, want 2", n)
	}
}

func TestResultsOfConditions(t *testing.T) {
	good, bad := cp.RuleExecutionStatusSucceeded, cp.RuleExecutionStatusFailed
	running, failed := cp.PipelineExecutionStatusInProgress, cp.PipelineExecutionStatusFailed
	for name, c := range map[string]struct {
		when   When
		result cp.Result
		rule   cp.RuleExecutionStatus
		want   cp.PipelineExecutionStatus
		stage  cp.StageExecutionStatus
		back   bool
	}{
		"entry, succeeds":         {BeforeEntry, cp.ResultFail, good, running, "InProgress", false},
		"entry, FAIL":             {BeforeEntry, cp.ResultFail, bad, failed, "Failed", false},
		"entry, SKIP":             {BeforeEntry, cp.ResultSkip, bad, running, "Skipped", false},
		"success, succeeds":       {OnSuccess, cp.ResultFail, good, running, "Succeeded", false},
		"success, FAIL":           {OnSuccess, cp.ResultFail, bad, failed, "Failed", false},
		"success, ROLLBACK":       {OnSuccess, cp.ResultRollback, bad, failed, "Failed", true},
		"failure, ROLLBACK":       {OnFailure, cp.ResultRollback, good, failed, "Failed", true},
		"failure, does not apply": {OnFailure, cp.ResultRollback, bad, failed, "Failed", false},
		"failure, RETRY":          {OnFailure, cp.ResultRetry, good, running, "InProgress", false},
		"failure, FAIL":           {OnFailure, cp.ResultFail, good, failed, "Failed", false},
	} {
		t.Run(name, func(t *testing.T) {
			b, e := conditioned(t, c.when, c.result)
			if e.Stages["S1"].Status != cp.StageExecutionStatusInProgress {
				t.Fatalf("the stage is %s while its condition is checked", e.Stages["S1"].Status)
			}
			b.judge(t, c.rule)
			back := len(b.p.Executions) == 3
			if e.Status != c.want || e.Stages["S1"].Status != c.stage || back != c.back {
				t.Errorf("the execution is %s, the stage %s, a rollback started: %t; want %s, %s, %t",
					e.Status, e.Stages["S1"].Status, back, c.want, c.stage, c.back)
			}
		})
	}
}

func TestTheFirstRuleThatFailsDecides(t *testing.T) {
	b, e := conditioned(t, BeforeEntry, cp.ResultFail)
	b.rule(b.jobs[1], cp.RuleExecutionStatusFailed)
	v := e.Stages["S1"]
	if v.Checks[BeforeEntry].Status != cp.ConditionExecutionStatusFailed ||
		e.Rules[len(e.Rules)-2].Status != cp.RuleExecutionStatusAbandoned ||
		b.jobs[len(b.jobs)-1].Kind != AbandonRule {
		t.Errorf("the condition is %s, the other rule %s", v.Checks[BeforeEntry].Status, e.Rules[len(e.Rules)-2].Status)
	}
	b.jobs = nil
	b.did(Retry(b.p, "S1", e.id(), false, b.world()))
	b.judge(t, cp.RuleExecutionStatusSucceeded)
	b.endNext(t, e, cp.ActionExecutionStatusFailed)
	b.did(Retry(b.p, "S1", e.id(), true, b.world()))
	if len(b.jobs) != 1 || b.jobs[0].Kind != StartAction {
		t.Errorf("a retry within the stage did %v, want it not to check the entry again", b.jobs)
	}
}

func TestOverrides(t *testing.T) {
	for _, when := range []When{BeforeEntry, OnSuccess} {
		for _, failed := range []bool{true, false} {
			b, e := conditioned(t, when, cp.ResultFail)
			if failed {
				b.judge(t, cp.RuleExecutionStatusFailed)
			}
			b.did(Override(b.p, "S1", e.id(), when, "ada", b.world()))
			if first := e.Rules[len(e.Rules)-2]; first.UpdatedBy == nil || *first.UpdatedBy != "ada" {
				t.Errorf("%s: nobody knows who has overridden it", when)
			}
			b.drain(cp.ActionExecutionStatusSucceeded)
			c := e.Stages["S1"].Checks[when]
			if e.Status != cp.PipelineExecutionStatusSucceeded || c.Status != cp.ConditionExecutionStatusOverridden {
				t.Errorf("%s, failed before: %t: %s, the condition is %s", when, failed, e.Status, c.Status)
			}
			if _, err := Override(b.p, "S1", e.id(), when, "", b.world()); !errors.Is(err, ErrNotOverridable) {
				t.Errorf("%s: again: %v", when, err)
			}
			if _, err := Override(b.p, "S1", "e1", when, "", b.world()); !errors.Is(err, ErrNotLatest) {
				t.Errorf("%s: of an older one: %v", when, err)
			}
		}
	}
}

func TestAStopEndsConditions(t *testing.T) {
	for abandon, want := range map[bool]cp.ConditionExecutionStatus{
		false: cp.ConditionExecutionStatusCancelled,
		true:  cp.ConditionExecutionStatusAbandoned,
	} {
		b, e := conditioned(t, BeforeEntry, cp.ResultFail)
		b.did(Stop(b.p, e.id(), abandon, nil, b.world()))
		if got := e.Stages["S1"].Checks[BeforeEntry].Status; e.Status != cp.PipelineExecutionStatusStopped || got != want {
			t.Errorf("it is %s and the condition %s, want %s", e.Status, got, want)
		}
		b.jobs = nil
		b.did(Retry(b.p, "S1", e.id(), false, b.world()))
		b.judge(t, cp.RuleExecutionStatusSucceeded)
	}
}
