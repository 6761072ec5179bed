package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/terminal"
)

type rolesCommand struct {
	List   rolesListCommand   `cmd:"" default:"withargs" help:"List roles, or show one with its trust and policies."`
	Create rolesCreateCommand `cmd:"" help:"Create a role."`
	Delete rolesDeleteCommand `cmd:"" help:"Delete a role with its own policies. Its sessions end at once."`
}

func (*rolesCommand) Help() string { return (*rolesListCommand)(nil).Help() }

type rolesListCommand struct {
	client
	printer
	Name string `arg:"" optional:"" help:"A role, to show with its trust and policies."`
}

func (*rolesListCommand) Help() string {
	return "Roles by name.\n\n" +
		"  slipway identity roles\n" +
		"  slipway identity roles SlipwayBuildRole"
}

func (c *rolesListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Name != "" {
		return c.show(ctx, api.identity)
	}
	all, err := people.Every(func(marker *string) ([]iam.Role, *string, error) {
		out, err := api.identity.ListRoles(ctx, &iam.ListRolesInput{Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Roles, out.Marker, nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"Roles": all}, func(t *terminal.Table) {
		t.Head("ROLE", "PATH", "CREATED", "DESCRIPTION")
		for i := range all {
			r := &all[i]
			created := terminal.Text(terminal.Ago(r.CreateDate, now))
			t.Row(terminal.Pointed(r.RoleName), terminal.Pointed(r.Path), created, terminal.Pointed(r.Description))
		}
		if len(all) == 0 {
			t.Note("No roles yet. Create one with: slipway identity roles create NAME " +
				"--service codebuild.amazonaws.com")
		}
	})
}

func (c *rolesListCommand) show(ctx context.Context, api iam.API) error {
	d, err := people.RoleOf(ctx, api, c.Name)
	if err != nil {
		return err
	}
	return c.print(d, func(t *terminal.Table) {
		t.Head("ROLE", c.Name)
		t.Row(terminal.Text("ARN"), terminal.Pointed(d.Role.Arn))
		t.Row(terminal.Text("Attached policies"), terminal.Text(attachedNames(d.AttachedPolicies)))
		t.Row(terminal.Text("Inline policies"), terminal.Text(strings.Join(d.InlinePolicies, ", ")))
		if u := d.Role.RoleLastUsed; u != nil && u.LastUsedDate != nil {
			t.Row(terminal.Text("Last used"), terminal.Text(terminal.Ago(u.LastUsedDate, time.Now())))
		}
		t.Note("Trust policy:\n" + d.TrustPolicy)
	})
}

type rolesCreateCommand struct {
	client
	printer
	Name        string   `arg:"" help:"Its name."`
	Service     []string `help:"A service that may assume it, as in codebuild.amazonaws.com; may be given several times." placeholder:"NAME" xor:"trust"`
	Trust       string   `help:"A file with its trust policy, instead." placeholder:"FILE" xor:"trust"`
	Policy      []string `help:"A policy to attach; may be given several times." placeholder:"NAME"`
	Description string   `help:"What it is for." placeholder:"TEXT"`
	Path        string   `help:"Its path." default:"/"`
}

func (*rolesCreateCommand) Help() string {
	return "Creates a role that a service or other principals may assume.\n\n" +
		"  slipway identity roles create build --service codebuild.amazonaws.com --policy SlipwayBuildRole\n" +
		"  slipway identity roles create deployer --trust trust.json"
}

func (c *rolesCreateCommand) Run(ctx context.Context) error {
	trust, err := c.trust()
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	arns := make([]string, len(c.Policy))
	for i, p := range c.Policy {
		if arns[i], err = findPolicy(ctx, api.identity, p); err != nil {
			return err
		}
	}
	in := &iam.CreateRoleInput{RoleName: &c.Name, Path: &c.Path, AssumeRolePolicyDocument: &trust}
	if c.Description != "" {
		in.Description = &c.Description
	}
	out, err := api.identity.CreateRole(ctx, in)
	if err != nil {
		return err
	}
	for _, arn := range arns {
		in := &iam.AttachRolePolicyInput{RoleName: &c.Name, PolicyArn: &arn}
		if _, err := api.identity.AttachRolePolicy(ctx, in); err != nil {
			return err
		}
	}
	return c.done(&outcome{Did: "created", Message: "The role " + awsproto.Value(out.Role.Arn) + " is created."})
}

func (c *rolesCreateCommand) trust() (string, error) {
	if c.Trust != "" {
		text, err := os.ReadFile(c.Trust)
		return string(text), err
	}
	if len(c.Service) == 0 {
		return "", usage("say who may assume the role, with --service or --trust")
	}
	text, err := json.MarshalIndent(map[string]any{
		"Version": "2012-10-17",
		"Statement": []any{map[string]any{
			"Effect":    "Allow",
			"Principal": map[string]any{"Service": c.Service},
			"Action":    "sts:AssumeRole",
		}},
	}, "", "  ")
	return string(text), err
}

type rolesDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"Its name."`
}

func (*rolesDeleteCommand) Help() string {
	return "Deletes a role. What still names it is refused from then on.\n\n  slipway identity roles delete build"
}

func (c *rolesDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if err := people.DeleteRole(ctx, api.identity, c.Name); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The role " + c.Name + " is deleted."})
}
