package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/iam"
)

// maxGroups is IAM's limit of groups a user is in.
const maxGroups = 10

// CreateGroup implements iam:CreateGroup.
func (s *Service) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	g := &group{head: s.newHead("AGPA", pathOr(in.Path), *in.GroupName)}
	err := s.change(ctx, func(v *view) error {
		if v.find(groupKind, g.key()) != nil {
			return exists("Group with name %s already exists.", g.Name)
		}
		v.put(g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateGroupOutput{Group: s.shownGroup(g)}, nil
}

func (s *Service) shownGroup(g *group) *iam.Group {
	return &iam.Group{
		GroupName:  &g.Name,
		Path:       &g.Path,
		GroupId:    &g.ID,
		Arn:        new(s.arnOf(g)),
		CreateDate: at(g.Created),
	}
}

// members are the users of a group, by name.
func (v *view) members(g *group) (all []*user) {
	for _, u := range each[*user](v, userKind) {
		if slices.Contains(u.Groups, g.ID) {
			all = append(all, u)
		}
	}
	return all
}

// GetGroup implements iam:GetGroup: the group and a page of its users.
func (s *Service) GetGroup(_ context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	v := s.view()
	g, err := v.group(*in.GroupName)
	if err != nil {
		return nil, err
	}
	some, p, err := paged(s, list{"GetGroup", g.ID, in.Marker, in.MaxItems}, v.members(g), (*user).key)
	out := &iam.GetGroupOutput{Group: s.shownGroup(g), Users: []iam.User{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, u := range some {
		out.Users = append(out.Users, *s.shownUser(u, false))
	}
	return out, err
}

// ListGroups implements iam:ListGroups.
func (s *Service) ListGroups(_ context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	all := under(each[*group](s.view(), groupKind), in.PathPrefix)
	some, p, err := paged(s, list{"ListGroups", in.PathPrefix, in.Marker, in.MaxItems}, all, (*group).key)
	out := &iam.ListGroupsOutput{Groups: []iam.Group{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, g := range some {
		out.Groups = append(out.Groups, *s.shownGroup(g))
	}
	return out, err
}

// ListGroupsForUser implements iam:ListGroupsForUser.
func (s *Service) ListGroupsForUser(_ context.Context,
	in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	v := s.view()
	u, err := v.user(*in.UserName)
	if err != nil {
		return nil, err
	}
	some, p, err := paged(s, list{"ListGroupsForUser", u.ID, in.Marker, in.MaxItems}, v.groupsOf(u), (*group).key)
	out := &iam.ListGroupsForUserOutput{Groups: []iam.Group{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, g := range some {
		out.Groups = append(out.Groups, *s.shownGroup(g))
	}
	return out, err
}

// groupsOf are the groups of a user, by name.
func (v *view) groupsOf(u *user) (all []*group) {
	for _, id := range u.Groups {
		if g, ok := v.get(groupKind, id).(*group); ok {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *group) int { return strings.Compare(a.key(), b.key()) })
	return all
}

// UpdateGroup implements iam:UpdateGroup: another name or path.
func (s *Service) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		g, err := v.group(*in.GroupName)
		if err != nil {
			return err
		}
		g = edit(g)
		if in.NewPath != nil {
			g.Path = *in.NewPath
		}
		if in.NewGroupName != nil {
			g.Name = *in.NewGroupName
		}
		if other := v.find(groupKind, g.key()); other != nil && other.id() != g.ID {
			return exists("Group with name %s already exists.", g.Name)
		}
		v.put(g)
		return nil
	})
}

// DeleteGroup implements iam:DeleteGroup. As IAM it refuses a group that still has something.
func (s *Service) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		g, err := v.group(*in.GroupName)
		switch {
		case err != nil:
			return err
		case len(v.members(g)) > 0:
			return conflict("remove users from group first.")
		case len(g.Inline) > 0:
			return conflict("delete policies first.")
		case len(g.Attached) > 0:
			return conflict("detach all policies first.")
		}
		v.drop(g)
		return nil
	})
}

// AddUserToGroup implements iam:AddUserToGroup. Adding a user again is no error.
func (s *Service) AddUserToGroup(ctx context.Context,
	in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	return nil, s.changeMember(ctx, *in.GroupName, *in.UserName, func(g *group, u *user) error {
		if slices.Contains(u.Groups, g.ID) {
			return nil
		}
		if len(u.Groups) >= maxGroups {
			return exceeds("Cannot exceed quota for GroupsPerUser: %d", maxGroups)
		}
		u.Groups = append(u.Groups, g.ID)
		return nil
	})
}

// RemoveUserFromGroup implements iam:RemoveUserFromGroup.
func (s *Service) RemoveUserFromGroup(ctx context.Context,
	in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	return nil, s.changeMember(ctx, *in.GroupName, *in.UserName, func(g *group, u *user) error {
		if !slices.Contains(u.Groups, g.ID) {
			return noSuch("User %s is not in group %s.", u.Name, g.Name)
		}
		u.Groups = slices.DeleteFunc(u.Groups, func(id string) bool { return id == g.ID })
		return nil
	})
}

func (s *Service) changeMember(ctx context.Context, groupName, userName string,
	f func(g *group, u *user) error) error {
	return s.change(ctx, func(v *view) error {
		g, err := v.group(groupName)
		if err != nil {
			return err
		}
		u, err := v.user(userName)
		if err != nil {
			return err
		}
		u = edit(u)
		if err := f(g, u); err != nil {
			return err
		}
		v.put(u)
		return nil
	})
}
