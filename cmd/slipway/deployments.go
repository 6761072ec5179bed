package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type deploymentsCommand struct {
	client
	printer
	Of    string `arg:"" optional:"" name:"application/group|deployment" help:"Deployments of this group, or the hosts of this deployment (d-…)."`
	Limit int    `short:"n" help:"At most so many deployments." default:"20"`
}

func (*deploymentsCommand) Help() string {
	return "Deployments, the newest first; of one deployment, its hosts and the lifecycle events on each.\n\n" +
		"  slipway deployments\n" +
		"  slipway deployments web/production -n 5\n" +
		"  slipway deployments d-A1B2C3D4E\n" +
		"  slipway deployments -o yaml"
}

func (c *deploymentsCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Of == "" {
		return c.many(ctx, api, &codedeploy.ListDeploymentsInput{})
	}
	n, err := recognise(c.Of)
	if err != nil {
		return err
	}
	if n.deployment != "" {
		return c.one(ctx, api, n.deployment)
	}
	application, group, ok := strings.Cut(c.Of, "/")
	if !ok {
		return usage("%q is neither a deployment (d-…) nor a group (APPLICATION/GROUP)", c.Of)
	}
	return c.many(ctx, api,
		&codedeploy.ListDeploymentsInput{ApplicationName: &application, DeploymentGroupName: &group})
}

// many prints a list of deployments, the newest first.
func (c *deploymentsCommand) many(ctx context.Context, api *contract, in *codedeploy.ListDeploymentsInput) error {
	found, err := c.list(ctx, api, in)
	if err != nil {
		return err
	}
	group := slipway.GroupRef{ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName}
	all, err := view.ReadDeployments(ctx, api.slipway, found, group)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"deploymentsInfo": all}, func(t *terminal.Table) {
		t.Head("STATE", "COMMIT", "GROUP", "HOSTS", "STARTED", "TOOK", "DEPLOYMENT", "AUTHOR",
			"CHANGE, OR WHY IT FAILED")
		for i := range all {
			d := &all[i]
			t.Row(
				terminal.Cell{Text: d.State, Kind: d.Kind},
				commitCell(d.Change),
				terminal.Text(d.Group),
				terminal.Text(d.Hosts.String()),
				terminal.Text(terminal.Ago(d.CreateTime, now)),
				terminal.Text(terminal.Between(d.CreateTime, d.CompleteTime, now)),
				terminal.Pointed(d.DeploymentId),
				terminal.Text(d.Change.Author),
				terminal.Text(d.Line()),
			)
		}
		if len(all) == 0 {
			t.Note("No deployments yet.")
		}
	})
}

// deploymentsABatch is CodeDeploy's limit, of deployments and of targets.
const deploymentsABatch = 25

func (c *deploymentsCommand) list(
	ctx context.Context,
	api *contract,
	in *codedeploy.ListDeploymentsInput,
) ([]codedeploy.DeploymentInfo, error) {
	all := []codedeploy.DeploymentInfo{}
	for {
		page, err := api.deployments.ListDeployments(ctx, in)
		if err != nil {
			return nil, err
		}
		ids := page.Deployments[:min(len(page.Deployments), c.Limit-len(all))]
		for len(ids) > 0 {
			n := min(len(ids), deploymentsABatch)
			batch, err := api.deployments.BatchGetDeployments(ctx,
				&codedeploy.BatchGetDeploymentsInput{DeploymentIds: ids[:n]})
			if err != nil {
				return nil, err
			}
			all, ids = append(all, batch.DeploymentsInfo...), ids[n:]
		}
		if in.NextToken = page.NextToken; in.NextToken == nil || len(all) >= c.Limit {
			return all, nil
		}
	}
}

func (c *deploymentsCommand) one(ctx context.Context, api *contract, id string) error {
	out, err := api.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	targets, err := api.targets(ctx, id)
	if err != nil {
		return err
	}
	d, err := view.ReadDeployment(ctx, api.slipway, out.DeploymentInfo)
	if err != nil {
		return err
	}
	hosts, now := view.TargetsOf(targets), time.Now()
	answer := map[string]any{"deploymentInfo": d, "deploymentTargets": targets, "hosts": hosts}
	return c.print(answer, func(t *terminal.Table) {
		t.Head("HOST", "STATE", "EVENT", "STATE", "TOOK", "MESSAGE")
		for i := range hosts {
			hostRows(t, &hosts[i], now)
		}
		t.Note(terminal.Clean(fmt.Sprintf("%s to %s: %s. %s", id, d.Group, d.State, d.Change.Words())))
		if d.Say != "" {
			t.Note(terminal.Clean(d.Say))
			t.Note(terminal.Clean("Why: slipway why " + id))
		}
	})
}

// hostRows are a host and its lifecycle events.
func hostRows(t *terminal.Table, host *view.Target, now time.Time) {
	name, state := terminal.Text(host.Name), terminal.Cell{Text: host.State, Kind: host.Kind}
	for i := range host.Events {
		e := &host.Events[i]
		t.Row(
			name,
			state,
			terminal.Text(e.Name),
			terminal.Cell{Text: e.State, Kind: e.Kind},
			terminal.Text(terminal.Between(e.StartTime, e.EndTime, now)),
			terminal.Text(e.Say),
		)
		name, state = terminal.Cell{}, terminal.Cell{}
	}
	if len(host.Events) == 0 {
		t.Row(name, state)
	}
}

// targets are the hosts of a deployment.
func (c *contract) targets(ctx context.Context, id string) ([]codedeploy.DeploymentTarget, error) {
	all := []codedeploy.DeploymentTarget{}
	in := &codedeploy.ListDeploymentTargetsInput{DeploymentId: &id}
	for {
		page, err := c.deployments.ListDeploymentTargets(ctx, in)
		if err != nil {
			return nil, err
		}
		for ids := page.TargetIds; len(ids) > 0; {
			n := min(len(ids), deploymentsABatch)
			batch, err := c.deployments.BatchGetDeploymentTargets(
				ctx,
				&codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: ids[:n]},
			)
			if err != nil {
				return nil, err
			}
			all, ids = append(all, batch.DeploymentTargets...), ids[n:]
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}
