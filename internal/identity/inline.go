package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/iam"
	"slipway/internal/identity/policy"
)

// maxInline is IAM's limit of the inline policies of an entity together, in characters.
var maxInline = map[kind]int{userKind: 2048, groupKind: 5120, roleKind: 10240}

// named finds a user, a group or a role by its name.
func (v *view) named(k kind, name string) (grantee, error) {
	switch k {
	case userKind:
		return nilless(v.user(name))
	case groupKind:
		return nilless(v.group(name))
	}
	return nilless(v.role(name))
}

// nilless makes a grantee of what a lookup returned, without an interface that holds nil.
func nilless[T grantee](d T, err error) (grantee, error) {
	if err != nil {
		return nil, err
	}
	return d, nil
}

// changeGrants changes the policies of a user, a group or a role.
func (s *Service) changeGrants(ctx context.Context, k kind, name string, f func(v *view, g *grants) error) error {
	return s.change(ctx, func(v *view) error {
		found, err := v.named(k, name)
		if err != nil {
			return err
		}
		var d grantee
		switch x := found.(type) {
		case *user:
			d = edit(x)
		case *group:
			d = edit(x)
		case *role:
			if err := unlinked(x); err != nil {
				return err
			}
			d = edit(x)
		}
		if err := f(v, d.rights()); err != nil {
			return err
		}
		v.put(d)
		return nil
	})
}

func (s *Service) putInline(ctx context.Context, k kind, name, policyName, document string) error {
	if _, err := checkPolicy(policy.Identity, document); err != nil {
		return err
	}
	return s.changeGrants(ctx, k, name, func(_ *view, g *grants) error {
		g.Inline = slices.DeleteFunc(g.Inline, func(p inline) bool { return p.Name == policyName })
		g.Inline = append(g.Inline, inline{policyName, document})
		slices.SortFunc(g.Inline, func(a, b inline) int { return strings.Compare(a.Name, b.Name) })
		sum := 0
		for _, p := range g.Inline {
			sum += length(p.Document)
		}
		if sum > maxInline[k] {
			return exceeds("Maximum policy size of %d bytes exceeded for %s %s", maxInline[k], k, name)
		}
		return nil
	})
}

func (s *Service) inline(k kind, name, policyName string) (*string, error) {
	d, err := s.view().named(k, name)
	if err != nil {
		return nil, err
	}
	for _, p := range d.rights().Inline {
		if p.Name == policyName {
			return encoded(p.Document), nil
		}
	}
	return nil, noInline(k, policyName)
}

func noInline(k kind, name string) error {
	return noSuch("The %s policy with name %s cannot be found.", k, name)
}

func (s *Service) inlines(k kind, op, name string, marker *string, most *int32) ([]string, page, error) {
	d, err := s.view().named(k, name)
	if err != nil {
		return nil, page{}, err
	}
	names := []string{}
	for _, p := range d.rights().Inline {
		names = append(names, p.Name)
	}
	return paged(s, list{op, d.id(), marker, most}, names, func(n string) string { return n })
}

func (s *Service) deleteInline(ctx context.Context, k kind, name, policyName string) error {
	return s.changeGrants(ctx, k, name, func(_ *view, g *grants) error {
		before := len(g.Inline)
		g.Inline = slices.DeleteFunc(g.Inline, func(p inline) bool { return p.Name == policyName })
		if len(g.Inline) == before {
			return noInline(k, policyName)
		}
		return nil
	})
}

// PutUserPolicy implements iam:PutUserPolicy.
func (s *Service) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return nil, s.putInline(ctx, userKind, *in.UserName, *in.PolicyName, *in.PolicyDocument)
}

// GetUserPolicy implements iam:GetUserPolicy.
func (s *Service) GetUserPolicy(_ context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	document, err := s.inline(userKind, *in.UserName, *in.PolicyName)
	return &iam.GetUserPolicyOutput{UserName: in.UserName, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

// ListUserPolicies implements iam:ListUserPolicies.
func (s *Service) ListUserPolicies(_ context.Context,
	in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, p, err := s.inlines(userKind, "ListUserPolicies", *in.UserName, in.Marker, in.MaxItems)
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: p.truncated, Marker: p.marker}, err
}

// DeleteUserPolicy implements iam:DeleteUserPolicy.
func (s *Service) DeleteUserPolicy(ctx context.Context,
	in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return nil, s.deleteInline(ctx, userKind, *in.UserName, *in.PolicyName)
}

// PutGroupPolicy implements iam:PutGroupPolicy.
func (s *Service) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return nil, s.putInline(ctx, groupKind, *in.GroupName, *in.PolicyName, *in.PolicyDocument)
}

// GetGroupPolicy implements iam:GetGroupPolicy.
func (s *Service) GetGroupPolicy(_ context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	document, err := s.inline(groupKind, *in.GroupName, *in.PolicyName)
	return &iam.GetGroupPolicyOutput{GroupName: in.GroupName, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

// ListGroupPolicies implements iam:ListGroupPolicies.
func (s *Service) ListGroupPolicies(_ context.Context,
	in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	names, p, err := s.inlines(groupKind, "ListGroupPolicies", *in.GroupName, in.Marker, in.MaxItems)
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: p.truncated, Marker: p.marker}, err
}

// DeleteGroupPolicy implements iam:DeleteGroupPolicy.
func (s *Service) DeleteGroupPolicy(ctx context.Context,
	in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return nil, s.deleteInline(ctx, groupKind, *in.GroupName, *in.PolicyName)
}

// PutRolePolicy implements iam:PutRolePolicy.
func (s *Service) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return nil, s.putInline(ctx, roleKind, *in.RoleName, *in.PolicyName, *in.PolicyDocument)
}

// GetRolePolicy implements iam:GetRolePolicy.
func (s *Service) GetRolePolicy(_ context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	document, err := s.inline(roleKind, *in.RoleName, *in.PolicyName)
	return &iam.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: in.PolicyName, PolicyDocument: document}, err
}

// ListRolePolicies implements iam:ListRolePolicies.
func (s *Service) ListRolePolicies(_ context.Context,
	in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, p, err := s.inlines(roleKind, "ListRolePolicies", *in.RoleName, in.Marker, in.MaxItems)
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: p.truncated, Marker: p.marker}, err
}

// DeleteRolePolicy implements iam:DeleteRolePolicy.
func (s *Service) DeleteRolePolicy(ctx context.Context,
	in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return nil, s.deleteInline(ctx, roleKind, *in.RoleName, *in.PolicyName)
}
