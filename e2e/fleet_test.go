package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// fleetRunner starts a runner of a fleet that runs one build at a time, as a process of its own.
func (i *instance) fleetRunner(fleet string) {
	i.t.Helper()
	id, key := i.key("runner")
	c := exec.Command(i.program, "runner", "--endpoint", i.url, "--region", region, "--name", fleet+"-1",
		"--data", filepath.Join(folder(i.t), "runner"), "--builds", "1", "--engine", "none", "--no-sandbox", "--fleet", fleet)
	c.Env = append(environment(), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+key)
	c.Stdout, c.Stderr = i.log.file(i.t), i.log.file(i.t)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
}

// createFleet makes a fleet for one build at a time with the aws CLI and returns its ARN.
func (i *instance) createFleet(name, overflow string) string {
	i.t.Helper()
	out := i.aws("codebuild", "create-fleet", "--name", name, "--base-capacity", "1", "--environment-type",
		"LINUX_CONTAINER", "--compute-type", "BUILD_GENERAL1_SMALL", "--overflow-behavior", overflow, "--query",
		"fleet.arn", "--output", "text")
	return strings.TrimSpace(out)
}

// fleetState is a fleet as `slipway fleets -o json` shows it.
type fleetState struct {
	Name                         string
	Running, Overflowing, Queued int
	Runners                      []struct {
		Name   string
		Builds []string
	}
}

func (i *instance) fleetStates() map[string]fleetState {
	i.t.Helper()
	var out struct{ Fleets []fleetState }
	text := must(i.slipway("fleets", "-o", "json"))(i.t)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		i.t.Fatalf("%v: %s", err, text)
	}
	all := map[string]fleetState{}
	for _, f := range out.Fleets {
		all[f.Name] = f
	}
	return all
}

// inFleet starts a build that lasts until it is stopped.
func (i *instance) inFleet(arn string) string {
	i.t.Helper()
	out := i.aws("codebuild", "start-build", "--project-name", "long", "--fleet-override", "fleetArn="+arn, "--query",
		"build.id", "--output", "text")
	return strings.TrimSpace(out)
}

// running waits until a build runs its commands.
func (i *instance) running(id string) {
	i.t.Helper()
	eventually(i.t, "the build's command", func() error {
		if out, err := i.slipway("logs", id); err != nil || !strings.Contains(out, "begun") {
			return fmt.Errorf("%w: %s", errors.Join(err, os.ErrNotExist), out)
		}
		return nil
	})
}

// Two runner processes of two fleets take the builds of their fleets alone; one fleet queues, the other overflows.
func TestFleetsOfTwoRunners(t *testing.T) {
	t.Parallel()
	i := up(t)
	i.inline("long", "version: 0.2\nphases: {build: {commands: ['echo begun', 'sleep 600']}}\n")
	queue, spill := i.createFleet("queue", "QUEUE"), i.createFleet("spill", "ON_DEMAND")
	first := i.inFleet(queue)
	has(t, must(i.slipway("why", first))(t), "waits for a runner of the fleet queue", "slipway runner --fleet queue")
	i.fleetRunner("queue")
	i.fleetRunner("spill")
	i.running(first)
	eventually(t, "the runner of the other fleet", func() error {
		if f := i.fleetStates()["spill"]; len(f.Runners) != 1 {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
	second, third := i.inFleet(queue), i.inFleet(spill)
	i.running(third)
	fourth := i.inFleet(spill)
	i.running(fourth)
	has(t, i.printed(fourth), "The fleet spill had no free capacity", "runs on the runner local")
	has(t, must(i.slipway("why", second))(t), "The fleet queue runs 1 of the 1 builds")
	all := i.fleetStates()
	if f := all["queue"]; f.Running != 1 || f.Queued != 1 || f.Runners[0].Name != "queue-1" ||
		!reflect.DeepEqual(f.Runners[0].Builds, []string{first}) {
		t.Errorf("queue: %+v", f)
	}
	if f := all["spill"]; f.Running != 1 || f.Overflowing != 1 || !reflect.DeepEqual(f.Runners[0].Builds, []string{third}) {
		t.Errorf("spill: %+v", f)
	}
	i.aws("codebuild", "stop-build", "--id", first)
	i.running(second)
	waits := i.inFleet(queue)
	i.aws("codebuild", "delete-fleet", "--arn", queue)
	if b := i.ended(waits); b.BuildStatus != types.StatusTypeFailed {
		t.Errorf("a build that waited for the deleted fleet: %s", steps(b))
	}
	has(t, must(i.slipway("why", waits))(t), "The fleet queue was deleted while the build waited")
	_, err := i.awsFails("codebuild", "start-build", "--project-name", "long", "--fleet-override", "fleetArn="+queue)
	has(t, fmt.Sprint(err), "InvalidInputException", "does not exist; it may have been deleted")
	for _, id := range []string{second, third, fourth} {
		i.aws("codebuild", "stop-build", "--id", id)
		i.ended(id)
	}
}

// The calls of Terraform's aws_codebuild_fleet in its order: create, read until ACTIVE, read again, update, delete, read.
func TestFleetAsTerraformMakesIt(t *testing.T) {
	t.Parallel()
	i := up(t)
	c, ctx := codebuild.NewFromConfig(i.sdk()), t.Context()
	made := must(c.CreateFleet(ctx, &codebuild.CreateFleetInput{
		Name: new("build"), BaseCapacity: new(int32(2)), ComputeType: types.ComputeTypeBuildGeneral1Small,
		EnvironmentType: types.EnvironmentTypeLinuxContainer, OverflowBehavior: types.FleetOverflowBehaviorQueue,
		ScalingConfiguration: &types.ScalingConfigurationInput{MaxCapacity: new(int32(5)),
			ScalingType: types.FleetScalingTypeTargetTrackingScaling,
			TargetTrackingScalingConfigs: []types.TargetTrackingScalingConfiguration{{TargetValue: new(97.5),
				MetricType: types.FleetScalingMetricTypeFleetUtilizationRate}}},
	}))(t).Fleet
	read := func() []types.Fleet {
		return must(c.BatchGetFleets(ctx, &codebuild.BatchGetFleetsInput{Names: []string{*made.Arn}}))(t).Fleets
	}
	if f := read()[0]; f.Status.StatusCode != types.FleetStatusCodeActive || !reflect.DeepEqual(read()[0], f) ||
		*f.ScalingConfiguration.DesiredCapacity != 2 || *f.ScalingConfiguration.MaxCapacity != 5 {
		t.Errorf("%+v", f)
	}
	must(c.UpdateFleet(ctx, &codebuild.UpdateFleetInput{Arn: made.Arn, Tags: []types.Tag{},
		OverflowBehavior: types.FleetOverflowBehaviorOnDemand, ScalingConfiguration: &types.ScalingConfigurationInput{}}))(t)
	if f := read()[0]; f.ScalingConfiguration != nil || f.OverflowBehavior != types.FleetOverflowBehaviorOnDemand {
		t.Errorf("after the update: %+v", f)
	}
	if l := must(c.ListFleets(ctx, &codebuild.ListFleetsInput{}))(t); !reflect.DeepEqual(l.Fleets, []string{*made.Arn}) {
		t.Errorf("%q", l.Fleets)
	}
	must(c.DeleteFleet(ctx, &codebuild.DeleteFleetInput{Arn: made.Arn}))(t)
	if left := read(); len(left) != 0 {
		t.Errorf("after the deletion: %+v", left)
	}
}
