package people

import (
	"context"

	"slipway/api/iam"
)

// Role is a role with its policies. The trust policy is decoded.
type Role struct {
	Role             *iam.Role
	TrustPolicy      string
	AttachedPolicies []iam.AttachedPolicy
	InlinePolicies   []string
}

// RoleOf reads a role.
func RoleOf(ctx context.Context, api iam.API, name string) (*Role, error) {
	role, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return nil, err
	}
	d := &Role{Role: role.Role, TrustPolicy: Document(role.Role.AssumeRolePolicyDocument)}
	d.AttachedPolicies, err = Every(func(marker *string) ([]iam.AttachedPolicy, *string, error) {
		in := &iam.ListAttachedRolePoliciesInput{RoleName: &name, Marker: marker}
		out, err := api.ListAttachedRolePolicies(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return out.AttachedPolicies, out.Marker, nil
	})
	if err != nil {
		return nil, err
	}
	d.InlinePolicies, err = Every(func(marker *string) ([]string, *string, error) {
		out, err := api.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name, Marker: marker})
		if err != nil {
			return nil, nil, err
		}
		return out.PolicyNames, out.Marker, nil
	})
	return d, err
}

// DeleteRole deletes a role with its own policies.
func DeleteRole(ctx context.Context, api iam.API, name string) error {
	d, err := RoleOf(ctx, api, name)
	if err != nil {
		return err
	}
	for i := range d.AttachedPolicies {
		in := &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: d.AttachedPolicies[i].PolicyArn}
		if _, err := api.DetachRolePolicy(ctx, in); err != nil {
			return err
		}
	}
	for _, p := range d.InlinePolicies {
		in := &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &p}
		if _, err := api.DeleteRolePolicy(ctx, in); err != nil {
			return err
		}
	}
	_, err = api.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name})
	return err
}
