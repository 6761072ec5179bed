package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/api/awsproto"
	cmd "slipway/api/codedeploycommand"
	"slipway/internal/deploy"
	"slipway/internal/journal"
)

func TestASilentHostIsSaidToBe(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	w.hosts.Hold = time.Millisecond
	if x := w.speak(h).poll(); x != nil {
		t.Fatalf("a command before there is one: %+v", x)
	}
	w.clock.forward(time.Hour)
	id := w.deploy(w.release("v1", nil))
	e := event1(w.target(id, "web1"), "ApplicationStop")
	if e.Diagnostics == nil ||
		!strings.Contains(*e.Diagnostics.Message, "Waiting for the host. Its agent has been silent since ") {
		t.Fatalf("%+v", e.Diagnostics)
	}
	w.clock.forward(5*time.Minute + time.Second)
	// The store's own clock is the real one, by which the timer is not due yet.
	w.run("deploy.timer", id+"/web1")
	d := w.wait(id)
	e = event1(w.target(id, "web1"), "ApplicationStop")
	if d.Status != types.DeploymentStatusFailed ||
		!strings.HasPrefix(*e.Diagnostics.Message,
			"The host did not begin ApplicationStop within 5 minutes. Its agent has been silent since ") {
		t.Fatalf("%+v %+v", d, e.Diagnostics)
	}
	w.until(func() bool { // the line follows the end
		name := deploy.LogName("shop", id, "web1", "ApplicationStop")
		p, err := w.journal.Read(t.Context(), name, journal.Query{Limit: 1})
		return err == nil && p.Complete
	})
	if got := w.log(id, "web1", "ApplicationStop"); len(got) != 1 ||
		!strings.HasPrefix(got[0], "The host did not begin") {
		t.Errorf("%q", got)
	}
}

func TestAnUnknownHostHasNeverBeenHeardOf(t *testing.T) {
	w := newWorld(t)
	w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	id := w.deploy(w.release("v1", nil))
	w.clock.forward(6 * time.Minute)
	w.run("deploy.timer", id+"/web1")
	w.wait(id)
	if e := event1(w.target(id, "web1"), "ApplicationStop"); !strings.Contains(*e.Diagnostics.Message,
		"Its agent has never been heard of. Check that the agent runs") {
		t.Fatalf("%+v", e.Diagnostics)
	}
}

func TestTheLimitOfADeployment(t *testing.T) {
	w := newWorld(t)
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.newHost("web2", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.OneAtATime")
	id := w.deploy(w.release("v1", nil))
	c := w.speak(h)
	x := c.poll()
	c.acknowledge(x)
	w.run("deploy.limit", id)
	d := w.wait(id)
	if d.Status != types.DeploymentStatusFailed || d.ErrorInformation.Code != types.ErrorCodeTimeout ||
		d.DeploymentOverview.Failed != 1 || d.DeploymentOverview.Skipped != 1 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	c.complete(x, cmd.HostCommandStatusSucceeded, 0, "", "") // too late, and no harm
}

func TestStop(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	h := w.newHost("web1", map[string]string{"role": "web"})
	w.newHost("web2", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.OneAtATime")
	id := w.deploy(w.release("v1", nil))
	if _, err := w.api.CreateDeployment(ctx,
		&codedeploy.CreateDeploymentInput{ApplicationName: aws.String("shop"), DeploymentGroupName: aws.String("prod"),
			Revision: w.release("v2", nil)}); code(err) != "DeploymentLimitExceededException" {
		t.Fatalf("a second one: %v", err)
	}
	c := w.speak(h)
	x := c.poll()
	c.acknowledge(x)
	out, err := w.api.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id})
	if err != nil || out.Status != types.StopStatusPending {
		t.Fatalf("%+v %v", out, err)
	}
	c.complete(x, cmd.HostCommandStatusSucceeded, 0, "", "")
	d := w.wait(id)
	if d.Status != types.DeploymentStatusStopped || d.ErrorInformation.Code != types.ErrorCodeManualStop ||
		d.DeploymentOverview.Skipped != 1 || d.DeploymentOverview.Failed != 1 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	if _, err := w.api.StopDeployment(ctx,
		&codedeploy.StopDeploymentInput{DeploymentId: &id}); code(err) != "DeploymentAlreadyCompletedException" {
		t.Fatal(err)
	}
	// Nothing runs: it stops at once.
	id = w.deploy(w.release("v2", nil))
	if out, err = w.api.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id}); err != nil ||
		out.Status != types.StopStatusSucceeded {
		t.Fatalf("%+v %v", out, err)
	}
	if d := w.wait(id); d.Status != types.DeploymentStatusStopped || d.DeploymentOverview.Skipped != 2 {
		t.Fatalf("%+v", d.DeploymentOverview)
	}
}

func TestStopWithRollback(t *testing.T) {
	w := newWorld(t)
	hosts := w.fleet(1)
	w.group("CodeDeployDefault.AllAtOnce")
	if d := w.wait(w.deploy(w.release("v1", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	id := w.deploy(w.release("v2",
		map[string]string{
			"AfterInstall": `mkfifo "$SLIPWAY_ROOT/gate"; touch "$SLIPWAY_ROOT/here"; read x < "$SLIPWAY_ROOT/gate"`,
		}))
	eventually(t, func() bool { return exists(hosts[0].root + "/here") })
	out, err := w.api.StopDeployment(t.Context(),
		&codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: aws.Bool(true)})
	if err != nil || out.Status != types.StopStatusPending {
		t.Fatalf("%+v %v", out, err)
	}
	open(t, hosts[0].root+"/gate")
	d := w.wait(id)
	if d.Status != types.DeploymentStatusStopped || d.RollbackInfo == nil ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%+v", d)
	}
	if back := w.wait(*d.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", back.ErrorInformation)
	}
	if got := read(t, hosts[0].root, "srv/shop/version"); got != "v1" {
		t.Errorf("has %q", got)
	}
}

func TestADeploymentOfAPipelineIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	w.newHost("web1", map[string]string{"role": "web"})
	w.group("CodeDeployDefault.AllAtOnce")
	w.release("v1", nil)
	in := fromPipeline()
	one, err := w.service.CreateForPipeline(t.Context(), "execution/action", in)
	if err != nil {
		t.Fatal(err)
	}
	two, err := w.service.CreateForPipeline(t.Context(), "execution/action", in)
	if err != nil || one != two {
		t.Fatalf("%s %s %v", one, two, err)
	}
	if _, err := w.service.CreateForPipeline(t.Context(), "another",
		in); awsproto.Code(err) != "DeploymentLimitExceededException" {
		t.Fatal(err)
	}
}
