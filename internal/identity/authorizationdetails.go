package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/iam"
)

// GetAccountAuthorizationDetails implements iam:GetAccountAuthorizationDetails: users, groups, roles, and policies with
// all that decides for them.
func (s *Service) GetAccountAuthorizationDetails(_ context.Context,
	in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	v := s.view()
	wants := func(t iam.EntityType) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, t) }
	var all []entity
	for t, k := range map[iam.EntityType]kind{
		iam.EntityTypeUser:               userKind,
		iam.EntityTypeGroup:              groupKind,
		iam.EntityTypeRole:               roleKind,
		iam.EntityTypeLocalManagedPolicy: policyKind,
	} {
		if wants(t) {
			all = append(all, each[entity](v, k)...)
		}
	}
	used := v.usages()
	if wants(iam.EntityTypeAWSManagedPolicy) {
		for arn, p := range builtins() {
			if u := used[arn]; u.attached+u.boundary > 0 { // as AWS: those that are used
				all = append(all, p)
			}
		}
	}
	key := func(d entity) string { return string(d.kind()) + " " + d.key() + " " + s.arnOf(d) }
	slices.SortFunc(all, func(a, b entity) int { return strings.Compare(key(a), key(b)) })
	l := list{"GetAccountAuthorizationDetails", in.Filter, in.Marker, in.MaxItems}
	some, p, err := paged(s, l, all, key)
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList:  []iam.UserDetail{},
		GroupDetailList: []iam.GroupDetail{},
		RoleDetailList:  []iam.RoleDetail{},
		Policies:        []iam.ManagedPolicyDetail{},
		IsTruncated:     p.truncated,
		Marker:          p.marker,
	}
	for _, d := range some {
		switch d := d.(type) {
		case *user:
			out.UserDetailList = append(out.UserDetailList, s.userDetail(v, d))
		case *group:
			out.GroupDetailList = append(out.GroupDetailList, s.groupDetail(v, d))
		case *role:
			out.RoleDetailList = append(out.RoleDetailList, s.roleDetail(v, d))
		case *managedPolicy:
			out.Policies = append(out.Policies, s.policyDetail(d, used[s.arnOf(d)]))
		}
	}
	return out, err
}

func inlineDetails(g *grants) []iam.PolicyDetail {
	all := []iam.PolicyDetail{}
	for _, p := range g.Inline {
		all = append(all, iam.PolicyDetail{PolicyName: &p.Name, PolicyDocument: encoded(p.Document)})
	}
	return all
}

func (s *Service) userDetail(v *view, u *user) iam.UserDetail {
	shown := s.shownUser(u, true)
	groups := []string{}
	for _, g := range v.groupsOf(u) {
		groups = append(groups, g.Name)
	}
	return iam.UserDetail{
		Path:                    shown.Path,
		UserName:                shown.UserName,
		UserId:                  shown.UserId,
		Arn:                     shown.Arn,
		CreateDate:              shown.CreateDate,
		UserPolicyList:          inlineDetails(&u.grants),
		GroupList:               groups,
		AttachedManagedPolicies: v.attachedPolicies(&u.grants),
		PermissionsBoundary:     shown.PermissionsBoundary,
		Tags:                    shown.Tags,
	}
}

func (s *Service) groupDetail(v *view, g *group) iam.GroupDetail {
	shown := s.shownGroup(g)
	return iam.GroupDetail{
		Path:                    shown.Path,
		GroupName:               shown.GroupName,
		GroupId:                 shown.GroupId,
		Arn:                     shown.Arn,
		CreateDate:              shown.CreateDate,
		GroupPolicyList:         inlineDetails(&g.grants),
		AttachedManagedPolicies: v.attachedPolicies(&g.grants),
	}
}

func (s *Service) roleDetail(v *view, r *role) iam.RoleDetail {
	shown := s.shownRole(v, r, true)
	profiles := []iam.InstanceProfile{}
	for _, p := range v.profilesOf(r) {
		profiles = append(profiles, *s.shownProfile(v, p))
	}
	return iam.RoleDetail{
		Path:                     shown.Path,
		RoleName:                 shown.RoleName,
		RoleId:                   shown.RoleId,
		Arn:                      shown.Arn,
		CreateDate:               shown.CreateDate,
		AssumeRolePolicyDocument: shown.AssumeRolePolicyDocument,
		InstanceProfileList:      profiles,
		RolePolicyList:           inlineDetails(&r.grants),
		AttachedManagedPolicies:  v.attachedPolicies(&r.grants),
		PermissionsBoundary:      shown.PermissionsBoundary,
		Tags:                     shown.Tags,
		RoleLastUsed:             &iam.RoleLastUsed{},
	}
}

func (s *Service) policyDetail(p *managedPolicy, u usage) iam.ManagedPolicyDetail {
	shown := s.shownPolicy(p, u)
	versions := []iam.PolicyVersion{}
	for _, x := range slices.Backward(p.Versions) {
		versions = append(versions, shownVersion(p, x))
	}
	return iam.ManagedPolicyDetail{
		PolicyName:                    shown.PolicyName,
		PolicyId:                      shown.PolicyId,
		Arn:                           shown.Arn,
		Path:                          shown.Path,
		DefaultVersionId:              shown.DefaultVersionId,
		AttachmentCount:               shown.AttachmentCount,
		PermissionsBoundaryUsageCount: shown.PermissionsBoundaryUsageCount,
		IsAttachable:                  shown.IsAttachable,
		Description:                   shown.Description,
		CreateDate:                    shown.CreateDate,
		UpdateDate:                    shown.UpdateDate,
		PolicyVersionList:             versions,
	}
}
