package identity

import (
	"context"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// HostPath is the path of the users of hosts, where `aws deploy register` puts them.
const HostPath = "AWS/CodeDeploy/"

// CreateUser implements iam:CreateUser. The user has no rights until it is given some, except that of a host.
func (s *Service) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	u := s.newUser(pathOr(in.Path), *in.UserName, "")
	err := s.change(ctx, func(v *view) error {
		if _, err := v.user(u.Name); err == nil {
			return exists("User with name %s already exists.", u.Name)
		}
		if err := v.setBoundary(&u.grants, in.PermissionsBoundary); err != nil {
			return err
		}
		var err error
		u.Tags, err = retag(nil, in.Tags)
		u.Role = ""
		if u.host() {
			u.Role, u.Attached = Host, []string{rolePolicies[Host]}
		}
		v.put(u)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateUserOutput{User: s.shownUser(u, true)}, nil
}

// shownUser is a user in an answer. Lists leave out tags and boundary.
func (s *Service) shownUser(u *user, whole bool) *iam.User {
	shown := &iam.User{
		UserName:   &u.Name,
		Path:       &u.Path,
		UserId:     &u.ID,
		Arn:        new(s.arnOf(u)),
		CreateDate: at(u.Created),
	}
	if whole {
		shown.Tags, shown.PermissionsBoundary = someTags(u.Tags), shownBoundary(u.Boundary)
	}
	return shown
}

// GetUser implements iam:GetUser; without a name it is the caller.
func (s *Service) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	shown := s.shownUser(u, true)
	if u.Login != nil {
		used, err := s.lastUses(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		if x, ok := used[signinUse]; ok {
			shown.PasswordLastUsed = awsproto.At(x.at)
		}
	}
	return &iam.GetUserOutput{User: shown}, nil
}

// ListUsers implements iam:ListUsers.
func (s *Service) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	all := under(each[*user](s.view(), userKind), in.PathPrefix)
	some, p, err := paged(s, list{"ListUsers", in.PathPrefix, in.Marker, in.MaxItems}, all, (*user).key)
	if err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	last, err := s.lastSignins(ctx, some)
	out := &iam.ListUsersOutput{Users: []iam.User{}, IsTruncated: p.truncated, Marker: p.marker}
	for _, u := range some {
		shown := s.shownUser(u, false)
		if used, ok := last[u.ID]; ok && u.Login != nil {
			shown.PasswordLastUsed = awsproto.At(used)
		}
		out.Users = append(out.Users, *shown)
	}
	return out, err
}

// UpdateUser implements iam:UpdateUser: another name or path. The unique ID, the keys and the policies stay.
func (s *Service) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	return nil, s.change(ctx, func(v *view) error {
		u, err := v.user(*in.UserName)
		if err != nil {
			return err
		}
		u = edit(u)
		if in.NewPath != nil {
			u.Path = *in.NewPath
		}
		if in.NewUserName != nil {
			u.Name = *in.NewUserName
		}
		if other, err := v.user(u.Name); err == nil && other.ID != u.ID {
			return exists("User with name %s already exists.", u.Name)
		}
		v.put(u)
		return nil
	})
}

// DeleteUser implements iam:DeleteUser. As IAM it refuses a user that still has something.
func (s *Service) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		return s.changeIn(ctx, tx, func(v *view) error {
			u, err := v.user(*in.UserName)
			if err != nil {
				return err
			}
			if err := v.left(u); err != nil {
				return err
			}
			v.drop(u)
			err = endSignins(ctx, tx, u.ID)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return nil, s.Reload(ctx)
}

// left names what a user still has.
func (v *view) left(u *user) error {
	switch {
	case len(u.Keys) > 0:
		return conflict("delete access keys first.")
	case len(u.Inline) > 0:
		return conflict("delete policies first.")
	case len(u.Attached) > 0 && !slices.Equal(u.Attached, []string{rolePolicies[u.Role]}):
		return conflict("detach all policies first.")
	case len(u.Groups) > 0:
		return conflict("remove users from group first.")
	case u.Login != nil:
		return conflict("delete login profile first.")
	case len(u.Credentials) > 0 && !u.host():
		return conflict("delete service-specific credentials first.")
	case len(u.SSHKeys) > 0:
		return conflict("delete SSH public keys first.")
	case len(v.devicesOf(u)) > 0:
		return conflict("delete MFA device first.")
	}
	return nil
}

func (v *view) devicesOf(u *user) (all []*device) {
	for _, d := range each[*device](v, deviceKind) {
		if d.User == u.ID {
			all = append(all, d)
		}
	}
	return all
}

// changeUser changes the user of a name, or the caller if there is no name.
func (s *Service) changeUser(ctx context.Context, name *string, f func(v *view, u *user) error) error {
	return s.change(ctx, func(v *view) error {
		u, err := v.userOr(awsproto.CallerOf(ctx), name)
		if err != nil {
			return err
		}
		u = edit(u)
		if err := f(v, u); err != nil {
			return err
		}
		v.put(u)
		return nil
	})
}

// setBoundary sets a permissions boundary if one is given.
func (v *view) setBoundary(g *grants, arn *string) error {
	if arn == nil {
		return nil
	}
	if v.policy(*arn) == nil {
		if err := checkARN(*arn); err != nil {
			return err
		}
		return noSuch("Scope ARN: %s does not exist or is not attachable.", *arn)
	}
	g.Boundary = *arn
	return nil
}

// PutUserPermissionsBoundary implements iam:PutUserPermissionsBoundary.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context,
	in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return nil, s.changeUser(ctx, in.UserName, func(v *view, u *user) error {
		return v.setBoundary(&u.grants, in.PermissionsBoundary)
	})
}

// DeleteUserPermissionsBoundary implements iam:DeleteUserPermissionsBoundary.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context,
	in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
		u.Boundary = ""
		return nil
	})
}

// PutHost makes the user of a host with one access key, within the caller's transaction. It ends the keys and sessions
// of an earlier host of that name, so that an old key gives no access. The caller calls Reload once the transaction is
// committed.
func (s *Service) PutHost(ctx context.Context, tx store.Tx, name string, k Key) error {
	return s.changeIn(ctx, tx, func(v *view) error {
		u, _ := v.find(userKind, strings.ToLower(HostPath+name)).(*user)
		if u == nil {
			u = s.newUser("/"+HostPath, name, Host)
		} else {
			u = edit(u)
			if err := s.endKeys(ctx, tx, u); err != nil {
				return err
			}
		}
		u.Keys = []accessKey{s.newAccessKey(k)}
		v.put(u)
		return nil
	})
}

// EnsureHostUser makes the user of an ARN of this account, with the rights of a host, unless it exists.
// iam:CreateAccessKey makes its keys. EnsureHostUser returns false if the ARN belongs to another account.
func (s *Service) EnsureHostUser(ctx context.Context, tx store.Tx, arn string) (bool, error) {
	full, ok := strings.CutPrefix(arn, s.UserARN(""))
	if !ok {
		return false, nil
	}
	return true, s.changeIn(ctx, tx, func(v *view) error {
		if v.userOf(arn) != nil {
			return nil
		}
		at := strings.LastIndexByte(full, '/') + 1
		u := s.newUser("/"+full[:at], full[at:], Host)
		if v.find(userKind, u.key()) == nil {
			v.put(u)
		}
		return nil
	})
}

// EndKeys ends the access keys and sessions of a host's user, within the caller's transaction. Users that are more than
// a host keep theirs. The caller calls Reload once the transaction is committed.
func (s *Service) EndKeys(ctx context.Context, tx store.Tx, arn string) error {
	return s.changeIn(ctx, tx, func(v *view) error {
		u := v.userOf(arn)
		if u == nil || u.Role != Host {
			return nil
		}
		u = edit(u)
		v.put(u)
		return s.endKeys(ctx, tx, u)
	})
}

func (s *Service) endKeys(ctx context.Context, tx store.Tx, u *user) error {
	u.Keys, u.Credentials = nil, nil
	return endSignins(ctx, tx, u.ID)
}
