package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// ErrTokenMismatch says that an idempotency token was used before, with another request.
var ErrTokenMismatch = errors.New("the idempotency token was used with another request")

// Once makes a write idempotent by a client's token. If the token was used before in scope with an equal request, Once
// sets response to the stored response and does not run f. Otherwise it runs f and stores response until expires. An
// empty token counts as none.
func (s *Store) Once(ctx context.Context, tx Tx, scope, token string, request, response any, expires time.Time,
	f func() error) error {
	if token == "" {
		return f()
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	hash := hex.EncodeToString(sum[:])
	var before string
	ok, err := Find(ctx, tx, []any{&before, JSON(response)},
		`SELECT request_hash, response FROM tokens WHERE scope = $1 AND token = $2 AND expires > $3`, scope, token,
		s.now().UnixMilli())
	if err != nil {
		return err
	}
	if ok {
		if before != hash {
			return ErrTokenMismatch
		}
		return nil
	}
	if err := f(); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM tokens WHERE expires <= $1`, s.now().UnixMilli()); err != nil {
		return err
	}
	_, err = tx.Exec(ctx,
		`INSERT INTO tokens (scope, token, request_hash, response, expires) VALUES ($1, $2, $3, $4, $5)`,
		scope, token, hash, JSON(response), expires.UnixMilli())
	return err
}
