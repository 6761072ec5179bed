package main

import (
	"context"
	"strings"
	"time"

	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/terminal"
)

type teamsCommand struct {
	List   teamsListCommand   `cmd:"" default:"withargs" help:"List groups, or show one with its users and policies."`
	Create teamsCreateCommand `cmd:"" help:"Create a group."`
	Delete teamsDeleteCommand `cmd:"" help:"Delete a group with its own policies. Its users stay."`
	Add    teamsAddCommand    `cmd:"" help:"Add users to a group."`
	Remove teamsRemoveCommand `cmd:"" help:"Remove users from a group."`
}

func (*teamsCommand) Help() string { return (*teamsListCommand)(nil).Help() }

type teamsListCommand struct {
	client
	printer
	Name string `arg:"" optional:"" help:"A group, to show with its users and policies."`
}

func (*teamsListCommand) Help() string {
	return "Groups of users by name.\n\n" +
		"  slipway identity groups\n" +
		"  slipway identity groups developers"
}

func (c *teamsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Name != "" {
		return c.show(ctx, api.identity)
	}
	all, err := people.Every(func(marker *string) ([]iam.Group, *string, error) {
		out, err := api.identity.ListGroups(ctx, &iam.ListGroupsInput{Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Groups, out.Marker, nil
	})
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"Groups": all}, func(t *terminal.Table) {
		t.Head("GROUP", "PATH", "CREATED")
		for i := range all {
			g := &all[i]
			created := terminal.Text(terminal.Ago(g.CreateDate, now))
			t.Row(terminal.Pointed(g.GroupName), terminal.Pointed(g.Path), created)
		}
		if len(all) == 0 {
			t.Note("No groups yet. Create one with: slipway identity groups create NAME")
		}
	})
}

func (c *teamsListCommand) show(ctx context.Context, api iam.API) error {
	d, err := people.GroupOf(ctx, api, c.Name)
	if err != nil {
		return err
	}
	return c.print(d, func(t *terminal.Table) {
		t.Head("GROUP", c.Name)
		t.Row(terminal.Text("ARN"), terminal.Pointed(d.Group.Arn))
		t.Row(terminal.Text("Users"), terminal.Text(strings.Join(d.Users, ", ")))
		t.Row(terminal.Text("Attached policies"), terminal.Text(attachedNames(d.AttachedPolicies)))
		t.Row(terminal.Text("Inline policies"), terminal.Text(strings.Join(d.InlinePolicies, ", ")))
	})
}

type teamsCreateCommand struct {
	client
	printer
	Name   string   `arg:"" help:"Its name."`
	Policy []string `help:"A policy to attach; may be given several times." placeholder:"NAME"`
}

func (*teamsCreateCommand) Help() string {
	return "Creates a group of users.\n\n  slipway identity groups create team-a --policy SlipwayReaders"
}

func (c *teamsCreateCommand) Run(ctx context.Context) error {
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
	if _, err := api.identity.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: &c.Name}); err != nil {
		return err
	}
	for _, arn := range arns {
		in := &iam.AttachGroupPolicyInput{GroupName: &c.Name, PolicyArn: &arn}
		if _, err := api.identity.AttachGroupPolicy(ctx, in); err != nil {
			return err
		}
	}
	return c.done(&outcome{Did: "created", Message: "The group " + c.Name + " is created. Add users with: " +
		"slipway identity groups add " + c.Name + " USER"})
}

type teamsDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"Its name."`
}

func (*teamsDeleteCommand) Help() string {
	return "Deletes a group. Its users stay, and lose what the group allowed.\n\n" +
		"  slipway identity groups delete team-a"
}

func (c *teamsDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if err := people.DeleteGroup(ctx, api.identity, c.Name); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The group " + c.Name + " is deleted."})
}

// members are users of a group.
type members struct {
	client
	printer
	Group string   `arg:"" help:"The group."`
	Users []string `arg:"" help:"The users."`
}

func (m *members) change(ctx context.Context, add bool, did, word string) error {
	api, err := m.contract()
	if err != nil {
		return err
	}
	if err := people.ChangeMembers(ctx, api.identity, m.Group, m.Users, add); err != nil {
		return err
	}
	be := " is "
	if len(m.Users) > 1 {
		be = " are "
	}
	return m.done(&outcome{Did: did, Message: strings.Join(m.Users, ", ") + be + word + " the group " + m.Group + "."})
}

type teamsAddCommand struct{ members }

func (*teamsAddCommand) Help() string {
	return "Adds users to a group.\n\n  slipway identity groups add developers anna berta"
}

func (c *teamsAddCommand) Run(ctx context.Context) error { return c.change(ctx, true, "added", "in") }

type teamsRemoveCommand struct{ members }

func (*teamsRemoveCommand) Help() string {
	return "Removes users from a group.\n\n  slipway identity groups remove developers anna"
}

func (c *teamsRemoveCommand) Run(ctx context.Context) error {
	return c.change(ctx, false, "removed", "no longer in")
}
