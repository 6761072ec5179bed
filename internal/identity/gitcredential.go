package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

const (
	gitService = "codecommit.amazonaws.com"
	// gitPerUser is IAM's limit of Git credentials a user.
	gitPerUser = 2
)

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func randomSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *Service) userOf(ctx context.Context, q store.Queryer, name *string) (string, error) {
	user := awsproto.CallerOf(ctx).Name
	if name != nil {
		user = *name
	}
	var found string
	ok, err := store.Find(ctx, q, []any{&found},
		`SELECT name FROM users WHERE name = $1 OR name = $2 ORDER BY name = $1 DESC LIMIT 1`, user, HostPath+user)
	if err == nil && !ok {
		err = &iam.NoSuchEntityException{Message: "The user with name " + user + " cannot be found."}
	}
	return found, err
}

// CreateServiceSpecificCredential implements iam:CreateServiceSpecificCredential for codecommit.amazonaws.com.
func (s *Service) CreateServiceSpecificCredential(ctx context.Context,
	in *iam.CreateServiceSpecificCredentialInput) (*iam.CreateServiceSpecificCredentialOutput, error) {
	if *in.ServiceName != gitService {
		return nil, &iam.ServiceNotSupportedException{
			Message: "The service " + *in.ServiceName + " does not support service-specific credentials here; " +
				gitService + " does.",
		}
	}
	c := iam.ServiceSpecificCredential{CreateDate: awsproto.At(s.Now()), ServiceName: in.ServiceName,
		ServicePassword:             new(randomSecret()),
		ServiceSpecificCredentialId: new("ACCA" + randomID()), Status: iam.StatusTypeActive}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		user, err := s.userOf(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		taken, err := store.Strings(ctx, tx, `SELECT username FROM git_credentials WHERE owner = $1`, user)
		if err != nil {
			return err
		}
		if len(taken) >= gitPerUser {
			return &iam.LimitExceededException{Message: "Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2"}
		}
		username := user + "-at-" + s.Account
		for n := 1; len(taken) > 0 && taken[0] == username; n++ {
			username = fmt.Sprintf("%s+%d-at-%s", user, n, s.Account)
		}
		c.UserName, c.ServiceUserName = &user, &username
		_, err = tx.Exec(ctx,
			`INSERT INTO git_credentials (id, owner, username, password, created) VALUES ($1, $2, $3, $4, $5)`,
			*c.ServiceSpecificCredentialId, user, username, hashed(*c.ServicePassword), c.CreateDate.UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateServiceSpecificCredentialOutput{ServiceSpecificCredential: &c}, nil
}

// ListServiceSpecificCredentials implements iam:ListServiceSpecificCredentials.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context,
	in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	user, err := s.userOf(ctx, s.db, in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (iam.ServiceSpecificCredentialMetadata, error) {
		m := iam.ServiceSpecificCredentialMetadata{UserName: &user, Status: iam.StatusTypeActive,
			ServiceName:     new(gitService),
			ServiceUserName: new(""), ServiceSpecificCredentialId: new("")}
		var created int64
		err := r.Scan(m.ServiceSpecificCredentialId, m.ServiceUserName, &created)
		m.CreateDate = awsproto.At(time.UnixMilli(created))
		return m, err
	}, `SELECT id, username, created FROM git_credentials WHERE owner = $1 ORDER BY created, id`, user)
	if all == nil || in.ServiceName != nil && *in.ServiceName != gitService {
		all = []iam.ServiceSpecificCredentialMetadata{}
	}
	return &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: all}, err
}

// DeleteServiceSpecificCredential implements iam:DeleteServiceSpecificCredential.
func (s *Service) DeleteServiceSpecificCredential(ctx context.Context,
	in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		user, err := s.userOf(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		r, err := tx.Exec(ctx, `DELETE FROM git_credentials WHERE id = $1 AND owner = $2`,
			*in.ServiceSpecificCredentialId, user)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return &iam.NoSuchEntityException{
				Message: "The service-specific credential " + *in.ServiceSpecificCredentialId + " cannot be found.",
			}
		}
		return nil
	})
}

// gitPassword verifies a static Git credential.
func (s *Service) gitPassword(ctx context.Context, username, password string) (awsproto.Caller, bool, error) {
	var want string
	c := awsproto.Caller{Account: s.Account}
	ok, err := store.Find(ctx, s.db, []any{&want, &c.Name, &c.UserID, &c.ARN, &c.Role},
		`SELECT g.password, u.name, u.id, u.arn, u.role FROM git_credentials g JOIN users u ON u.name = g.owner
			WHERE g.username = $1`, username)
	if err != nil || !ok {
		return c, false, err
	}
	return c, subtle.ConstantTimeCompare([]byte(want), []byte(hashed(password))) == 1, nil
}
