package main

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type groupsCommand struct {
	List   groupsListCommand   `cmd:"" default:"withargs" help:"List deployment groups, and what runs in each."`
	Create groupsCreateCommand `cmd:"" help:"Create a deployment group, and its application if there is none."`
	Delete groupsDeleteCommand `cmd:"" help:"Delete a deployment group."`
}

func (*groupsCommand) Help() string { return (*groupsListCommand)(nil).Help() }

type groupsListCommand struct {
	client
	printer
}

func (*groupsListCommand) Help() string {
	return "Deployment groups, and which version runs in each.\n\n" +
		"  slipway groups\n" +
		"  slipway groups create web/production --tag service=web"
}

func (c *groupsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.ListServing(ctx, &slipway.ListServingInput{})
	if err != nil {
		return err
	}
	return c.print(out, func(t *terminal.Table) {
		t.Head("GROUP", "RUNS")
		for i := range out.Groups {
			g := &out.Groups[i]
			t.Row(terminal.Text(*g.ApplicationName+"/"+*g.DeploymentGroupName), terminal.Text(view.ServingWords(g)))
		}
		if len(out.Groups) == 0 {
			t.Note("No deployment groups yet. Create one with: slipway groups create APPLICATION/GROUP --tag KEY=VALUE")
		}
	})
}

type groupsCreateCommand struct {
	oneGroup
	printer
	roleFlag
	Tag      map[string]string `help:"Hosts with this tag belong to the group; may be given several times." placeholder:"KEY=VALUE"`
	Config   string            `help:"The deployment configuration: how many hosts at a time." default:"CodeDeployDefault.OneAtATime"`
	Rollback bool              `help:"Roll back by itself when a deployment fails." negatable:"" default:"true"`
}

func (*groupsCreateCommand) Help() string {
	return "Creates a deployment group whose hosts are found by their tags, and its application if there is none. " +
		"For " +
		"blue/green groups, with a load balancer:\n" +
		"aws deploy create-deployment-group, or slipway api codedeploy CreateDeploymentGroup.\n\n" +
		"  slipway groups create web/production --tag service=web\n" +
		"  slipway groups create web/production --tag service=web --config CodeDeployDefault.AllAtOnce --no-rollback"
}

func (c *groupsCreateCommand) Run(ctx context.Context) error {
	api, of, err := c.reach()
	if err == nil && len(c.Tag) == 0 {
		err = usage("say which hosts belong to the group: --tag KEY=VALUE")
	}
	if err != nil {
		return err
	}
	role, err := c.arn(ctx, api)
	if err != nil {
		return err
	}
	_, err = api.deployments.CreateApplication(ctx,
		&codedeploy.CreateApplicationInput{ApplicationName: of.ApplicationName})
	if err != nil && awsproto.Code(err) != "ApplicationAlreadyExistsException" {
		return err
	}
	in := &codedeploy.CreateDeploymentGroupInput{
		ApplicationName:      of.ApplicationName,
		DeploymentGroupName:  of.DeploymentGroupName,
		DeploymentConfigName: &c.Config,
		ServiceRoleArn:       role,
	}
	for key, value := range c.Tag {
		in.OnPremisesInstanceTagFilters = append(
			in.OnPremisesInstanceTagFilters,
			codedeploy.TagFilter{Key: &key, Value: &value, Type: codedeploy.TagFilterTypeKeyAndValue},
		)
	}
	if c.Rollback {
		in.AutoRollbackConfiguration = &codedeploy.AutoRollbackConfiguration{
			Enabled: new(true),
			Events:  []codedeploy.AutoRollbackEvent{codedeploy.AutoRollbackEventDeploymentFailure},
		}
	}
	if _, err := api.deployments.CreateDeploymentGroup(ctx, in); err != nil {
		return err
	}
	return c.done(
		&outcome{
			Did:     "created",
			Message: "The deployment group " + c.Group + " is created, for hosts with " + tagWords(c.Tag) + ".",
		},
	)
}

type groupsDeleteCommand struct {
	oneGroup
	printer
}

func (*groupsDeleteCommand) Help() string {
	return "Deletes a deployment group. What runs on its hosts goes on.\n\n  slipway groups delete web/production"
}

func (c *groupsDeleteCommand) Run(ctx context.Context) error {
	api, of, err := c.reach()
	if err != nil {
		return err
	}
	in := &codedeploy.DeleteDeploymentGroupInput{
		ApplicationName:     of.ApplicationName,
		DeploymentGroupName: of.DeploymentGroupName,
	}
	if _, err := api.deployments.DeleteDeploymentGroup(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The deployment group " + c.Group + " is deleted."})
}

// oneGroup is what commands about one deployment group have in common.
type oneGroup struct {
	client
	Group string `arg:"" help:"APPLICATION/GROUP"`
}

// reach reads which group is meant, and reaches the server.
func (c *oneGroup) reach() (*contract, slipway.GroupRef, error) {
	application, group, ok := strings.Cut(c.Group, "/")
	if !ok || application == "" || group == "" || strings.Contains(group, "/") {
		return nil, slipway.GroupRef{},
			usage("%q is not a deployment group: it has the form APPLICATION/GROUP", c.Group)
	}
	api, err := c.contract()
	return api, slipway.GroupRef{ApplicationName: &application, DeploymentGroupName: &group}, err
}
