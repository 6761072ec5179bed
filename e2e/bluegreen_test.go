package e2e

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

func TestBlueGreenUnderLoad(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "")
	ctx := t.Context()
	if d := c.over(c.deploy(c.marked("one", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	c.serves("one")
	users := newUsers(t, c.front)

	// A canary in steps.
	c.policy(10, 1, 50, 1, 100, 0)
	second := c.deploy(c.marked("two", nil))
	c.at(second, 10)
	if d := c.over(second); d.Status != types.DeploymentStatusSucceeded || d.DeploymentOverview.Succeeded != 4 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	c.serves("two")

	// Stopped in the middle: the traffic goes back, and a rollback is a deployment of its own.
	c.policy(30, 3600, 100, 0)
	third := c.deploy(c.marked("three", nil))
	c.at(third, 30)
	must(c.api.StopDeployment(ctx,
		&codedeploy.StopDeploymentInput{DeploymentId: &third, AutoRollbackEnabled: aws.Bool(true)}))(t)
	d := c.over(third)
	if d.Status != types.DeploymentStatusStopped || d.RollbackInfo == nil ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.RollbackInfo)
	}
	if r := must(c.releaseOf(third))(t); r.Status != "ROLLED_BACK" || r.Percent != 0 {
		t.Errorf("%+v", r)
	}
	if back := c.over(*d.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", back.ErrorInformation)
	}
	c.serves("two")

	// A hook that fails after all traffic had moved.
	c.policy(50, 0, 100, 0)
	fourth := c.deploy(c.marked("four", map[string]string{"AfterAllowTraffic": "exit 3"}))
	if d := c.over(fourth); d.Status != types.DeploymentStatusFailed || d.RollbackInfo == nil {
		t.Fatalf("%+v", d.ErrorInformation)
	} else if back := c.over(*d.RollbackInfo.RollbackDeploymentId); back.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", back.ErrorInformation)
	}
	c.serves("two")

	users.end()
	users.failed(t)
	c.strays()
	c.once()
}

func TestBlueGreenWaits(t *testing.T) {
	t.Parallel()
	c := newBlueGreen(t, "", func(in *codedeploy.CreateDeploymentGroupInput) {
		in.BlueGreenDeploymentConfiguration = &types.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption: &types.DeploymentReadyOption{
				ActionOnTimeout: types.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 60,
			},
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{
				Action: types.InstanceActionTerminate, TerminationWaitTimeInMinutes: 60,
			},
			GreenFleetProvisioningOption: &types.GreenFleetProvisioningOption{
				Action: types.GreenFleetProvisioningActionDiscoverExisting,
			},
		}
	})
	ctx := t.Context()
	waits := func(id string, f func(d *types.DeploymentInfo) bool) {
		t.Helper()
		eventually(t, id+" waits", func() error {
			if d := c.deployment(id); !f(d) {
				return fmt.Errorf("%s: %+v", d.Status, d.DeploymentOverview)
			}
			return nil
		})
	}
	proceed := func(id string) {
		t.Helper()
		waits(id, func(d *types.DeploymentInfo) bool { return d.Status == types.DeploymentStatusReady })
		must(c.api.ContinueDeployment(ctx,
			&codedeploy.ContinueDeploymentInput{DeploymentId: &id,
				DeploymentWaitType: types.DeploymentWaitTypeReadyWait}))(t)
	}
	one := c.deploy(c.marked("one", nil))
	proceed(one)
	c.over(one)
	two := c.deploy(c.marked("two", nil))
	waits(two, func(d *types.DeploymentInfo) bool { return d.Status == types.DeploymentStatusReady })
	if exec.Command("aws", "--version").Run() == nil {
		c.aws("deploy", "continue-deployment", "--deployment-id", two, "--deployment-wait-type", "READY_WAIT")
	} else {
		proceed(two)
	}
	waits(two, func(d *types.DeploymentInfo) bool { return d.InstanceTerminationWaitTimeStarted })
	c.serves("two")
	must(c.api.SkipWaitTimeForInstanceTermination(ctx,
		&codedeploy.SkipWaitTimeForInstanceTerminationInput{DeploymentId: &two}))(t)
	if d := c.over(two); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	// While the originals stand by, the way back is a matter of weights.
	three := c.deploy(c.marked("three", nil))
	proceed(three)
	waits(three, func(d *types.DeploymentInfo) bool { return d.InstanceTerminationWaitTimeStarted })
	must(c.api.StopDeployment(ctx,
		&codedeploy.StopDeploymentInput{DeploymentId: &three, AutoRollbackEnabled: aws.Bool(true)}))(t)
	d := c.over(three)
	if d.Status != types.DeploymentStatusStopped || d.RollbackInfo == nil ||
		d.RollbackInfo.RollbackDeploymentId == nil {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.RollbackInfo)
	}
	c.over(*d.RollbackInfo.RollbackDeploymentId)
	c.serves("two")
	c.strays()
	c.once()
}
