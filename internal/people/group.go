package people

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// Group is a group with its users and policies.
type Group struct {
	Group            *iam.Group
	Users            []string
	AttachedPolicies []iam.AttachedPolicy
	InlinePolicies   []string
}

// GroupOf reads a group.
func GroupOf(ctx context.Context, api iam.API, name string) (*Group, error) {
	d := &Group{}
	users, err := Every(func(marker *string) ([]iam.User, *string, error) {
		out, err := api.GetGroup(ctx, &iam.GetGroupInput{GroupName: &name, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		d.Group = out.Group
		return out.Users, out.Marker, nil
	})
	if err != nil {
		return nil, err
	}
	for i := range users {
		d.Users = append(d.Users, awsproto.Value(users[i].UserName))
	}
	d.AttachedPolicies, err = Every(func(marker *string) ([]iam.AttachedPolicy, *string, error) {
		in := &iam.ListAttachedGroupPoliciesInput{GroupName: &name, Marker: marker}
		out, err := api.ListAttachedGroupPolicies(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return out.AttachedPolicies, out.Marker, nil
	})
	if err != nil {
		return nil, err
	}
	d.InlinePolicies, err = Every(func(marker *string) ([]string, *string, error) {
		out, err := api.ListGroupPolicies(ctx, &iam.ListGroupPoliciesInput{GroupName: &name, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.PolicyNames, out.Marker, nil
	})
	return d, err
}

// ChangeMembers adds users to a group, or removes them.
func ChangeMembers(ctx context.Context, api iam.API, group string, users []string, add bool) error {
	for _, u := range users {
		var err error
		if add {
			_, err = api.AddUserToGroup(ctx, &iam.AddUserToGroupInput{GroupName: &group, UserName: &u})
		} else {
			_, err = api.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{GroupName: &group, UserName: &u})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteGroup deletes a group with its own policies. Its users stay.
func DeleteGroup(ctx context.Context, api iam.API, name string) error {
	d, err := GroupOf(ctx, api, name)
	if err != nil {
		return err
	}
	if err := ChangeMembers(ctx, api, name, d.Users, false); err != nil {
		return err
	}
	for i := range d.AttachedPolicies {
		in := &iam.DetachGroupPolicyInput{GroupName: &name, PolicyArn: d.AttachedPolicies[i].PolicyArn}
		if _, err := api.DetachGroupPolicy(ctx, in); err != nil {
			return err
		}
	}
	for _, p := range d.InlinePolicies {
		in := &iam.DeleteGroupPolicyInput{GroupName: &name, PolicyName: &p}
		if _, err := api.DeleteGroupPolicy(ctx, in); err != nil {
			return err
		}
	}
	_, err = api.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: &name})
	return err
}
