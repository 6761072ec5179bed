package main

import (
	"context"
	"fmt"
	"os"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/internal/terminal"
)

// deployment prints what the scripts of a deployment printed, host by host and event by event.
func (c *logsCommand) deployment(ctx context.Context, id string) error {
	if c.Follow {
		return usage("the scripts of a deployment cannot be followed; slipway logs %s prints what they printed so far",
			id)
	}
	conn, err := c.open()
	if err != nil {
		return err
	}
	api := newContract(conn)
	out, err := api.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	targets, err := api.targets(ctx, id)
	if err != nil {
		return err
	}
	group, found := "/aws/codedeploy/"+*out.DeploymentInfo.ApplicationName, false
	for i := range targets {
		of := targets[i].InstanceTarget
		if of == nil || c.Host != "" && c.Host != *of.TargetId {
			continue
		}
		some, err := c.hostOutput(ctx, conn, group, id, of)
		if err != nil {
			return err
		}
		found = found || some
	}
	if !found {
		return missing(
			"the deployment %s has no such host or event, or none that began; slipway deployments %s lists them",
			id,
			id,
		)
	}
	return nil
}

// hostOutput prints what the scripts of the wanted events printed on a host. It reports false if none has begun.
func (c *logsCommand) hostOutput(ctx context.Context, conn *awsproto.Client, group, id string,
	of *codedeploy.InstanceTarget) (found bool, err error) {
	for i := range of.LifecycleEvents {
		e := &of.LifecycleEvents[i]
		if e.StartTime == nil || c.Event != "" && c.Event != *e.LifecycleEventName {
			continue
		}
		found = true
		heading := &heading{
			text: terminal.Clean(fmt.Sprintf("== %s %s: %s", *of.TargetId, *e.LifecycleEventName, e.Status)),
		}
		err := c.stream(ctx, conn, group, id+"/"+*of.TargetId+"/"+*e.LifecycleEventName, heading)
		if err != nil && awsproto.Code(err) != "LogNotFoundException" {
			return found, err
		}
	}
	return found, nil
}

// heading stands before what is printed, if anything is.
type heading struct {
	text string
	said bool
}

func (h *heading) Write(b []byte) (int, error) {
	if !h.said && len(b) > 0 {
		h.said = true
		fmt.Println(h.text)
	}
	return os.Stdout.Write(b)
}
