package identity

import (
	"context"

	"slipway/api/iam"
)

// CreateInstanceProfile implements iam:CreateInstanceProfile.
func (s *Service) CreateInstanceProfile(ctx context.Context,
	in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	p := &profile{head: s.newHead("AIPA", pathOr(in.Path), *in.InstanceProfileName)}
	var shown *iam.InstanceProfile
	err := s.change(ctx, func(v *view) (err error) {
		if v.find(profileKind, p.key()) != nil {
			return exists("Instance Profile %s already exists.", p.Name)
		}
		if p.Tags, err = retag(nil, in.Tags); err != nil {
			return err
		}
		v.put(p)
		shown = s.shownProfile(v, p)
		return nil
	})
	return &iam.CreateInstanceProfileOutput{InstanceProfile: shown}, err
}

func (s *Service) shownProfile(v *view, p *profile) *iam.InstanceProfile {
	shown := &iam.InstanceProfile{
		InstanceProfileName: &p.Name,
		Path:                &p.Path,
		InstanceProfileId:   &p.ID,
		Arn:                 new(s.arnOf(p)),
		CreateDate:          at(p.Created),
		Roles:               []iam.Role{},
		Tags:                someTags(p.Tags),
	}
	if r, ok := v.get(roleKind, p.Role).(*role); ok {
		shown.Roles = append(shown.Roles, *s.shownRole(v, r, false))
	}
	return shown
}

// profilesOf are the instance profiles of a role, by name.
func (v *view) profilesOf(r *role) (all []*profile) {
	for _, p := range each[*profile](v, profileKind) {
		if p.Role == r.ID {
			all = append(all, p)
		}
	}
	return all
}

// GetInstanceProfile implements iam:GetInstanceProfile.
func (s *Service) GetInstanceProfile(_ context.Context,
	in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	v := s.view()
	p, err := v.profile(*in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &iam.GetInstanceProfileOutput{InstanceProfile: s.shownProfile(v, p)}, nil
}

// ListInstanceProfiles implements iam:ListInstanceProfiles.
func (s *Service) ListInstanceProfiles(_ context.Context,
	in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	v := s.view()
	all := under(each[*profile](v, profileKind), in.PathPrefix)
	some, p, err := s.profiles(v, list{"ListInstanceProfiles", in.PathPrefix, in.Marker, in.MaxItems}, all)
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: some, IsTruncated: p.truncated, Marker: p.marker}, err
}

// ListInstanceProfilesForRole implements iam:ListInstanceProfilesForRole.
func (s *Service) ListInstanceProfilesForRole(_ context.Context,
	in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	v := s.view()
	r, err := v.role(*in.RoleName)
	if err != nil {
		return nil, err
	}
	some, p, err := s.profiles(v, list{"ListInstanceProfilesForRole", r.ID, in.Marker, in.MaxItems}, v.profilesOf(r))
	return &iam.ListInstanceProfilesForRoleOutput{
		InstanceProfiles: some,
		IsTruncated:      p.truncated,
		Marker:           p.marker,
	}, err
}

func (s *Service) profiles(v *view, l list, all []*profile) ([]iam.InstanceProfile, page, error) {
	some, p, err := paged(s, l, all, (*profile).key)
	shown := make([]iam.InstanceProfile, 0, len(some))
	for _, x := range some {
		shown = append(shown, *s.shownProfile(v, x))
	}
	return shown, p, err
}

// AddRoleToInstanceProfile implements iam:AddRoleToInstanceProfile.
func (s *Service) AddRoleToInstanceProfile(ctx context.Context,
	in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	return nil, s.changeProfile(ctx, *in.InstanceProfileName, *in.RoleName, func(p *profile, r *role) error {
		if p.Role != "" {
			return exceeds("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		p.Role = r.ID
		return unlinked(r)
	})
}

// RemoveRoleFromInstanceProfile implements iam:RemoveRoleFromInstanceProfile.
func (s *Service) RemoveRoleFromInstanceProfile(ctx context.Context,
	in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	return nil, s.changeProfile(ctx, *in.InstanceProfileName, *in.RoleName, func(p *profile, r *role) error {
		if p.Role != r.ID {
			return noSuch("The role with name %s cannot be found.", r.Name)
		}
		p.Role = ""
		return nil
	})
}

func (s *Service) changeProfile(ctx context.Context, profileName, roleName string,
	f func(p *profile, r *role) error) error {
	return s.change(ctx, func(v *view) error {
		p, err := v.profile(profileName)
		if err != nil {
			return err
		}
		r, err := v.role(roleName)
		if err != nil {
			return err
		}
		p = edit(p)
		if err := f(p, r); err != nil {
			return err
		}
		v.put(p)
		return nil
	})
}

// DeleteInstanceProfile implements iam:DeleteInstanceProfile.
func (s *Service) DeleteInstanceProfile(ctx context.Context,
	in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		p, err := v.profile(*in.InstanceProfileName)
		if err != nil {
			return err
		}
		if p.Role != "" {
			return conflict("remove roles from instance profile first.")
		}
		v.drop(p)
		return nil
	})
}
