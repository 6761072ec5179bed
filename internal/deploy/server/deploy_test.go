package server_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

func TestDeployToAFleet(t *testing.T) {
	w := newWorld(t)
	hosts := w.fleet(3)
	w.group("CodeDeployDefault.OneAtATime")
	begun := time.Now()
	id := w.deploy(w.release("v1", nil))
	d := w.wait(id)
	t.Logf("seven events on three hosts, one after another, took %s", time.Since(begun))
	if d.Status != types.DeploymentStatusSucceeded || d.DeploymentOverview.Succeeded != 3 || d.CompleteTime == nil {
		t.Fatalf("%+v %+v", d, d.ErrorInformation)
	}
	for _, h := range hosts {
		if got := read(t, h.root, "srv/shop/version"); got != "v1" {
			t.Errorf("%s has %q", h.name, got)
		}
		if got := read(t, h.root,
			"events"); got != "v1 BeforeInstall\nv1 AfterInstall\nv1 ApplicationStart\nv1 ValidateService\n" {
			t.Errorf("%s ran %q", h.name, got)
		}
	}
	x := w.target(id, "web2")
	if x.Status != types.TargetStatusSucceeded || len(x.LifecycleEvents) != 7 {
		t.Fatalf("%+v", x)
	}
	for _, e := range x.LifecycleEvents {
		if e.Status != types.LifecycleEventStatusSucceeded || e.StartTime == nil || e.EndTime == nil ||
			e.Diagnostics.ErrorCode != types.LifecycleErrorCodeSuccess {
			t.Errorf("%s: %+v", *e.LifecycleEventName, e)
		}
	}
	if got := w.log(id, "web1", "AfterInstall"); !slices.Equal(got,
		[]string{"LifecycleEvent - AfterInstall", "Script - scripts/AfterInstall"}) {
		t.Errorf("log %q", got)
	}
	// The second deployment stops the old version with its own script, and takes its files away.
	id = w.deploy(w.release("v2", map[string]string{"ApplicationStop": "exit 1"}))
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded || *d.PreviousRevision.S3Location.Key != "v1.zip" {
		t.Fatalf("%+v", d)
	}
	if got := read(t, hosts[0].root, "events"); !strings.Contains(got,
		"v1 ValidateService\nv1 ApplicationStop\nv2 BeforeInstall\n") {
		t.Errorf("ran %q", got)
	}
	if got := read(t, hosts[0].root, "srv/shop/version"); got != "v2" {
		t.Errorf("has %q", got)
	}
}

func TestFailureAndRollback(t *testing.T) {
	w := newWorld(t)
	hosts := w.fleet(2)
	w.group("CodeDeployDefault.OneAtATime", rollBack(types.AutoRollbackEventDeploymentFailure))
	if d := w.wait(w.deploy(w.release("v1", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	id := w.deploy(w.release("v2",
		map[string]string{"ApplicationStart": "echo first; echo 'port is taken' >&2; exit 3"}))
	d := w.wait(id)
	if d.Status != types.DeploymentStatusFailed || d.ErrorInformation.Code != types.ErrorCodeHealthConstraints ||
		d.DeploymentOverview.Failed != 1 || d.DeploymentOverview.Skipped != 1 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	x := w.target(id, "web1")
	e := event1(x, "ApplicationStart")
	if e.Status != types.LifecycleEventStatusFailed ||
		e.Diagnostics.ErrorCode != types.LifecycleErrorCodeScriptFailed ||
		*e.Diagnostics.ScriptName != "scripts/ApplicationStart" ||
		*e.Diagnostics.Message != "Script at specified location: scripts/ApplicationStart failed with exit code 3" ||
		!strings.Contains(*e.Diagnostics.LogTail, "[stderr]port is taken\n") {
		t.Errorf("%+v %+v", e.Status, *e.Diagnostics.Message)
	}
	if event1(x, "ValidateService").Status != types.LifecycleEventStatusSkipped {
		t.Error("ValidateService was not skipped")
	}
	if got := w.log(id, "web1", "ApplicationStart"); !slices.Contains(got, "[stdout]first") ||
		!slices.Contains(got, "[stderr]port is taken") {
		t.Errorf("log %q", got)
	}
	back := w.wait(*d.RollbackInfo.RollbackDeploymentId)
	if back.Status != types.DeploymentStatusSucceeded || back.Creator != types.DeploymentCreatorCodeDeployRollback ||
		*back.RollbackInfo.RollbackTriggeringDeploymentId != id || *back.Revision.S3Location.Key != "v1.zip" {
		t.Fatalf("%+v %+v", back, back.ErrorInformation)
	}
	for _, h := range hosts {
		if got := read(t, h.root, "srv/shop/version"); got != "v1" {
			t.Errorf("%s has %q", h.name, got)
		}
	}
}
