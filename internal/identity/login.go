package identity

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// passwordPolicy says what passwords must be, and for how long they are valid.
type passwordPolicy struct {
	Length     int32 `json:"length"`
	Symbols    bool  `json:"symbols,omitempty"`
	Numbers    bool  `json:"numbers,omitempty"`
	Upper      bool  `json:"upper,omitempty"`
	Lower      bool  `json:"lower,omitempty"`
	OwnChange  bool  `json:"ownChange,omitempty"` // users may change their passwords without a policy that says so
	MaxAge     int32 `json:"maxAge,omitempty"`    // days; 0 for no end
	Reuse      int32 `json:"reuse,omitempty"`     // how many earlier ones may not be used again
	HardExpiry bool  `json:"hardExpiry,omitempty"`
}

// ownChange reports whether users may change their passwords without a policy that says so. They may not if the account
// has no password policy.
func (p *passwordPolicy) ownChange() bool { return p != nil && p.OwnChange }

// minPassword is the least length of a password without a policy of one's own, as IAM's.
const minPassword = 8

// symbols are what IAM counts as symbols in a password.
const symbols = "!@#$%^&*()_+-=[]{}|'"

// check refuses a password that the policy does not allow. A nil policy is IAM's default.
func (p *passwordPolicy) check(password, name string) error {
	if p == nil {
		if utf8.RuneCountInString(password) < minPassword {
			return violates("Password should have a minimum length of %d", minPassword)
		}
		if strings.EqualFold(password, name) {
			return violates("Password should not be the name of the user")
		}
		return nil
	}
	if utf8.RuneCountInString(password) < int(p.Length) {
		return violates("Password should have a minimum length of %d", p.Length)
	}
	for _, c := range []struct {
		wanted bool
		kind   func(r rune) bool
		name   string
	}{
		{p.Upper, unicode.IsUpper, "uppercase letter"},
		{p.Lower, unicode.IsLower, "lowercase letter"},
		{p.Numbers, unicode.IsDigit, "number"},
		{p.Symbols, func(r rune) bool { return strings.ContainsRune(symbols, r) }, "symbol"},
	} {
		if c.wanted && !strings.ContainsFunc(password, c.kind) {
			return violates("Password should have at least one %s", c.name)
		}
	}
	return nil
}

func violates(format string, args ...any) error {
	return &iam.PasswordPolicyViolationException{Message: fmt.Sprintf(format, args...)}
}

// expired reports whether a password is older than the policy allows.
func (p *passwordPolicy) expired(l *login, now int64) bool {
	const day = 24 * 60 * 60 * 1000
	return p != nil && p.MaxAge > 0 && now-l.Changed > int64(p.MaxAge)*day
}

// setPassword gives a user another password. Sessions that were started with the old one end.
func (s *Service) setPassword(ctx context.Context, name *string, password string,
	f func(u *user, hash string) error) (*login, error) {
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	before, err := s.view().userOr(awsproto.CallerOf(ctx), name)
	if err != nil {
		return nil, err
	}
	if err := s.unused(ctx, before, password); err != nil {
		return nil, err
	}
	var made *login
	err = s.db.Write(ctx, func(tx store.Tx) error {
		return s.changeIn(ctx, tx, func(v *view) error {
			u, err := v.userOr(awsproto.CallerOf(ctx), name)
			if err != nil {
				return err
			}
			if err := v.settings().Passwords.check(password, u.Name); err != nil {
				return err
			}
			u = edit(u)
			if err := f(u, hash); err != nil {
				return err
			}
			v.put(u)
			made = u.Login
			err = endSignins(ctx, tx, u.ID)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return made, s.Reload(ctx)
}

// unused refuses a password that the user had before, as far back as the account's policy says.
func (s *Service) unused(ctx context.Context, u *user, password string) error {
	p := s.view().settings().Passwords
	if p == nil || p.Reuse == 0 || u.Login == nil {
		return nil
	}
	earlier := append([]string{u.Login.Hash}, u.Login.Before...)
	for _, hash := range earlier[:min(len(earlier), int(p.Reuse))] {
		same, err := matchesPassword(ctx, hash, password)
		if err != nil {
			return err
		}
		if same {
			return violates("Policy constraint violation: the password was used before")
		}
	}
	return nil
}

// maxEarlier bounds how many hashes of earlier passwords are kept: the most that a policy can forbid.
const maxEarlier = 24

// change puts a new hash in the place of the old one.
func (l *login) change(hash string, now int64) {
	l.Before = append([]string{l.Hash}, l.Before...)
	l.Before = l.Before[:min(len(l.Before), maxEarlier)]
	l.Hash, l.Changed = hash, now
}

// CreateLoginProfile implements iam:CreateLoginProfile. It gives a user a password for the pages.
func (s *Service) CreateLoginProfile(ctx context.Context,
	in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	if in.Password == nil {
		return nil, violates("A password is required")
	}
	var shown *iam.LoginProfile
	_, err := s.setPassword(ctx, in.UserName, *in.Password, func(u *user, hash string) error {
		if u.Login != nil {
			return exists("Login Profile for user %s already exists.", u.Name)
		}
		now := s.Now().UnixMilli()
		u.Login = &login{Hash: hash, Created: now, Changed: now, Reset: awsproto.Value(in.PasswordResetRequired)}
		shown = shownLogin(u)
		return nil
	})
	return &iam.CreateLoginProfileOutput{LoginProfile: shown}, err
}

func shownLogin(u *user) *iam.LoginProfile {
	return &iam.LoginProfile{
		UserName:              &u.Name,
		CreateDate:            at(u.Login.Created),
		PasswordResetRequired: &u.Login.Reset,
	}
}

func noLogin(u *user) error { return noSuch("Login Profile for User %s cannot be found.", u.Name) }

// UpdateLoginProfile implements iam:UpdateLoginProfile: another password, and all sessions of the user end.
func (s *Service) UpdateLoginProfile(ctx context.Context,
	in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	if in.Password == nil {
		return nil, s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
			if u.Login == nil {
				return noLogin(u)
			}
			if in.PasswordResetRequired != nil {
				u.Login.Reset = *in.PasswordResetRequired
			}
			return nil
		})
	}
	_, err := s.setPassword(ctx, in.UserName, *in.Password, func(u *user, hash string) error {
		if u.Login == nil {
			return noLogin(u)
		}
		u.Login.change(hash, s.Now().UnixMilli())
		if in.PasswordResetRequired != nil {
			u.Login.Reset = *in.PasswordResetRequired
		}
		return nil
	})
	return nil, err
}

// ChangePassword implements iam:ChangePassword: the caller's own, who knows the old one.
func (s *Service) ChangePassword(ctx context.Context,
	in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), nil)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, noLogin(u)
	}
	old := u.Login.Hash
	ok, err := matchesPassword(ctx, old, *in.OldPassword)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, &awsproto.Error{Code: "AccessDenied", Status: 403, Message: "The old password was incorrect."}
	}
	_, err = s.setPassword(ctx, &u.Name, *in.NewPassword, func(u *user, hash string) error {
		if u.Login == nil || u.Login.Hash != old {
			return &iam.EntityTemporarilyUnmodifiableException{
				Message: "The password was changed in the meantime. Sign in again."}
		}
		u.Login.change(hash, s.Now().UnixMilli())
		u.Login.Reset = false
		return nil
	})
	return nil, err
}

// GetLoginProfile implements iam:GetLoginProfile.
func (s *Service) GetLoginProfile(ctx context.Context,
	in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, noLogin(u)
	}
	return &iam.GetLoginProfileOutput{LoginProfile: shownLogin(u)}, nil
}

// DeleteLoginProfile implements iam:DeleteLoginProfile. The user can no longer sign in with a password.
func (s *Service) DeleteLoginProfile(ctx context.Context,
	in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		return s.changeIn(ctx, tx, func(v *view) error {
			u, err := v.userOr(awsproto.CallerOf(ctx), in.UserName)
			if err != nil {
				return err
			}
			if u.Login == nil {
				return noLogin(u)
			}
			u = edit(u)
			u.Login = nil
			v.put(u)
			err = endSignins(ctx, tx, u.ID)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return nil, s.Reload(ctx)
}
