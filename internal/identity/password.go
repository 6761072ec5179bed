package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// Costs of an argon2id hash: 19 MiB and two passes, OWASP's first recommendation.
const (
	argonTime   = 2
	argonMemory = 19 << 10 // KiB
	argonKey    = 32
	minPassword = 8 // characters, as IAM without a policy of one's own
)

// hashing limits how many passwords are hashed at the same time. Each takes 19 MiB.
var hashing = make(chan struct{}, 2)

// argon fails only where ctx ends before its turn has come.
func argon(ctx context.Context, password, salt string) (string, error) {
	select {
	case hashing <- struct{}{}:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { <-hashing }()
	return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), []byte(salt), argonTime, argonMemory, 1,
		argonKey)), nil
}

func hashPassword(ctx context.Context, password string) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:])
	salt := base64.RawStdEncoding.EncodeToString(b[:])
	hash, err := argon(ctx, password, salt)
	return fmt.Sprintf("argon2id$%d$%d$%s$%s", argonMemory, argonTime, salt, hash), err
}

// matchesPassword compares at the same cost whether there is a hash or not, so that the time taken says nothing.
func matchesPassword(ctx context.Context, hash, password string) (bool, error) {
	parts := strings.Split(hash, "$")
	salt, want := "none", ""
	if len(parts) == 5 {
		salt, want = parts[3], parts[4]
	}
	got, err := argon(ctx, password, salt)
	return err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1, err
}

func (s *Service) setPassword(ctx context.Context, name, password string, existing bool) (*awsproto.Time, error) {
	if utf8.RuneCountInString(password) < minPassword {
		return nil, &iam.PasswordPolicyViolationException{
			Message: fmt.Sprintf("Password should have a minimum length of %d", minPassword),
		}
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	now := awsproto.At(s.Now())
	return now, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.userOf(ctx, tx, &name); err != nil {
			return err
		}
		var before string
		if err := tx.QueryRow(ctx, `SELECT password FROM users WHERE name = $1`, name).Scan(&before); err != nil {
			return err
		}
		switch {
		case existing && before == "":
			return &iam.NoSuchEntityException{Message: "Login Profile for User " + name + " cannot be found."}
		case !existing && before != "":
			return &iam.EntityAlreadyExistsException{Message: "Login Profile for user " + name + " already exists."}
		}
		// Sessions that were started with the old password end.
		if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE owner = $1`, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE users SET password = $2, password_set = $3 WHERE name = $1`, name, hash,
			now.UnixMilli())
		return err
	})
}

// CreateLoginProfile implements iam:CreateLoginProfile. It gives a user a password for the pages.
func (s *Service) CreateLoginProfile(ctx context.Context,
	in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	name := in.UserName
	if name == nil {
		name = new(awsproto.CallerOf(ctx).Name)
	}
	if in.Password == nil {
		return nil, &iam.PasswordPolicyViolationException{Message: "A password is required"}
	}
	now, err := s.setPassword(ctx, *name, *in.Password, false)
	return &iam.CreateLoginProfileOutput{LoginProfile: &iam.LoginProfile{
		UserName:              name,
		CreateDate:            now,
		PasswordResetRequired: new(false),
	}}, err
}

// UpdateLoginProfile implements iam:UpdateLoginProfile: another password, and all sessions of the user end.
func (s *Service) UpdateLoginProfile(ctx context.Context,
	in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	if in.Password == nil {
		return nil, &iam.PasswordPolicyViolationException{Message: "A password is required"}
	}
	_, err := s.setPassword(ctx, *in.UserName, *in.Password, true)
	return nil, err
}

// GetLoginProfile implements iam:GetLoginProfile.
func (s *Service) GetLoginProfile(ctx context.Context,
	in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	name, err := s.userOf(ctx, s.db, in.UserName)
	if err != nil {
		return nil, err
	}
	var set int64
	if err := s.db.QueryRow(ctx, `SELECT password_set FROM users WHERE name = $1`, name).Scan(&set); err != nil {
		return nil, err
	}
	if set == 0 {
		return nil, &iam.NoSuchEntityException{Message: "Login Profile for User " + name + " cannot be found."}
	}
	return &iam.GetLoginProfileOutput{LoginProfile: &iam.LoginProfile{
		UserName:              &name,
		CreateDate:            awsproto.At(time.UnixMilli(set)),
		PasswordResetRequired: new(false),
	}}, nil
}

// DeleteLoginProfile implements iam:DeleteLoginProfile. The user can no longer sign in with a password.
func (s *Service) DeleteLoginProfile(ctx context.Context,
	in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.userOf(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE owner = $1`, name); err != nil {
			return err
		}
		r, err := tx.Exec(ctx, `UPDATE users SET password = '', password_set = 0 WHERE name = $1 AND password <> ''`,
			name)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return &iam.NoSuchEntityException{Message: "Login Profile for User " + name + " cannot be found."}
		}
		return nil
	})
}
