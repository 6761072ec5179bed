package main

import (
	"context"

	"slipway/api/iam"
)

// attachment is a policy and who it is attached to.
type attachment struct {
	client
	printer
	Policy string `arg:"" help:"The policy, by name or ARN."`
	grantee
}

func (a *attachment) change(ctx context.Context, attach bool, did string) error {
	api, err := a.contract()
	if err != nil {
		return err
	}
	arn, err := findPolicy(ctx, api.identity, a.Policy)
	if err != nil {
		return err
	}
	do := a.detach
	word := "detached from "
	if attach {
		do, word = a.attach, "attached to "
	}
	if err := do(ctx, api.identity, arn); err != nil {
		return err
	}
	return a.done(&outcome{Did: did, Message: "The policy " + a.Policy + " is " + word + a.String() + "."})
}

func (a *attachment) attach(ctx context.Context, api iam.API, arn string) (err error) {
	switch {
	case a.User != "":
		_, err = api.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &a.User, PolicyArn: &arn})
	case a.Group != "":
		_, err = api.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyInput{GroupName: &a.Group, PolicyArn: &arn})
	default:
		_, err = api.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &a.Role, PolicyArn: &arn})
	}
	return err
}

func (a *attachment) detach(ctx context.Context, api iam.API, arn string) (err error) {
	switch {
	case a.User != "":
		_, err = api.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: &a.User, PolicyArn: &arn})
	case a.Group != "":
		_, err = api.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyInput{GroupName: &a.Group, PolicyArn: &arn})
	default:
		_, err = api.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &a.Role, PolicyArn: &arn})
	}
	return err
}

type attachCommand struct{ attachment }

func (*attachCommand) Help() string {
	return "Attaches a policy, which counts at once.\n\n" +
		"  slipway identity attach SlipwayApprovers --user anna\n" +
		"  slipway identity attach team-a --group developers"
}

func (c *attachCommand) Run(ctx context.Context) error { return c.change(ctx, true, "attached") }

type detachCommand struct{ attachment }

func (*detachCommand) Help() string {
	return "Detaches a policy, which counts no more at once.\n\n  slipway identity detach SlipwayApprovers --user anna"
}

func (c *detachCommand) Run(ctx context.Context) error { return c.change(ctx, false, "detached") }
