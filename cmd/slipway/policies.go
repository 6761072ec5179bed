package main

import (
	"context"
	"encoding/json"
	"os"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type policiesCommand struct {
	Get    policiesGetCommand    `cmd:"" help:"Print the release policy of a deployment group."`
	Put    policiesPutCommand    `cmd:"" help:"Set the release policy of a deployment group."`
	Delete policiesDeleteCommand `cmd:"" help:"Delete the release policy of a deployment group."`
}

func (*policiesCommand) Help() string {
	return "The release policy of a deployment group: its steps, its limits, and how both versions are compared. " +
		"docs/releases.md describes its members.\n\n" +
		"  slipway policies put web/live policy.json\n" +
		"  slipway policies get web/live"
}

type policiesGetCommand struct {
	oneGroup
}

func (*policiesGetCommand) Help() string {
	return "Prints the release policy of a group as JSON.\n\n  slipway policies get web/live"
}

func (c *policiesGetCommand) Run(ctx context.Context) error {
	api, of, err := c.reach()
	if err != nil {
		return err
	}
	out, err := api.slipway.GetReleasePolicy(ctx, &slipway.GetReleasePolicyInput{
		ApplicationName:     of.ApplicationName,
		DeploymentGroupName: of.DeploymentGroupName,
	})
	if err != nil {
		return err
	}
	return terminal.WriteJSON(os.Stdout, out.Policy)
}

type policiesPutCommand struct {
	oneGroup
	printer
	File string `arg:"" help:"The policy as JSON."`
}

func (*policiesPutCommand) Help() string {
	return "Sets the release policy of a group. Releases that are running keep theirs.\n\n" +
		"  slipway policies put web/live policy.json"
}

func (c *policiesPutCommand) Run(ctx context.Context) error {
	api, of, err := c.reach()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	var policy slipway.ReleasePolicy
	if err := json.Unmarshal(text, &policy); err != nil {
		return usage("%s is not a release policy in JSON; docs/releases.md has an example", c.File)
	}
	in := &slipway.PutReleasePolicyInput{
		ApplicationName:     of.ApplicationName,
		DeploymentGroupName: of.DeploymentGroupName,
		Policy:              &policy,
	}
	if _, err := api.slipway.PutReleasePolicy(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: "put", Message: "The release policy of " + c.Group + " is set."})
}

type policiesDeleteCommand struct {
	oneGroup
	printer
}

func (*policiesDeleteCommand) Help() string {
	return "Deletes the release policy of a group: its releases then follow the deployment configuration.\n\n" +
		"  slipway policies delete web/live"
}

func (c *policiesDeleteCommand) Run(ctx context.Context) error {
	api, of, err := c.reach()
	if err != nil {
		return err
	}
	in := &slipway.DeleteReleasePolicyInput{
		ApplicationName:     of.ApplicationName,
		DeploymentGroupName: of.DeploymentGroupName,
	}
	if _, err := api.slipway.DeleteReleasePolicy(ctx, in); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The release policy of " + c.Group + " is deleted."})
}
