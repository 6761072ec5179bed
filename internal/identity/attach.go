package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/iam"
)

// maxAttached is IAM's limit of managed policies that are attached to an entity.
const maxAttached = 20

func (s *Service) attach(ctx context.Context, k kind, name, arn string) error {
	return s.changeGrants(ctx, k, name, func(v *view, g *grants) error {
		if v.policy(arn) == nil {
			if err := checkARN(arn); err != nil {
				return err
			}
			return noSuch("Policy %s does not exist or is not attachable.", arn)
		}
		if slices.Contains(g.Attached, arn) {
			return nil
		}
		if len(g.Attached) >= maxAttached {
			name := strings.ToUpper(string(k[:1])) + string(k[1:])
			return exceeds("Cannot exceed quota for PoliciesPer%s: %d", name, maxAttached)
		}
		g.Attached = append(g.Attached, arn)
		return nil
	})
}

func (s *Service) detach(ctx context.Context, k kind, name, arn string) error {
	return s.changeGrants(ctx, k, name, func(_ *view, g *grants) error {
		if err := checkARN(arn); err != nil {
			return err
		}
		before := len(g.Attached)
		g.Attached = slices.DeleteFunc(g.Attached, func(a string) bool { return a == arn })
		if len(g.Attached) == before {
			return noSuch("Policy %s was not found.", arn)
		}
		return nil
	})
}

// attachedPolicies is what is attached, by name.
func (v *view) attachedPolicies(g *grants) []iam.AttachedPolicy {
	all := []iam.AttachedPolicy{}
	for _, arn := range g.Attached {
		name := arn[strings.LastIndexByte(arn, '/')+1:]
		all = append(all, iam.AttachedPolicy{PolicyArn: &arn, PolicyName: &name})
	}
	slices.SortFunc(all, func(a, b iam.AttachedPolicy) int { return strings.Compare(attachedKey(a), attachedKey(b)) })
	return all
}

func attachedKey(p iam.AttachedPolicy) string { return *p.PolicyName + " " + *p.PolicyArn }

func (s *Service) attached(k kind, op, name string, prefix, marker *string,
	most *int32) ([]iam.AttachedPolicy, page, error) {
	v := s.view()
	d, err := v.named(k, name)
	if err != nil {
		return nil, page{}, err
	}
	all := v.attachedPolicies(d.rights())
	all = slices.DeleteFunc(all, func(p iam.AttachedPolicy) bool {
		_, path, _ := strings.Cut(*p.PolicyArn, ":policy")
		return !strings.HasPrefix(path, pathOr(prefix))
	})
	return paged(s, list{op, []any{d.id(), prefix}, marker, most}, all, attachedKey)
}

// ListEntitiesForPolicy implements iam:ListEntitiesForPolicy.
func (s *Service) ListEntitiesForPolicy(_ context.Context,
	in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	v := s.view()
	if _, err := v.policyOf(*in.PolicyArn); err != nil {
		return nil, err
	}
	kinds := map[iam.EntityType]kind{
		iam.EntityTypeUser:  userKind,
		iam.EntityTypeGroup: groupKind,
		iam.EntityTypeRole:  roleKind,
	}
	var all []grantee
	for entityType, k := range kinds {
		if in.EntityFilter != "" && in.EntityFilter != entityType {
			continue
		}
		for _, d := range under(each[grantee](v, k), in.PathPrefix) {
			attached := slices.Contains(d.rights().Attached, *in.PolicyArn)
			boundary := d.rights().Boundary == *in.PolicyArn
			switch in.PolicyUsageFilter {
			case iam.PolicyUsageTypePermissionsPolicy:
				boundary = false
			case iam.PolicyUsageTypePermissionsBoundary:
				attached = false
			}
			if attached || boundary {
				all = append(all, d)
			}
		}
	}
	key := func(d grantee) string { return string(d.kind()) + " " + d.key() }
	slices.SortFunc(all, func(a, b grantee) int { return strings.Compare(key(a), key(b)) })
	filter := []any{in.PolicyArn, in.EntityFilter, in.PathPrefix, in.PolicyUsageFilter}
	some, p, err := paged(s, list{"ListEntitiesForPolicy", filter, in.Marker, in.MaxItems}, all, key)
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyUsers:  []iam.PolicyUser{},
		PolicyGroups: []iam.PolicyGroup{},
		PolicyRoles:  []iam.PolicyRole{},
		IsTruncated:  p.truncated,
		Marker:       p.marker,
	}
	for _, d := range some {
		h := d.heading()
		switch d.kind() {
		case userKind:
			out.PolicyUsers = append(out.PolicyUsers, iam.PolicyUser{UserName: &h.Name, UserId: &h.ID})
		case groupKind:
			out.PolicyGroups = append(out.PolicyGroups, iam.PolicyGroup{GroupName: &h.Name, GroupId: &h.ID})
		default:
			out.PolicyRoles = append(out.PolicyRoles, iam.PolicyRole{RoleName: &h.Name, RoleId: &h.ID})
		}
	}
	return out, err
}

// AttachUserPolicy implements iam:AttachUserPolicy. Attaching a policy again is no error.
func (s *Service) AttachUserPolicy(ctx context.Context,
	in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return nil, s.attach(ctx, userKind, *in.UserName, *in.PolicyArn)
}

// DetachUserPolicy implements iam:DetachUserPolicy.
func (s *Service) DetachUserPolicy(ctx context.Context,
	in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return nil, s.detach(ctx, userKind, *in.UserName, *in.PolicyArn)
}

// ListAttachedUserPolicies implements iam:ListAttachedUserPolicies.
func (s *Service) ListAttachedUserPolicies(_ context.Context,
	in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	all, p, err := s.attached(userKind, "ListAttachedUserPolicies", *in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedUserPoliciesOutput{
		AttachedPolicies: all,
		IsTruncated:      p.truncated,
		Marker:           p.marker,
	}, err
}

// AttachGroupPolicy implements iam:AttachGroupPolicy. Attaching a policy again is no error.
func (s *Service) AttachGroupPolicy(ctx context.Context,
	in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return nil, s.attach(ctx, groupKind, *in.GroupName, *in.PolicyArn)
}

// DetachGroupPolicy implements iam:DetachGroupPolicy.
func (s *Service) DetachGroupPolicy(ctx context.Context,
	in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return nil, s.detach(ctx, groupKind, *in.GroupName, *in.PolicyArn)
}

// ListAttachedGroupPolicies implements iam:ListAttachedGroupPolicies.
func (s *Service) ListAttachedGroupPolicies(_ context.Context,
	in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	all, p, err := s.attached(groupKind, "ListAttachedGroupPolicies", *in.GroupName, in.PathPrefix, in.Marker,
		in.MaxItems)
	return &iam.ListAttachedGroupPoliciesOutput{
		AttachedPolicies: all,
		IsTruncated:      p.truncated,
		Marker:           p.marker,
	}, err
}

// AttachRolePolicy implements iam:AttachRolePolicy. Attaching a policy again is no error.
func (s *Service) AttachRolePolicy(ctx context.Context,
	in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return nil, s.attach(ctx, roleKind, *in.RoleName, *in.PolicyArn)
}

// DetachRolePolicy implements iam:DetachRolePolicy.
func (s *Service) DetachRolePolicy(ctx context.Context,
	in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return nil, s.detach(ctx, roleKind, *in.RoleName, *in.PolicyArn)
}

// ListAttachedRolePolicies implements iam:ListAttachedRolePolicies.
func (s *Service) ListAttachedRolePolicies(_ context.Context,
	in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	all, p, err := s.attached(roleKind, "ListAttachedRolePolicies", *in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	return &iam.ListAttachedRolePoliciesOutput{
		AttachedPolicies: all,
		IsTruncated:      p.truncated,
		Marker:           p.marker,
	}, err
}
