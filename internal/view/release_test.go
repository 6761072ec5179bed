package view

import (
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

func TestAReleaseAsPeopleSeeIt(t *testing.T) {
	for name, c := range map[string]struct {
		status  slipway.ReleaseStatus
		paused  bool
		message string
		kind    Kind
		state   string
		words   string
		line    string
		asks    bool
	}{
		"shifting": {slipway.ReleaseStatusShifting, false, "Shifting: the wait is over",
			Running, "Running", "Releasing, 10 %", "Add tax", false},
		"paused": {slipway.ReleaseStatusShifting, true, "Paused: lunch",
			Waiting, "Paused", "Paused at 10 %", "lunch", true},
		"asking": {slipway.ReleaseStatusAsking, false, "Asking: p95 is uncertain",
			Waiting, "Waiting for a decision", "Waiting for a decision at 10 %", "p95 is uncertain", true},
		"rolled back": {slipway.ReleaseStatusRolledBack, false, "Rolled back: more errors\nthan before",
			Back, "Rolled back", "Rolled back", "more errors", false},
		"rolled back, nobody knows why": {slipway.ReleaseStatusRolledBack, false, "Rolled back",
			Back, "Rolled back", "Rolled back", "Add tax", false},
		"released": {slipway.ReleaseStatusPromoted, false, "Released",
			Succeeded, "Released", "Released", "Add tax", false},
	} {
		t.Run(name, func(t *testing.T) {
			r := ReleaseOf(slipway.ReleaseSummary{
				DeploymentId:        new("d-1"),
				ApplicationName:     new("shop"),
				DeploymentGroupName: new("live"),
				Status:              c.status,
				Paused:              &c.paused,
				Percent:             new(int32(10)),
				Message:             &c.message,
			}, map[string]slipway.Change{"d-1": {Subject: new("Add tax")}})
			if r.Group != "shop/live" || r.Kind != c.kind || r.State != c.state || r.Words != c.words {
				t.Errorf("%s %s %q %q, want shop/live %s %q %q",
					r.Group, r.Kind, r.State, r.Words, c.kind, c.state, c.words)
			}
			if r.Line() != c.line || r.Asks() != c.asks {
				t.Errorf("%q, asks %v; want %q, %v", r.Line(), r.Asks(), c.line, c.asks)
			}
		})
	}
}

func TestACourseSaysHowEachStepWentAndWhatComes(t *testing.T) {
	at := func(seconds int64) *awsproto.Time { return awsproto.At(time.Unix(seconds, 0)) }
	began := slipway.ReleaseStepState{Percent: new(int32(50)), StartTime: at(60), InEffectTime: at(61),
		WaitSeconds: new(int32(30))}
	ended := began
	ended.EndTime = at(90)
	done := slipway.ReleaseStepState{Percent: new(int32(10)), StartTime: at(0), InEffectTime: at(2), EndTime: at(60),
		Verdict: &slipway.ReleaseVerdict{Decision: slipway.ReleaseDecisionPromote, Text: new("It is no worse.")}}
	unreached := slipway.ReleaseStepState{Percent: new(int32(100)), PlannedTime: at(91)}
	pending := slipway.ReleaseStepState{Percent: new(int32(50)), StartTime: at(60)}
	compared := &slipway.ReleasePolicy{Thresholds: &slipway.ReleaseThresholds{}}
	type step struct {
		kind         Kind
		state, words string
	}
	first := step{Succeeded, "Done", "from 00:00:00 for 58 s, no worse"}
	for name, c := range map[string]struct {
		x    slipway.Release
		next string
		want []step
	}{
		"under way": {
			slipway.Release{Status: slipway.ReleaseStatusShifting, Policy: compared,
				Steps: []slipway.ReleaseStepState{done, began, unreached}},
			"At 00:01:31 UTC it moves to 100 % if the analysis finds it no worse.",
			[]step{first, {Running, "Running", "since 00:01:01, for 30 s"}, {Queued, "Planned", "planned at 00:01:31"}},
		},
		"the router is waited for, and it is paused": {
			slipway.Release{Status: slipway.ReleaseStatusShifting, Paused: new(true),
				Steps: []slipway.ReleaseStepState{done, pending}},
			"Resume it to go on.",
			[]step{first, {Running, "Paused", "waiting for the router since 00:01:00"}},
		},
		"rolling back": {
			slipway.Release{Status: slipway.ReleaseStatusRollingBack,
				Steps: []slipway.ReleaseStepState{done, ended, unreached}},
			"It ends once the router sends no more requests to the new version.",
			[]step{first, {Back, "Rolling back", "from 00:01:00, then rolled back"},
				{NotReached, "Not reached", "not reached"}},
		},
		"rolled back": {
			slipway.Release{Status: slipway.ReleaseStatusRolledBack, EndTime: at(95),
				Steps: []slipway.ReleaseStepState{done, ended, unreached}},
			"",
			[]step{first, {Back, "Rolled back", "from 00:01:00, then rolled back"},
				{NotReached, "Not reached", "not reached"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			course := CourseOf(&c.x, nil, nil)
			if course.Next != c.next {
				t.Errorf("next %q, want %q", course.Next, c.next)
			}
			if course.Judged == nil || course.Progress[0].Verdict != "It is no worse." {
				t.Errorf("the verdict is %q, want that of the first step", course.Progress[0].Verdict)
			}
			for i, want := range c.want {
				if got := course.Progress[i]; (step{got.Kind, got.State, got.Words}) != want {
					t.Errorf("step %d is %s %q %q, want %s %q %q",
						i+1, got.Kind, got.State, got.Words, want.kind, want.state, want.words)
				}
			}
		})
	}
}

func TestACourseKnowsWhatItReplaces(t *testing.T) {
	version := func(deployment, commit string) slipway.ServedVersion {
		return slipway.ServedVersion{DeploymentId: &deployment, Change: &slipway.Change{CommitId: &commit}}
	}
	serving := []slipway.ServingGroup{{Versions: []slipway.ServedVersion{version("d-2", "new"), version("d-1", "old")}}}
	c := CourseOf(&slipway.Release{DeploymentId: new("d-2")}, nil, serving)
	if c.Replaces.Commit != "old" || len(c.Serves) != 1 {
		t.Errorf("it replaces %q, and %d groups serve; want old, 1", c.Replaces.Commit, len(c.Serves))
	}
}

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:                "",
		15 * time.Millisecond:       "15 ms",
		1500 * time.Millisecond:     "1.5 s",
		42 * time.Second:            "42 s",
		time.Minute + 5*time.Second: "1 min 05 s",
		2*time.Hour + 3*time.Minute: "2 h 03 min",
	} {
		if got := Took(d); got != want {
			t.Errorf("%v took %q, want %q", d, got, want)
		}
	}
}
