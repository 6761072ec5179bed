package main

import (
	"context"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/view"
)

type promoteCommand struct {
	client
	printer
	ID   string `arg:"" name:"deployment|application/group" help:"A deployment (d-…), or a group, for its newest deployment."`
	Full bool   `help:"All traffic at once, instead of the next step."`
}

func (*promoteCommand) Help() string {
	return `The next step of a release begins without waiting or asking any longer. A blue/green deployment that
is ready shifts its traffic; one that keeps its original hosts for a while ends them now.

  slipway promote d-A1B2C3D4E
  slipway promote web/production --full`
}

func (c *promoteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	d, err := api.deployment(ctx, c.ID)
	if err != nil {
		return err
	}
	id := *d.DeploymentId
	release, err := api.release(ctx, id)
	if err != nil {
		return err
	}
	wait, message := codedeploy.DeploymentWaitType(""), ""
	switch {
	case release != nil && release.EndTime == nil:
		if _, err := api.slipway.PromoteRelease(
			ctx,
			&slipway.PromoteReleaseInput{DeploymentId: &id, Full: &c.Full},
		); err != nil {
			return err
		}
		message = "The next step of the release of " + id + " begins. Follow it with: slipway releases " + id
		if c.Full {
			message = "All traffic goes to " + id + ". Follow it with: slipway releases " + id
		}
		return c.done(&outcome{Did: "promoted", Deployment: id, Message: message})
	case d.CompleteTime != nil:
		return refused("the deployment %s has ended already: %s", id, view.KindOf(d.Status).Word())
	case d.Status == codedeploy.DeploymentStatusReady:
		wait, message = codedeploy.DeploymentWaitTypeReadyWait, "The deployment "+id+" goes on: its traffic is shifted."
	case d.InstanceTerminationWaitTimeStarted != nil && *d.InstanceTerminationWaitTimeStarted:
		wait, message = codedeploy.DeploymentWaitTypeTerminationWait, "The deployment "+id+
			" goes on: the original hosts are ended."
	default:
		return refused("the deployment %s waits for no decision: it is %s", id, view.KindOf(d.Status).Word())
	}
	if _, err := api.deployments.ContinueDeployment(
		ctx,
		&codedeploy.ContinueDeploymentInput{DeploymentId: &id, DeploymentWaitType: wait},
	); err != nil {
		return err
	}
	return c.done(&outcome{Did: "promoted", Deployment: id, Message: message})
}
