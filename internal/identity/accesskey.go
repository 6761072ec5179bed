package identity

import (
	"context"
	"database/sql"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// keysPerUser is IAM's limit of access keys a user.
const keysPerUser = 2

// CreateAccessKey implements iam:CreateAccessKey. The secret is in the answer, and never shown again.
func (s *Service) CreateAccessKey(ctx context.Context,
	in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	k := NewKey()
	out := &iam.AccessKey{
		AccessKeyId:     &k.ID,
		SecretAccessKey: &k.Secret,
		Status:          iam.StatusTypeActive,
		CreateDate:      awsproto.At(s.Now()),
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		user, err := s.userOf(ctx, tx, in.UserName)
		if err != nil {
			return err
		}
		var n int
		if _, err := store.Find(ctx, tx, []any{&n}, `SELECT COUNT(*) FROM access_keys WHERE owner = $1`,
			user); err != nil {
			return err
		}
		if n >= keysPerUser {
			return &iam.LimitExceededException{Message: "Cannot exceed quota for AccessKeysPerUser: 2"}
		}
		out.UserName = new(userName(user))
		_, err = tx.Exec(ctx, `INSERT INTO access_keys (id, owner, secret, created) VALUES ($1, $2, $3, $4)`,
			k.ID, user, s.Seal.Seal([]byte(k.Secret), "access-key "+k.ID), out.CreateDate.UnixMilli())
		return err
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: out}, s.load(ctx)
}

// ListAccessKeys implements iam:ListAccessKeys: those of a user, the oldest first. There are so few that a page holds
// them all.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	user, err := s.userOf(ctx, s.db, in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (iam.AccessKeyMetadata, error) {
		m := iam.AccessKeyMetadata{UserName: new(userName(user)), AccessKeyId: new(""), Status: iam.StatusTypeActive}
		var created, active int64
		err := r.Scan(m.AccessKeyId, &created, &active)
		if active == 0 {
			m.Status = iam.StatusTypeInactive
		}
		m.CreateDate = awsproto.At(time.UnixMilli(created))
		return m, err
	}, `SELECT id, created, active FROM access_keys WHERE owner = $1 ORDER BY created, id`, user)
	if all == nil {
		all = []iam.AccessKeyMetadata{}
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: all, IsTruncated: new(false)}, err
}

// UpdateAccessKey implements iam:UpdateAccessKey. Requests signed with an inactive key are refused until it is active
// again.
func (s *Service) UpdateAccessKey(ctx context.Context,
	in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	active := int64(0)
	if in.Status == iam.StatusTypeActive {
		active = 1
	}
	return nil, s.changeKey(ctx, in.UserName, *in.AccessKeyId, func(tx store.Tx, user string) (sql.Result, error) {
		if active == 0 {
			if err := endSessions(ctx, tx, *in.AccessKeyId); err != nil {
				return nil, err
			}
		}
		return tx.Exec(ctx, `UPDATE access_keys SET active = $3 WHERE id = $1 AND owner = $2`, *in.AccessKeyId, user,
			active)
	})
}

// DeleteAccessKey implements iam:DeleteAccessKey.
func (s *Service) DeleteAccessKey(ctx context.Context,
	in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return nil, s.changeKey(ctx, in.UserName, *in.AccessKeyId, func(tx store.Tx, user string) (sql.Result, error) {
		if err := endSessions(ctx, tx, *in.AccessKeyId); err != nil {
			return nil, err
		}
		return tx.Exec(ctx, `DELETE FROM access_keys WHERE id = $1 AND owner = $2`, *in.AccessKeyId, user)
	})
}

// endSessions ends the sessions that were started with a key, because they have its rights.
func endSessions(ctx context.Context, tx store.Tx, key string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE access_key = $1`, key)
	return err
}

func (s *Service) changeKey(ctx context.Context, name *string, id string,
	f func(tx store.Tx, user string) (sql.Result, error)) error {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		user, err := s.userOf(ctx, tx, name)
		if err != nil {
			return err
		}
		r, err := f(tx, user)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return &iam.NoSuchEntityException{Message: "The Access Key with id " + id + " cannot be found."}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.load(ctx)
}
