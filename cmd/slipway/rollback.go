package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type rollbackCommand struct {
	client
	printer
	ID     string `arg:"" name:"deployment|application/group" help:"A deployment (d-…), or a group, for its newest deployment."`
	Reason string `short:"m" help:"Why, for those who come later." placeholder:"TEXT"`
	Yes    bool   `short:"y" help:"Don't ask."`
}

func (*rollbackCommand) Help() string {
	return `A release that runs gives its traffic back to what ran before. A deployment that runs is stopped, and its hosts get what they had.
For one that has ended, a deployment of the revision before it is created. On a terminal it asks first.

  slipway rollback d-A1B2C3D4E
  slipway rollback web/production --yes -m 'errors at checkout'`
}

func (c *rollbackCommand) Run(ctx context.Context) error {
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
	where := *d.ApplicationName + "/" + *d.DeploymentGroupName
	switch {
	case release != nil && release.EndTime == nil:
		return c.release(ctx, api, id, where)
	case d.CompleteTime == nil:
		if err := c.ask(fmt.Sprintf("Stop the deployment %s to %s, and put back what its hosts had?", id, where)); err != nil {
			return err
		}
		out, err := api.deployments.StopDeployment(ctx, &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: new(true)})
		if err != nil {
			return err
		}
		return c.done(&outcome{Did: "rolled back", Deployment: id, Message: *out.StatusMessage + " What its hosts had is deployed again: slipway deployments " + where})
	case d.PreviousRevision == nil:
		return refused("nothing was deployed to %s before %s, so there is nothing to go back to", where, id)
	}
	if err := c.ask(fmt.Sprintf("Deploy %s to %s, what was there before %s?", revision(d.PreviousRevision), where, id)); err != nil {
		return err
	}
	return api.deploy(ctx, c.printer, d, d.PreviousRevision, outcome{Did: "rolled back", RollsBack: id, Message: "%s deploys to " + where + " what was there before " + id + ": " + revision(d.PreviousRevision)})
}

func (c *rollbackCommand) release(ctx context.Context, api *contract, id, where string) error {
	if err := c.ask(fmt.Sprintf("Give all traffic of %s back to what ran before %s?", where, id)); err != nil {
		return err
	}
	in := &slipway.RollBackReleaseInput{DeploymentId: &id}
	if c.Reason != "" {
		in.Reason = &c.Reason
	}
	if _, err := api.slipway.RollBackRelease(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: "rolled back", Deployment: id, Message: "The release of " + id + " goes back: all traffic of " + where + " to what ran before. Follow it with: slipway releases " + id})
}

// ask lets somebody at a terminal say no.
func (c *rollbackCommand) ask(question string) error {
	if c.Yes || !terminal.IsTerminal(os.Stdin) || !terminal.IsTerminal(os.Stderr) {
		return nil
	}
	fmt.Fprint(os.Stderr, terminal.Clean(question)+" [y/N] ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "y" && answer != "yes" {
		return exit(exitFailed, fmt.Errorf("nothing was done"))
	}
	return nil
}

// deployment finds a deployment by its ID, or the newest of a group.
func (c *contract) deployment(ctx context.Context, of string) (*codedeploy.DeploymentInfo, error) {
	n, err := recognise(of)
	if err != nil {
		return nil, err
	}
	id := n.deployment
	if id == "" {
		application, group, ok := strings.Cut(of, "/")
		if !ok || n.execution != "" || n.build != "" {
			return nil, usage("%q is no deployment (d-…) and no group (APPLICATION/GROUP); slipway deployments lists them", of)
		}
		list, err := c.deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{ApplicationName: &application, DeploymentGroupName: &group})
		if err != nil {
			return nil, err
		}
		if len(list.Deployments) == 0 {
			return nil, missing("nothing was ever deployed to %s", of)
		}
		id = list.Deployments[0]
	}
	out, err := c.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return nil, err
	}
	return out.DeploymentInfo, nil
}

// release is that of a deployment; nil for one that shifts no traffic step by step.
func (c *contract) release(ctx context.Context, id string) (*slipway.Release, error) {
	out, err := c.slipway.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &id})
	if awsproto.Code(err) == "ReleaseNotFoundException" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Release, nil
}
