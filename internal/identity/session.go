package identity

import (
	"context"
	"crypto/subtle"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/store"
)

// SessionLife is how long a sign-in on the pages lasts.
const SessionLife = 12 * time.Hour

// Session is a person at the pages.
type Session struct {
	Caller awsproto.Caller
	CSRF   string // every form sends it back
	Began  time.Time
}

// SignIn checks an access key and its secret, or a user's name and password, and returns the cookie of a new session.
// It returns false if they do not match.
func (s *Service) SignIn(ctx context.Context, name, secret string) (cookie string, ok bool, err error) {
	k, known, err := s.find(ctx, name)
	if err != nil {
		return "", false, err
	}
	owner := k.caller.Name
	if known {
		ok = subtle.ConstantTimeCompare([]byte(hashed(k.secret)), []byte(hashed(secret))) == 1
	} else {
		var hash string
		if _, err := store.Find(ctx, s.db, []any{&owner, &hash}, `SELECT name, password FROM users WHERE name = $1`,
			name); err != nil {
			return "", false, err
		}
		if ok, err = matchesPassword(ctx, hash, secret); err != nil {
			return "", false, err
		}
	}
	if !ok {
		return "", false, nil
	}
	cookie = randomSecret()
	return cookie, true, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE expires <= $1`, s.Now().UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx,
			`INSERT INTO sessions (id, owner, csrf, expires, access_key, created) VALUES ($1, $2, $3, $4, $5, $6)`,
			hashed(cookie), owner, randomSecret(), s.Now().Add(SessionLife).UnixMilli(), k.caller.AccessKeyID,
			s.Now().UnixMilli())
		return err
	})
}

// Session returns the session of a cookie. It returns false if there is none, or if it has expired.
func (s *Service) Session(ctx context.Context, cookie string) (Session, bool, error) {
	x := Session{Caller: awsproto.Caller{Account: s.Account}}
	var created int64
	ok, err := store.Find(ctx, s.db,
		[]any{&x.CSRF, &created, &x.Caller.Name, &x.Caller.UserID, &x.Caller.ARN, &x.Caller.Role},
		`SELECT x.csrf, x.created, u.name, u.id, u.arn, u.role FROM sessions x JOIN users u ON u.name = x.owner
			WHERE x.id = $1 AND x.expires > $2`, hashed(cookie), s.Now().UnixMilli())
	x.Began = time.UnixMilli(created)
	return x, ok, err
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, cookie string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE id = $1`, hashed(cookie))
		return err
	})
}
