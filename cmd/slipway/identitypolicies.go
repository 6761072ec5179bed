package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/people"
	"slipway/internal/terminal"
)

type identityPoliciesCommand struct {
	List   identityPoliciesListCommand   `cmd:"" default:"withargs" help:"List policies, or print one."`
	Create identityPoliciesCreateCommand `cmd:"" help:"Create a policy of a file."`
	Put    identityPoliciesPutCommand    `cmd:"" help:"Make a file the policy's default version; the oldest of five versions goes."`
	Delete identityPoliciesDeleteCommand `cmd:"" help:"Delete a policy with its versions, where nothing uses it."`
}

func (*identityPoliciesCommand) Help() string { return (*identityPoliciesListCommand)(nil).Help() }

type identityPoliciesListCommand struct {
	client
	printer
	Name string `arg:"" optional:"" help:"A policy to print, by name or ARN."`
	All  bool   `help:"List the ready-made ones too."`
}

func (*identityPoliciesListCommand) Help() string {
	return "Policies of the account, and ready-made ones that are in use, with how many users, groups and roles each " +
		"is attached to.\n\n" +
		"  slipway identity policies\n" +
		"  slipway identity policies --all\n" +
		"  slipway identity policies SlipwayDevelopers"
}

func (c *identityPoliciesListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Name != "" {
		return c.show(ctx, api.identity)
	}
	all, err := people.Policies(ctx, api.identity, iam.PolicyScopeTypeLocal, false)
	if err != nil {
		return err
	}
	ready, err := people.Policies(ctx, api.identity, iam.PolicyScopeTypeAws, !c.All)
	if err != nil {
		return err
	}
	all = append(all, ready...)
	now := time.Now()
	return c.print(map[string]any{"Policies": all}, func(t *terminal.Table) {
		t.Head("POLICY", "ATTACHED", "CHANGED", "ARN")
		for i := range all {
			p := &all[i]
			t.Row(terminal.Pointed(p.PolicyName), terminal.Text(strconv.Itoa(int(awsproto.Value(p.AttachmentCount)))),
				terminal.Text(terminal.Ago(p.UpdateDate, now)), terminal.Pointed(p.Arn))
		}
		if len(all) == 0 {
			t.Note("No policies are in use. See the ready-made ones with: slipway identity policies --all")
		}
	})
}

func (c *identityPoliciesListCommand) show(ctx context.Context, api iam.API) error {
	arn, err := findPolicy(ctx, api, c.Name)
	if err != nil {
		return err
	}
	policy, text, err := people.PolicyOf(ctx, api, arn)
	if err != nil {
		return err
	}
	return c.print(map[string]any{"Policy": policy, "Document": text}, func(t *terminal.Table) { t.Note(text) })
}

type identityPoliciesCreateCommand struct {
	client
	printer
	Name        string `arg:"" help:"Its name."`
	File        string `arg:"" help:"The policy in JSON."`
	Description string `help:"What it is for." placeholder:"TEXT"`
	Path        string `help:"Its path." default:"/"`
}

func (*identityPoliciesCreateCommand) Help() string {
	return "Creates a policy that can be attached to users, groups and roles. Check the file first with: slipway " +
		"identity check.\n\n  slipway identity policies create team-a team-a.json"
}

func (c *identityPoliciesCreateCommand) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &iam.CreatePolicyInput{PolicyName: &c.Name, Path: &c.Path, PolicyDocument: new(string(text))}
	if c.Description != "" {
		in.Description = &c.Description
	}
	out, err := api.identity.CreatePolicy(ctx, in)
	if err != nil {
		return err
	}
	return c.done(&outcome{Did: "created", Message: "The policy " + awsproto.Value(out.Policy.Arn) + " is created."})
}

type identityPoliciesPutCommand struct {
	client
	printer
	Name string `arg:"" help:"The policy, by name or ARN."`
	File string `arg:"" help:"The policy in JSON."`
}

func (*identityPoliciesPutCommand) Help() string {
	return "Changes a policy: the file becomes its default version, which counts at once. Of five versions, the " +
		"oldest that is not the default is deleted first.\n\n  slipway identity policies put team-a team-a.json"
}

func (c *identityPoliciesPutCommand) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	arn, err := findPolicy(ctx, api.identity, c.Name)
	if err != nil {
		return err
	}
	version, err := people.PutPolicy(ctx, api.identity, arn, string(text))
	if err != nil {
		return err
	}
	return c.done(&outcome{Did: "put", Message: "The policy " + c.Name + " is at version " + version + "."})
}

type identityPoliciesDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"The policy, by name or ARN."`
}

func (*identityPoliciesDeleteCommand) Help() string {
	return "Deletes a policy that is attached to nothing.\n\n  slipway identity policies delete team-a"
}

func (c *identityPoliciesDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	arn, err := findPolicy(ctx, api.identity, c.Name)
	if err != nil {
		return err
	}
	if err := people.DeletePolicy(ctx, api.identity, arn); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The policy " + c.Name + " is deleted."})
}
