package main

import (
	"context"
	"errors"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/people"
)

type identityCommand struct {
	Users    usersCommand            `cmd:"" help:"List users, or show one; create or delete one."`
	Groups   teamsCommand            `cmd:"" help:"List groups of users, or show one; create or delete one; add and remove users."`
	Roles    rolesCommand            `cmd:"" help:"List roles, or show one; create or delete one."`
	Policies identityPoliciesCommand `cmd:"" help:"List policies, or print one; create, change or delete one."`
	Attach   attachCommand           `cmd:"" help:"Attach a policy to a user, a group or a role."`
	Detach   detachCommand           `cmd:"" help:"Detach a policy from a user, a group or a role."`
	Keys     accessKeysCommand       `cmd:"" help:"List the access keys of a user; create, disable or delete one."`
	Check    identityCheckCommand    `cmd:"" help:"Check files of policies: each error and each doubt with its place."`
	Denials  identityDenialsCommand  `cmd:"" help:"What was refused: to whom, how often, why, and what would allow it."`
}

func (*identityCommand) Help() string {
	return "Who there is, and what they may do.\n\n" +
		"  slipway identity users create anna --group developers\n" +
		"  slipway identity keys create anna\n" +
		"  slipway identity roles create build --service codebuild.amazonaws.com --policy SlipwayBuildRole\n" +
		"  slipway identity policies create team-a team-a.json\n" +
		"  slipway identity attach team-a --group developers\n" +
		"  slipway identity check policies/*.json\n" +
		"  slipway identity denials anna"
}

// grantee is a user, a group or a role, named by one of three flags.
type grantee struct {
	User  string `help:"A user." placeholder:"NAME" xor:"grantee" required:""`
	Group string `help:"A group." placeholder:"NAME" xor:"grantee" required:""`
	Role  string `help:"A role." placeholder:"NAME" xor:"grantee" required:""`
}

func (g *grantee) String() string {
	switch {
	case g.User != "":
		return "the user " + g.User
	case g.Group != "":
		return "the group " + g.Group
	}
	return "the role " + g.Role
}

// findPolicy finds a policy by its name or ARN.
func findPolicy(ctx context.Context, api iam.API, name string) (string, error) {
	arn, err := people.PolicyARN(ctx, api, name)
	if e, ok := errors.AsType[*people.Missing](err); ok {
		return "", missing("%s%s", e.Error(), meant(e.Name, e.Names))
	}
	return arn, err
}

func attachedNames(all []iam.AttachedPolicy) string {
	var names []string
	for i := range all {
		names = append(names, awsproto.Value(all[i].PolicyName))
	}
	return strings.Join(names, ", ")
}
