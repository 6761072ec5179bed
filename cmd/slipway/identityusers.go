package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/terminal"
)

type usersCommand struct {
	List   usersListCommand   `cmd:"" default:"withargs" help:"List users, or show one with what it has."`
	Create usersCreateCommand `cmd:"" help:"Create a user."`
	Delete usersDeleteCommand `cmd:"" help:"Delete a user with its keys, its credentials and its own policies."`
}

func (*usersCommand) Help() string { return (*usersListCommand)(nil).Help() }

type usersListCommand struct {
	client
	printer
	Name string `arg:"" optional:"" help:"A user, to show with its groups, policies and keys."`
}

func (*usersListCommand) Help() string {
	return "Users by name, with when they last signed in.\n\n" +
		"  slipway identity users\n" +
		"  slipway identity users anna"
}

func (c *usersListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Name != "" {
		return c.show(ctx, api.identity)
	}
	all, err := people.Every(func(marker *string) ([]iam.User, *string, error) {
		out, err := api.identity.ListUsers(ctx, &iam.ListUsersInput{Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Users, out.Marker, nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"Users": all}, func(t *terminal.Table) {
		t.Head("USER", "PATH", "CREATED", "SIGNED IN")
		for i := range all {
			u := &all[i]
			created, used := terminal.Ago(u.CreateDate, now), terminal.Ago(u.PasswordLastUsed, now)
			t.Row(terminal.Pointed(u.UserName), terminal.Pointed(u.Path), terminal.Text(created), terminal.Text(used))
		}
		if len(all) == 0 {
			t.Note("No users yet. Create one with: slipway identity users create NAME --group developers")
		}
	})
}

func (c *usersListCommand) show(ctx context.Context, api iam.API) error {
	d, err := people.UserOf(ctx, api, c.Name)
	if err != nil {
		return err
	}
	return c.print(d, func(t *terminal.Table) {
		t.Head("USER", c.Name)
		t.Row(terminal.Text("ARN"), terminal.Pointed(d.User.Arn))
		t.Row(terminal.Text("Groups"), terminal.Text(strings.Join(d.Groups, ", ")))
		t.Row(terminal.Text("Attached policies"), terminal.Text(attachedNames(d.AttachedPolicies)))
		t.Row(terminal.Text("Inline policies"), terminal.Text(strings.Join(d.InlinePolicies, ", ")))
		if b := d.User.PermissionsBoundary; b != nil {
			t.Row(terminal.Text("Permissions boundary"), terminal.Pointed(b.PermissionsBoundaryArn))
		}
		for i := range d.AccessKeys {
			k := &d.AccessKeys[i]
			t.Row(terminal.Text("Access key"), terminal.Text(awsproto.Value(k.AccessKeyId)+" ("+string(k.Status)+")"))
		}
		t.Note("May it do something? Ask: slipway can " + terminal.Clean(c.Name) + " codecommit:GitPush REPOSITORY")
	})
}

type usersCreateCommand struct {
	client
	printer
	Name     string            `arg:"" help:"Its name."`
	Group    []string          `help:"A group to be in; may be given several times." placeholder:"NAME"`
	Policy   []string          `help:"A policy to attach; may be given several times." placeholder:"NAME"`
	Path     string            `help:"Its path." default:"/"`
	Boundary string            `help:"A policy that limits all others." placeholder:"NAME"`
	Tag      map[string]string `help:"A tag; may be given several times." placeholder:"KEY=VALUE"`
}

func (*usersCreateCommand) Help() string {
	return "Creates a user. Ready-made groups are readers, developers, approvers, operators and administrators.\n\n" +
		"  slipway identity users create anna --group developers --group approvers"
}

func (c *usersCreateCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &iam.CreateUserInput{UserName: &c.Name, Path: &c.Path, Tags: identityTags(c.Tag)}
	if c.Boundary != "" {
		arn, err := findPolicy(ctx, api.identity, c.Boundary)
		if err != nil {
			return err
		}
		in.PermissionsBoundary = &arn
	}
	arns := make([]string, len(c.Policy))
	for i, p := range c.Policy {
		if arns[i], err = findPolicy(ctx, api.identity, p); err != nil {
			return err
		}
	}
	if _, err := api.identity.CreateUser(ctx, in); err != nil {
		return err
	}
	for _, g := range c.Group {
		in := &iam.AddUserToGroupInput{GroupName: &g, UserName: &c.Name}
		if _, err := api.identity.AddUserToGroup(ctx, in); err != nil {
			return fmt.Errorf("the user %s is created, but not in the group %s: %w", c.Name, g, err)
		}
	}
	for _, arn := range arns {
		in := &iam.AttachUserPolicyInput{PolicyArn: &arn, UserName: &c.Name}
		if _, err := api.identity.AttachUserPolicy(ctx, in); err != nil {
			return fmt.Errorf("the user %s is created, without the policy %s: %w", c.Name, arn, err)
		}
	}
	return c.done(&outcome{Did: "created", Message: "The user " + c.Name + " is created. Give it a key with: " +
		"slipway identity keys create " + c.Name})
}

func identityTags(tags map[string]string) []iam.Tag {
	var out []iam.Tag
	for k, v := range tags {
		out = append(out, iam.Tag{Key: &k, Value: &v})
	}
	return out
}

type usersDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"Its name."`
}

func (*usersDeleteCommand) Help() string {
	return "Deletes a user with its access keys, its password, its Git credentials and its inline policies. Its " +
		"sessions end at once.\n\n  slipway identity users delete anna"
}

func (c *usersDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if err := people.DeleteUser(ctx, api.identity, c.Name); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The user " + c.Name + " is deleted."})
}
