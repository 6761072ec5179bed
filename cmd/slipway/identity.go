package main

import (
	"context"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
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
}

func (*identityCommand) Help() string {
	return "Who there is, and what they may do.\n\n" +
		"  slipway identity users create anna --group developers\n" +
		"  slipway identity keys create anna\n" +
		"  slipway identity roles create build --service codebuild.amazonaws.com --policy SlipwayBuildRole\n" +
		"  slipway identity policies create team-a team-a.json\n" +
		"  slipway identity attach team-a --group developers\n" +
		"  slipway identity check policies/*.json"
}

// every collects the pages of a list.
func every[T any](get func(marker *string) (page []T, next *string, err error)) ([]T, error) {
	all := []T{}
	for marker := (*string)(nil); ; {
		page, next, err := get(marker)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if marker = next; marker == nil {
			return all, nil
		}
	}
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

// policyARN finds a policy by its name or ARN. One of the account wins over one of AWS's or Slipway's.
func policyARN(ctx context.Context, api iam.API, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	var names []string
	for _, scope := range []iam.PolicyScopeType{iam.PolicyScopeTypeLocal, iam.PolicyScopeTypeAws} {
		all, err := policiesOf(ctx, api, scope, false)
		if err != nil {
			return "", err
		}
		for i := range all {
			if awsproto.Value(all[i].PolicyName) == name {
				return awsproto.Value(all[i].Arn), nil
			}
			names = append(names, awsproto.Value(all[i].PolicyName))
		}
	}
	return "", missing("there is no policy %s%s", name, meant(name, names))
}

func policiesOf(ctx context.Context, api iam.API, scope iam.PolicyScopeType, attached bool) ([]iam.Policy, error) {
	return every(func(marker *string) ([]iam.Policy, *string, error) {
		in := &iam.ListPoliciesInput{Scope: scope, Marker: marker, MaxItems: new(int32(1000))}
		if attached {
			in.OnlyAttached = &attached
		}
		out, err := api.ListPolicies(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return out.Policies, out.Marker, nil
	})
}

// document decodes a policy as IAM answers it.
func document(encoded *string) string {
	text, err := url.PathUnescape(awsproto.Value(encoded))
	if err != nil {
		return awsproto.Value(encoded)
	}
	return text
}

func attachedNames(all []iam.AttachedPolicy) string {
	var names []string
	for i := range all {
		names = append(names, awsproto.Value(all[i].PolicyName))
	}
	return strings.Join(names, ", ")
}
