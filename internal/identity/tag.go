package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/iam"
	"slipway/internal/store"
)

// tagged finds an entity that has tags, and makes a copy of it to change.
type tagged func(v *view) (entity, error)

func (s *Service) putTags(ctx context.Context, find tagged, tags []iam.Tag) error {
	return s.changeTags(ctx, find, func(before []store.Tag) ([]store.Tag, error) { return retag(before, tags) })
}

func (s *Service) takeTags(ctx context.Context, find tagged, keys []string) error {
	return s.changeTags(ctx, find, func(before []store.Tag) ([]store.Tag, error) { return untag(before, keys), nil })
}

func (s *Service) changeTags(ctx context.Context, find tagged, f func([]store.Tag) ([]store.Tag, error)) error {
	return s.change(ctx, func(v *view) error {
		d, err := find(v)
		if err != nil {
			return err
		}
		h := d.heading()
		if h.Tags, err = f(h.Tags); err != nil {
			return err
		}
		v.put(d)
		return nil
	})
}

func (s *Service) tags(find tagged, op string, marker *string, most *int32) ([]iam.Tag, page, error) {
	d, err := find(s.view())
	if err != nil {
		return nil, page{}, err
	}
	all := shownTags(d.heading().Tags)
	return paged(s, list{op, d.id(), marker, most}, all, func(t iam.Tag) string { return *t.Key })
}

// copied makes a copy of what a lookup returned.
func copied[T any, P interface {
	*T
	entity
}](d P, err error) (entity, error) {
	if err != nil {
		return nil, err
	}
	return P(edit((*T)(d))), nil
}

// TagsOf returns the tags of a user, group, role, managed policy, instance profile or identity provider by its ARN. It
// reports false if there is none.
func (s *Service) TagsOf(arn string) (map[string]string, bool) {
	d := s.view().entityOf(arn)
	if d == nil {
		return nil, false
	}
	tags := map[string]string{}
	for _, t := range d.heading().Tags {
		tags[t.Key] = t.Value
	}
	return tags, true
}

// entityOf finds what has an ARN, or returns nil.
func (v *view) entityOf(arn string) entity {
	rest, ok := strings.CutPrefix(arn, v.s.arn(""))
	if !ok {
		return nil
	}
	kindName, _, _ := strings.Cut(rest, "/")
	name := strings.ToLower(rest[strings.LastIndexByte(rest, '/')+1:])
	switch k := kind(kindName); k {
	case userKind:
		if u := v.userOf(arn); u != nil {
			return u
		}
	case policyKind:
		if p := v.policy(arn); p != nil {
			return p
		}
	case providerKind:
		if p, err := v.provider(arn); err == nil {
			return p
		}
	case groupKind, roleKind, profileKind, deviceKind:
		if d, ok := v.find(k, name).(entity); ok && v.s.arnOf(d) == arn {
			return d
		}
	}
	return nil
}

// ARN returns the ARN of a user, group, role, policy or instance-profile of this account by its name. It reports false
// if there is none.
func (s *Service) ARN(k, name string) (string, bool) {
	v := s.view()
	if kind(k) == userKind {
		u, err := v.user(name)
		if err != nil {
			return "", false
		}
		return s.arnOf(u), true
	}
	if !slices.Contains([]kind{groupKind, roleKind, policyKind, profileKind, deviceKind}, kind(k)) {
		return "", false
	}
	d, ok := v.find(kind(k), strings.ToLower(name)).(entity)
	if !ok {
		return "", false
	}
	return s.arnOf(d), true
}

// Boundary returns the ARN of the permissions boundary of a user or role; "" for none.
func (s *Service) Boundary(k, name string) string {
	d, err := s.view().named(kind(k), name)
	if err != nil || kind(k) == groupKind {
		return ""
	}
	return d.rights().Boundary
}

// TagUser implements iam:TagUser.
func (s *Service) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.user(*in.UserName)) }
	return nil, s.putTags(ctx, find, in.Tags)
}

// UntagUser implements iam:UntagUser.
func (s *Service) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.user(*in.UserName)) }
	return nil, s.takeTags(ctx, find, in.TagKeys)
}

// ListUserTags implements iam:ListUserTags.
func (s *Service) ListUserTags(_ context.Context,
	in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.user(*in.UserName)) }
	tags, p, err := s.tags(find, "ListUserTags", in.Marker, in.MaxItems)
	return &iam.ListUserTagsOutput{Tags: tags, IsTruncated: p.truncated, Marker: p.marker}, err
}

// TagRole implements iam:TagRole.
func (s *Service) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.role(*in.RoleName)) }
	return nil, s.putTags(ctx, find, in.Tags)
}

// UntagRole implements iam:UntagRole.
func (s *Service) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.role(*in.RoleName)) }
	return nil, s.takeTags(ctx, find, in.TagKeys)
}

// ListRoleTags implements iam:ListRoleTags.
func (s *Service) ListRoleTags(_ context.Context,
	in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.role(*in.RoleName)) }
	tags, p, err := s.tags(find, "ListRoleTags", in.Marker, in.MaxItems)
	return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: p.truncated, Marker: p.marker}, err
}

// TagPolicy implements iam:TagPolicy.
func (s *Service) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.ownPolicy(*in.PolicyArn)) }
	return nil, s.putTags(ctx, find, in.Tags)
}

// UntagPolicy implements iam:UntagPolicy.
func (s *Service) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.ownPolicy(*in.PolicyArn)) }
	return nil, s.takeTags(ctx, find, in.TagKeys)
}

// ListPolicyTags implements iam:ListPolicyTags.
func (s *Service) ListPolicyTags(_ context.Context,
	in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.policyOf(*in.PolicyArn)) }
	tags, p, err := s.tags(find, "ListPolicyTags", in.Marker, in.MaxItems)
	return &iam.ListPolicyTagsOutput{Tags: tags, IsTruncated: p.truncated, Marker: p.marker}, err
}

// TagInstanceProfile implements iam:TagInstanceProfile.
func (s *Service) TagInstanceProfile(ctx context.Context,
	in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.profile(*in.InstanceProfileName)) }
	return nil, s.putTags(ctx, find, in.Tags)
}

// UntagInstanceProfile implements iam:UntagInstanceProfile.
func (s *Service) UntagInstanceProfile(ctx context.Context,
	in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.profile(*in.InstanceProfileName)) }
	return nil, s.takeTags(ctx, find, in.TagKeys)
}

// ListInstanceProfileTags implements iam:ListInstanceProfileTags.
func (s *Service) ListInstanceProfileTags(_ context.Context,
	in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.profile(*in.InstanceProfileName)) }
	tags, p, err := s.tags(find, "ListInstanceProfileTags", in.Marker, in.MaxItems)
	return &iam.ListInstanceProfileTagsOutput{Tags: tags, IsTruncated: p.truncated, Marker: p.marker}, err
}

// TagOpenIDConnectProvider implements iam:TagOpenIDConnectProvider.
func (s *Service) TagOpenIDConnectProvider(ctx context.Context,
	in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.provider(*in.OpenIDConnectProviderArn)) }
	return nil, s.putTags(ctx, find, in.Tags)
}

// UntagOpenIDConnectProvider implements iam:UntagOpenIDConnectProvider.
func (s *Service) UntagOpenIDConnectProvider(ctx context.Context,
	in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.provider(*in.OpenIDConnectProviderArn)) }
	return nil, s.takeTags(ctx, find, in.TagKeys)
}

// ListOpenIDConnectProviderTags implements iam:ListOpenIDConnectProviderTags.
func (s *Service) ListOpenIDConnectProviderTags(_ context.Context,
	in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.provider(*in.OpenIDConnectProviderArn)) }
	tags, p, err := s.tags(find, "ListOpenIDConnectProviderTags", in.Marker, in.MaxItems)
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: tags, IsTruncated: p.truncated, Marker: p.marker}, err
}

// TagMFADevice implements iam:TagMFADevice.
func (s *Service) TagMFADevice(ctx context.Context, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.device(*in.SerialNumber)) }
	return nil, s.putTags(ctx, find, in.Tags)
}

// UntagMFADevice implements iam:UntagMFADevice.
func (s *Service) UntagMFADevice(ctx context.Context, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.device(*in.SerialNumber)) }
	return nil, s.takeTags(ctx, find, in.TagKeys)
}

// ListMFADeviceTags implements iam:ListMFADeviceTags.
func (s *Service) ListMFADeviceTags(_ context.Context,
	in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	find := func(v *view) (entity, error) { return copied(v.device(*in.SerialNumber)) }
	tags, p, err := s.tags(find, "ListMFADeviceTags", in.Marker, in.MaxItems)
	return &iam.ListMFADeviceTagsOutput{Tags: tags, IsTruncated: p.truncated, Marker: p.marker}, err
}
