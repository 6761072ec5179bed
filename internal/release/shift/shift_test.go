package shift

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func canary(percent, minutes int32) *cd.TrafficRoutingConfig {
	return &cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeTimeBasedCanary,
		TimeBasedCanary: &cd.TimeBasedCanary{CanaryPercentage: &percent, CanaryInterval: &minutes}}
}

func linear(percent, minutes int32) *cd.TrafficRoutingConfig {
	return &cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeTimeBasedLinear,
		TimeBasedLinear: &cd.TimeBasedLinear{LinearPercentage: &percent, LinearInterval: &minutes}}
}

func step(percent, wait int32) slipway.ReleaseStep {
	return slipway.ReleaseStep{Percent: &percent, WaitSeconds: &wait}
}

func verdict(d slipway.ReleaseDecision) *slipway.ReleaseVerdict {
	return &slipway.ReleaseVerdict{Decision: d, Text: new("because " + string(d))}
}

func TestPlans(t *testing.T) {
	strict := &slipway.ReleaseThresholds{MaxErrorPercent: new(1.0)}
	for name, c := range map[string]struct {
		routing *cd.TrafficRoutingConfig
		policy  *slipway.ReleasePolicy
		want    string
	}{
		"nothing is all at once": {nil, nil, "100/0s"},
		"all at once": {&cd.TrafficRoutingConfig{Type: cd.TrafficRoutingTypeAllAtOnce}, nil,
			"100/0s"},
		"ECSCanary10Percent5Minutes":    {canary(10, 5), nil, "10/5m0s 100/0s"},
		"linear":                        {linear(25, 1), nil, "25/1m0s 50/1m0s 75/1m0s 100/0s"},
		"linear that does not come out": {linear(40, 3), nil, "40/3m0s 80/3m0s 100/0s"},
		"a policy's steps take its place": {linear(10, 1),
			&slipway.ReleasePolicy{Steps: []slipway.ReleaseStep{step(10, 5), step(50, 5), step(100, 0)}},
			"10/5s 50/5s 100/0s"},
		"a policy without steps does not": {canary(10, 5), &slipway.ReleasePolicy{Thresholds: strict},
			"10/5m0s 100/0s judged"},
		"steps that go back": {nil,
			&slipway.ReleasePolicy{Steps: []slipway.ReleaseStep{step(50, 1), step(10, 1), step(100, 0)}},
			"step 2 is to 10 % after 50 %: each step must be greater than the one before it, and 100 % at most"},
		"steps that stop short": {nil, &slipway.ReleasePolicy{Steps: []slipway.ReleaseStep{step(50, 1)}},
			"the last step is 50 %: it must be 100 %"},
		"a judged step without a wait": {nil,
			&slipway.ReleasePolicy{Steps: []slipway.ReleaseStep{step(50, 0), step(100, 0)}, Thresholds: strict},
			"step 1 is judged by thresholds or a comparison, so that it needs a wait in which something can be seen"},
		"a canary that was never validated": {canary(0, 5), nil,
			"step 1 is to 0 % after 0 %: each step must be greater than the one before it, and 100 % at most"},
	} {
		p, err := NewPlan(c.routing, c.policy)
		got := ""
		for i, s := range p.Steps {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%d/%s", s.Percent, s.Wait)
		}
		if p.Analyse {
			got += " judged"
		}
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func must(t *testing.T, s *State, status slipway.ReleaseStatus, wanted int) {
	t.Helper()
	if s.Status != status || s.Wanted() != wanted {
		t.Fatalf("%s at %d %%, want %s at %d %%", s.Status, s.Wanted(), status, wanted)
	}
}

func planned(t *testing.T, r *cd.TrafficRoutingConfig, p *slipway.ReleasePolicy) Plan {
	t.Helper()
	plan, err := NewPlan(r, p)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestCanaryGoesOnAfterItsWait(t *testing.T) {
	s := New(planned(t, canary(10, 5), nil), start)
	must(t, s, slipway.ReleaseStatusShifting, 10)
	s.Tick(start.Add(time.Hour)) // an hour does not make up for what is not in effect
	must(t, s, slipway.ReleaseStatusShifting, 10)
	s.InEffect(100, start)
	must(t, s, slipway.ReleaseStatusShifting, 10)
	s.InEffect(10, start.Add(time.Second))
	if got := s.Next(); got != (Timer{start.Add(5*time.Minute + time.Second)}) {
		t.Fatalf("%+v: the wait begins when the weight is in effect", got)
	}
	s.Tick(start.Add(5 * time.Minute))
	must(t, s, slipway.ReleaseStatusWaiting, 10)
	s.Tick(start.Add(6 * time.Minute))
	must(t, s, slipway.ReleaseStatusShifting, 100)
	s.InEffect(100, start.Add(7*time.Minute))
	must(t, s, slipway.ReleaseStatusPromoted, 100)
	if s.Next() != nil || s.RollBack(ByHand, "late", start) != ErrEnded || s.Promote(true, start) != ErrEnded {
		t.Error("an ended release goes on")
	}
	// Until what ran before is terminated, the deployment can still go back.
	if err := s.RollBack(ByDeploy, "stopped", start); err != nil {
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusRollingBack, 0)
	s.InEffect(0, start.Add(8*time.Minute))
	must(t, s, slipway.ReleaseStatusRolledBack, 0)
	if s.RollBack(ByDeploy, "twice", start) != ErrEnded {
		t.Error("rolled back twice")
	}
}

func judged(t *testing.T, u slipway.OnUncertain) *State {
	t.Helper()
	s := New(planned(t, nil,
		&slipway.ReleasePolicy{Steps: []slipway.ReleaseStep{step(10, 60), step(100, 0)},
			Comparison: &slipway.ReleaseComparison{}, OnUncertain: u}), start)
	s.InEffect(10, start)
	s.Tick(start.Add(time.Minute))
	must(t, s, slipway.ReleaseStatusAnalysing, 10)
	if got := s.Next(); got != (Analyse{0, 10, start, start.Add(time.Minute)}) {
		t.Fatalf("%+v", got)
	}
	return s
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		decision slipway.ReleaseDecision
		policy   slipway.OnUncertain
		status   slipway.ReleaseStatus
		wanted   int
	}{
		{slipway.ReleaseDecisionPromote, "", slipway.ReleaseStatusShifting, 100},
		{slipway.ReleaseDecisionRollBack, "", slipway.ReleaseStatusRollingBack, 0},
		{slipway.ReleaseDecisionUncertain, "", slipway.ReleaseStatusAsking, 10},
		{slipway.ReleaseDecisionUncertain, slipway.OnUncertainAsk, slipway.ReleaseStatusAsking, 10},
		{slipway.ReleaseDecisionUncertain, slipway.OnUncertainPromote, slipway.ReleaseStatusShifting, 100},
		{slipway.ReleaseDecisionUncertain, slipway.OnUncertainRollBack, slipway.ReleaseStatusRollingBack, 0},
	} {
		s := judged(t, c.policy)
		s.Judged(1, verdict(slipway.ReleaseDecisionRollBack), start)
		must(t, s, slipway.ReleaseStatusAnalysing, 10)
		s.Judged(0, verdict(c.decision), start.Add(time.Minute))
		must(t, s, c.status, c.wanted)
	}
}

func TestPersonAnswers(t *testing.T) {
	s := judged(t, "")
	s.Judged(0, verdict(slipway.ReleaseDecisionUncertain), start)
	if got := s.Next(); got != (Ask{"because UNCERTAIN"}) {
		t.Fatalf("%+v", got)
	}
	if err := s.Promote(false, start); err != nil {
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusShifting, 100)
	if err := s.RollBack(ByHand, "no", start); err != nil {
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusRollingBack, 0)
	if err := s.RollBack(ByDeploy, "again", start); err != nil || s.Cause != ByHand || s.Reason != "no" {
		t.Errorf("%v %s %s: the first reason stays", err, s.Cause, s.Reason)
	}
	for name, err := range map[string]error{"promote": s.Promote(true, start), "pause": s.Pause(),
		"resume": s.Resume(start)} {
		if !errors.Is(err, ErrRollingBack) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.InEffect(100, start) // the router is late: it had just been told 100 %
	must(t, s, slipway.ReleaseStatusRollingBack, 0)
	s.InEffect(0, start)
	must(t, s, slipway.ReleaseStatusRolledBack, 0)
}

func TestPauseHoldsTheNextStep(t *testing.T) {
	s := New(planned(t, canary(10, 5), nil), start)
	if err := s.Pause(); err != nil || s.Pause() != ErrPaused {
		t.Fatal(err)
	}
	s.InEffect(10, start)
	s.Tick(start.Add(time.Hour))
	must(t, s, slipway.ReleaseStatusWaiting, 10)
	if s.Next() != nil {
		t.Errorf("%+v: a paused release waits for nobody but a person", s.Next())
	}
	if err := s.Resume(start.Add(time.Minute)); err != nil || s.Resume(start) != ErrNotPaused {
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusWaiting, 10)
	s.Tick(start.Add(5 * time.Minute))
	must(t, s, slipway.ReleaseStatusShifting, 100)

	s = judged(t, "")
	if err := s.Pause(); err != nil {
		t.Fatal(err)
	}
	s.Judged(0, verdict(slipway.ReleaseDecisionPromote), start.Add(time.Minute))
	must(t, s, slipway.ReleaseStatusWaiting, 10)
	if err := s.Resume(start.Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusShifting, 100)
}

func TestPromoteSkipsWaitsNotVerification(t *testing.T) {
	s := New(planned(t, linear(20, 10), nil), start)
	if err := s.Promote(false, start); err != nil { // while the first step is being shifted
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusShifting, 20)
	s.InEffect(20, start)
	must(t, s, slipway.ReleaseStatusShifting, 40)
	s.InEffect(40, start)
	must(t, s, slipway.ReleaseStatusWaiting, 40)
	if err := s.Promote(true, start); err != nil {
		t.Fatal(err)
	}
	must(t, s, slipway.ReleaseStatusShifting, 100)
	s.InEffect(100, start)
	must(t, s, slipway.ReleaseStatusPromoted, 100)
	if v := s.Visits[2]; v.Started != nil || s.Visits[1].Ended == nil || s.Steps[0].Wait != 10*time.Minute {
		t.Errorf("%+v", s.Visits)
	}
}

// TestAnyOrderOfEvents plays events in any order, also such as do not fit, over a router that applies what it was told
// late or never.
func TestAnyOrderOfEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfNDistinct(rapid.IntRange(1, 99), 0, 5, func(i int) int { return i }).Draw(t, "shares")
		slices.Sort(shares)
		plan := Plan{Analyse: rapid.Bool().Draw(t, "analyse"),
			OnUncertain: rapid.SampledFrom([]slipway.OnUncertain{"ASK", "PROMOTE", "ROLL_BACK"}).Draw(t, "uncertain")}
		for _, share := range append(shares, 100) {
			plan.Steps = append(plan.Steps,
				Step{share, time.Duration(rapid.IntRange(1, 5).Draw(t, "wait")) * time.Minute})
		}
		now := start
		s := New(plan, now)
		router, told, backAt, ends := 0, []int{}, -1, 0
		event := func(kind int) {
			switch kind {
			case 0, 1: // the router applies something that it was told, or nothing
				if len(told) > 0 {
					router = rapid.SampledFrom(told).Draw(t, "applied")
					s.InEffect(router, now)
				}
			case 2, 3:
				now = now.Add(time.Duration(rapid.IntRange(0, 400).Draw(t, "seconds")) * time.Second)
				s.Tick(now)
			case 4, 5:
				s.Judged(rapid.IntRange(0, len(plan.Steps)-1).Draw(t, "judged"),
					verdict(rapid.SampledFrom([]slipway.ReleaseDecision{"PROMOTE", "ROLL_BACK", "UNCERTAIN"}).Draw(t,
						"verdict")), now)
			case 6:
				_ = s.Promote(rapid.Bool().Draw(t, "full"), now)
			case 7:
				_ = s.Pause()
			case 8:
				_ = s.Resume(now)
			case 9:
				_ = s.RollBack(ByHand, "by hand", start)
			}
		}
		follow := func() { // what has to hold after each event
			if w, ok := s.Next().(Weigh); ok && (len(told) == 0 || told[len(told)-1] != w.Percent) {
				if len(told) > 0 && w.Percent < told[len(told)-1] && w.Percent != 0 {
					t.Fatalf("weights go from %d %% to %d %%", told[len(told)-1], w.Percent)
				}
				if backAt >= 0 && w.Percent != 0 {
					t.Fatalf("%d %% after the rollback began", w.Percent)
				}
				told = append(told, w.Percent)
			}
			if s.Status == slipway.ReleaseStatusRollingBack && backAt < 0 {
				backAt = len(told)
			}
			if backAt >= 0 && s.Status != slipway.ReleaseStatusRollingBack &&
				s.Status != slipway.ReleaseStatusRolledBack {
				t.Fatalf("%s after the rollback began", s.Status)
			}
			if s.Ended() && s.Percent != s.Wanted() {
				t.Fatalf("%s with %d %% in effect", s.Status, s.Percent)
			}
			if s.Ended() && s.Next() != nil {
				t.Fatalf("%s asks for %+v", s.Status, s.Next())
			}
			if !cmp.Equal(s.Next(), s.Next()) {
				t.Fatal("asked twice, the state says two things")
			}
			var again State
			text, err := json.Marshal(s)
			if err != nil || json.Unmarshal(text, &again) != nil || !cmp.Equal(s.Next(), again.Next()) ||
				again.Status != s.Status {
				t.Fatalf("%s is another state after it was written down", text)
			}
		}
		follow()
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			before := s.Ended()
			event(rapid.IntRange(0, 9).Draw(t, "kind"))
			if !before && s.Ended() {
				ends++
			} else if before != s.Ended() {
				t.Fatal("an ended release goes on")
			}
			follow()
		}
		// Left to a router that does as it is told and to a person who answers, every release ends.
		for i := 0; !s.Ended(); i++ {
			if i > 100 {
				t.Fatalf("stuck: %s asks for %+v", s.Status, s.Next())
			}
			now = now.Add(time.Hour)
			switch n := s.Next().(type) {
			case Weigh:
				s.InEffect(n.Percent, now)
			case Timer:
				s.Tick(now)
			case Analyse:
				s.Judged(n.Step, verdict(slipway.ReleaseDecisionPromote), now)
			case Ask:
				_ = s.Promote(false, now)
			case nil:
				_ = s.Resume(now)
			}
			if s.Ended() {
				ends++
			}
			follow()
		}
		if ends != 1 {
			t.Fatalf("ended %d times", ends)
		}
	})
}
