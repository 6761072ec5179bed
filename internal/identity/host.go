package identity

import (
	"context"
	"encoding/json"
	"strings"

	"slipway/internal/store"
)

// PutHost makes the user of a host with one access key, within the caller's transaction. It ends the keys and sessions
// of an earlier host of that name, so that an old key gives no access. The caller calls Reload once the transaction is
// committed.
func (s *Service) PutHost(ctx context.Context, tx store.Tx, name string, k Key) error {
	if err := s.insertUser(ctx, tx, HostPath+name, Host); err != nil {
		return err
	}
	if err := s.EndKeys(ctx, tx, s.UserARN(HostPath+name)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO access_keys (id, owner, secret, created) VALUES ($1, $2, $3, $4)`,
		k.ID, HostPath+name, s.Seal.Seal([]byte(k.Secret), "access-key "+k.ID), s.Now().UnixMilli())
	return err
}

// EnsureHostUser makes the user of an ARN of this account, with the rights of a host, unless it exists.
// iam:CreateAccessKey makes its keys. EnsureHostUser returns false if the ARN belongs to another account.
func (s *Service) EnsureHostUser(ctx context.Context, tx store.Tx, arn string) (bool, error) {
	name, ok := strings.CutPrefix(arn, s.UserARN(""))
	if !ok {
		return false, nil
	}
	var there string
	if ok, err := store.Find(ctx, tx, []any{&there}, `SELECT name FROM users WHERE arn = $1`, arn); err != nil || ok {
		return ok, err
	}
	return true, s.insertUser(ctx, tx, name, Host)
}

// EndKeys ends the access keys and sessions of a host's user, within the caller's transaction. Users that are more than
// a host keep theirs. The caller calls Reload once the transaction is committed.
func (s *Service) EndKeys(ctx context.Context, tx store.Tx, arn string) error {
	for _, table := range []string{"access_keys", "sessions", "git_credentials"} {
		_, err := tx.Exec(ctx,
			`DELETE FROM `+table+` WHERE owner IN (SELECT name FROM users WHERE arn = $1 AND role = $2)`, arn, Host)
		if err != nil {
			return err
		}
	}
	return nil
}

// Reload reads the keys again, after a caller's transaction has changed them.
func (s *Service) Reload(ctx context.Context) error { return s.load(ctx) }

func isJSONObject(text string) bool {
	var x map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &x) == nil
}
