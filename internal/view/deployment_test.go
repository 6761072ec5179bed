package view

import (
	"slices"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

func TestADeploymentAsPeopleSeeIt(t *testing.T) {
	broken := slipway.Change{Subject: new("Add tax"), Cause: new("host-1, start.sh, exit 3")}
	back := slipway.Change{Subject: new("Add tax"), RollsBack: new("d-0")}
	release := func(s slipway.ReleaseStatus, paused bool) *slipway.ReleaseSummary {
		return &slipway.ReleaseSummary{Status: s, Paused: &paused, Percent: new(int32(10))}
	}
	ended := release(slipway.ReleaseStatusAsking, false)
	ended.EndTime = awsproto.At(time.Unix(1, 0))
	for name, c := range map[string]struct {
		status    codedeploy.DeploymentStatus
		change    slipway.Change
		release   *slipway.ReleaseSummary
		kind      Kind
		state     string
		line      string
		stoppable bool
	}{
		"running": {codedeploy.DeploymentStatusInProgress, slipway.Change{Subject: new("Add tax")}, nil,
			Running, "Running", "Add tax", true},
		"failed": {codedeploy.DeploymentStatusFailed, broken, nil,
			Failed, "Failed", "host-1, start.sh, exit 3", false},
		"succeeded": {codedeploy.DeploymentStatusSucceeded, broken, nil, Succeeded, "Succeeded", "Add tax", false},
		"a rollback": {codedeploy.DeploymentStatusSucceeded, back, nil,
			Succeeded, "Succeeded", "rollback of d-0", false},
		"ready": {codedeploy.DeploymentStatusReady, slipway.Change{}, nil,
			Waiting, "Waiting to shift traffic", "", true},
		"shifting": {codedeploy.DeploymentStatusInProgress, slipway.Change{},
			release(slipway.ReleaseStatusShifting, false), Running, "Running", "", true},
		"paused": {codedeploy.DeploymentStatusInProgress, slipway.Change{},
			release(slipway.ReleaseStatusShifting, true), Waiting, "Paused at 10 %", "", true},
		"asking": {codedeploy.DeploymentStatusInProgress, slipway.Change{},
			release(slipway.ReleaseStatusAsking, false), Waiting, "Waiting for a decision at 10 %", "", true},
		"asked until it ended": {codedeploy.DeploymentStatusStopped, slipway.Change{}, ended,
			Stopped, "Stopped", "", false},
		"rolled back": {codedeploy.DeploymentStatusStopped, broken, release(slipway.ReleaseStatusRolledBack, false),
			Back, "Rolled back", "host-1, start.sh, exit 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := DeploymentOf(codedeploy.DeploymentInfo{
				DeploymentId:        new("d-1"),
				ApplicationName:     new("shop"),
				DeploymentGroupName: new("live"),
				Status:              c.status,
			}, map[string]slipway.Change{"d-1": c.change}, c.release)
			if d.Group != "shop/live" || d.Kind != c.kind || d.State != c.state || d.Line() != c.line {
				t.Errorf("%s %s %q %q, want shop/live %s %q %q",
					d.Group, d.Kind, d.State, d.Line(), c.kind, c.state, c.line)
			}
			if d.Stoppable() != c.stoppable {
				t.Errorf("stoppable %v, want %v", d.Stoppable(), c.stoppable)
			}
		})
	}
}

func TestATallyCountsTargets(t *testing.T) {
	one := new(int64(1))
	for name, c := range map[string]struct {
		overview *codedeploy.DeploymentOverview
		want     string
	}{
		"nothing known": {nil, ""},
		"no targets":    {&codedeploy.DeploymentOverview{}, "0/0"},
		"each": {&codedeploy.DeploymentOverview{Pending: one, InProgress: one, Succeeded: one, Failed: one,
			Skipped: one, Ready: one}, "1/6"},
	} {
		if got := tallyOf(c.overview).String(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// event is a lifecycle event that ended so many seconds after another time, with what its script printed.
func event(name string, status codedeploy.LifecycleEventStatus, end int64, printed string) codedeploy.LifecycleEvent {
	return codedeploy.LifecycleEvent{
		LifecycleEventName: &name,
		Status:             status,
		EndTime:            awsproto.At(time.Unix(end, 0)),
		Diagnostics:        &codedeploy.Diagnostics{Message: new("exit code 3"), LogTail: &printed},
	}
}

func TestATargetSaysWhichEventItIsAt(t *testing.T) {
	install := event("Install", codedeploy.LifecycleEventStatusSucceeded, 1, "")
	for name, c := range map[string]struct {
		status codedeploy.TargetStatus
		events []codedeploy.LifecycleEvent
		words  string
		say    string // of the last event
	}{
		"queued": {codedeploy.TargetStatusPending, nil, "Queued", ""},
		"running": {codedeploy.TargetStatusInProgress, []codedeploy.LifecycleEvent{install,
			event("ApplicationStart", codedeploy.LifecycleEventStatusInProgress, 2, "")}, "ApplicationStart", ""},
		"failed": {codedeploy.TargetStatusFailed, []codedeploy.LifecycleEvent{install,
			event("ApplicationStart", codedeploy.LifecycleEventStatusFailed, 2, "")},
			"Failed ApplicationStart", "exit code 3"},
		"done": {codedeploy.TargetStatusSucceeded, []codedeploy.LifecycleEvent{install}, "Done", ""},
	} {
		t.Run(name, func(t *testing.T) {
			one := TargetOf(&codedeploy.InstanceTarget{
				TargetId: new("host-1"), Status: c.status, LifecycleEvents: c.events})
			if one.Words() != c.words {
				t.Errorf("%q, want %q", one.Words(), c.words)
			}
			if n := len(one.Events); n > 0 && one.Events[n-1].Say != c.say {
				t.Errorf("the last event says %q, want %q", one.Events[n-1].Say, c.say)
			}
		})
	}
}

func TestTheFirstFailureIsTheOneThatEndedFirst(t *testing.T) {
	target := func(name string, events ...codedeploy.LifecycleEvent) codedeploy.DeploymentTarget {
		return codedeploy.DeploymentTarget{
			InstanceTarget: &codedeploy.InstanceTarget{TargetId: &name, LifecycleEvents: events}}
	}
	failed := codedeploy.LifecycleEventStatusFailed
	targets := TargetsOf([]codedeploy.DeploymentTarget{
		target("host-1", event("Install", failed, 5, "")),
		{}, // of a platform that has no hosts
		target("host-2", event("Install", codedeploy.LifecycleEventStatusSucceeded, 1, ""),
			event("ApplicationStart", failed, 3, "one\ntwo\nthree\n")),
	})
	f := FirstFailure(targets)
	if f == nil || f.Host != "host-2" || *f.Event.LifecycleEventName != "ApplicationStart" {
		t.Fatalf("%+v, want ApplicationStart on host-2", f)
	}
	if got, want := f.LastLines(2), []string{"two", "three"}; !slices.Equal(got, want) {
		t.Errorf("it printed %q, want %q", got, want)
	}
	if f := FirstFailure(targets[:1]); f.LastLines(2) != nil {
		t.Errorf("a script that printed nothing printed %q", f.LastLines(2))
	}
	if f := FirstFailure(nil); f != nil {
		t.Errorf("%+v of no hosts", f)
	}
}
