package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
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
	all, err := policiesOf(ctx, api.identity, iam.PolicyScopeTypeLocal, false)
	if err != nil {
		return err
	}
	ready, err := policiesOf(ctx, api.identity, iam.PolicyScopeTypeAws, !c.All)
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
	arn, err := policyARN(ctx, api, c.Name)
	if err != nil {
		return err
	}
	policy, err := api.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})
	if err != nil {
		return err
	}
	version, err := api.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{
		PolicyArn: &arn,
		VersionId: policy.Policy.DefaultVersionId,
	})
	if err != nil {
		return err
	}
	text := document(version.PolicyVersion.Document)
	return c.print(map[string]any{"Policy": policy.Policy, "Document": text}, func(t *terminal.Table) { t.Note(text) })
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

// maxVersions is how many versions a policy may have.
const maxVersions = 5

func (c *identityPoliciesPutCommand) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	arn, err := policyARN(ctx, api.identity, c.Name)
	if err != nil {
		return err
	}
	versions, err := versionsOf(ctx, api.identity, arn)
	if err != nil {
		return err
	}
	if len(versions) >= maxVersions {
		oldest := oldestOf(versions)
		in := &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: oldest.VersionId}
		if _, err := api.identity.DeletePolicyVersion(ctx, in); err != nil {
			return err
		}
	}
	out, err := api.identity.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
		PolicyArn:      &arn,
		PolicyDocument: new(string(text)),
		SetAsDefault:   new(true),
	})
	if err != nil {
		return err
	}
	return c.done(&outcome{Did: "put", Message: "The policy " + c.Name + " is at version " +
		awsproto.Value(out.PolicyVersion.VersionId) + "."})
}

func versionsOf(ctx context.Context, api iam.API, arn string) ([]iam.PolicyVersion, error) {
	return every(func(marker *string) ([]iam.PolicyVersion, *string, error) {
		out, err := api.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: &arn, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.Versions, out.Marker, nil
	})
}

// oldestOf is the oldest version that is not the default.
func oldestOf(versions []iam.PolicyVersion) *iam.PolicyVersion {
	var oldest *iam.PolicyVersion
	for i := range versions {
		v := &versions[i]
		if awsproto.Value(v.IsDefaultVersion) {
			continue
		}
		if oldest == nil || v.CreateDate != nil && v.CreateDate.Before(oldest.CreateDate.Time) {
			oldest = v
		}
	}
	return oldest
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
	arn, err := policyARN(ctx, api.identity, c.Name)
	if err != nil {
		return err
	}
	versions, err := versionsOf(ctx, api.identity, arn)
	if err != nil {
		return err
	}
	for i := range versions {
		if awsproto.Value(versions[i].IsDefaultVersion) {
			continue
		}
		in := &iam.DeletePolicyVersionInput{PolicyArn: &arn, VersionId: versions[i].VersionId}
		if _, err := api.identity.DeletePolicyVersion(ctx, in); err != nil {
			return err
		}
	}
	if _, err := api.identity.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: &arn}); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The policy " + c.Name + " is deleted."})
}
