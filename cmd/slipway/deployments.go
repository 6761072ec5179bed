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
	all, err := c.list(ctx, api, in)
	if err != nil {
		return err
	}
	var ids []string
	for i := range all {
		ids = append(ids, *all[i].DeploymentId)
	}
	known, err := view.Describe(ctx, api.slipway, ids)
	if err != nil {
		return err
	}
	released, err := api.released(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"deploymentsInfo": all}, func(t *terminal.Table) {
		t.Head("STATE", "COMMIT", "GROUP", "HOSTS", "STARTED", "TOOK", "DEPLOYMENT", "AUTHOR",
			"CHANGE, OR WHY IT FAILED")
		for i := range all {
			d := &all[i]
			change, state := view.Described(known[*d.DeploymentId]), terminal.State(d.Status)
			if released[*d.DeploymentId] == slipway.ReleaseStatusRolledBack {
				state = terminal.State(slipway.ReleaseStatusRolledBack)
			}
			t.Row(
				state,
				commitCell(change),
				terminal.Text(*d.ApplicationName+"/"+*d.DeploymentGroupName),
				terminal.Text(hosts(d.DeploymentOverview)),
				terminal.Text(terminal.Ago(d.CreateTime, now)),
				terminal.Text(terminal.Between(d.CreateTime, d.CompleteTime, now)),
				terminal.Pointed(d.DeploymentId),
				terminal.Text(change.Author),
				deploymentSaid(change, state.Kind),
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
	known, err := view.Describe(ctx, api.slipway, []string{id})
	if err != nil {
		return err
	}
	d, now := out.DeploymentInfo, time.Now()
	return c.print(map[string]any{"deploymentInfo": d, "deploymentTargets": targets}, func(t *terminal.Table) {
		t.Head("HOST", "STATE", "EVENT", "STATE", "TOOK", "MESSAGE")
		for i := range targets {
			of := targets[i].InstanceTarget
			if of == nil {
				continue
			}
			name, status := terminal.Pointed(of.TargetId), terminal.State(of.Status)
			for j := range of.LifecycleEvents {
				e := &of.LifecycleEvents[j]
				said := terminal.Cell{}
				if e.Diagnostics != nil && e.Status == codedeploy.LifecycleEventStatusFailed {
					said = terminal.Pointed(e.Diagnostics.Message)
				}
				t.Row(
					name,
					status,
					terminal.Pointed(e.LifecycleEventName),
					terminal.State(e.Status),
					terminal.Text(terminal.Between(e.StartTime, e.EndTime, now)),
					said,
				)
				name, status = terminal.Cell{}, terminal.Cell{}
			}
			if len(of.LifecycleEvents) == 0 {
				t.Row(name, status)
			}
		}
		group := *d.ApplicationName + "/" + *d.DeploymentGroupName
		t.Note(terminal.Clean(fmt.Sprintf("%s to %s: %s. %s", id, group, view.StatusWord(d.Status),
			view.Described(known[id]).Words())))
		if cause := known[id].Cause; cause != nil && terminal.KindOf(d.Status) != terminal.Succeeded {
			t.Note(terminal.Clean(*cause))
			t.Note(terminal.Clean("Why: slipway why " + id))
		}
	})
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

// hosts counts those of a deployment that are done, of all.
func hosts(o *codedeploy.DeploymentOverview) string {
	if o == nil {
		return ""
	}
	all := int64(0)
	for _, n := range []*int64{o.Pending, o.InProgress, o.Succeeded, o.Failed, o.Skipped, o.Ready} {
		if n != nil {
			all += *n
		}
	}
	done := int64(0)
	if o.Succeeded != nil {
		done = *o.Succeeded
	}
	return fmt.Sprintf("%d/%d", done, all)
}

// released are the states of the newest releases, by their deployments.
func (c *contract) released(ctx context.Context) (map[string]slipway.ReleaseStatus, error) {
	out, err := c.slipway.ListReleases(ctx, &slipway.ListReleasesInput{MaxResults: new(int32(100))})
	if err != nil {
		return nil, err
	}
	all := map[string]slipway.ReleaseStatus{}
	for _, r := range out.Releases {
		all[*r.DeploymentId] = r.Status
	}
	return all, nil
}

// deploymentSaid returns the last cell of a row: the reason of a failure, else the name of its change.
func deploymentSaid(c view.Change, k terminal.Kind) terminal.Cell {
	if c.Cause != "" && k != terminal.Succeeded {
		return terminal.Text(c.Cause)
	}
	return terminal.Text(c.Title())
}
