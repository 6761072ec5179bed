package identity

import (
	"context"
	"crypto/subtle"
	"strings"
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
	u, key, ok, err := s.authenticate(ctx, name, secret)
	if err != nil || !ok {
		return "", false, err
	}
	cookie, err = s.begin(ctx, u, key)
	return cookie, err == nil, err
}

// authenticate finds the user of an access key and its secret, or of a name and a password.
func (s *Service) authenticate(ctx context.Context, name, secret string) (u *user, key string, ok bool, err error) {
	if u, known := s.view().holder(name); known && !u.accessKey(name).Inactive {
		want := s.secretOf(u, name)
		ok = want != "" && subtle.ConstantTimeCompare([]byte(hashed(want)), []byte(hashed(secret))) == 1
		return u, name, ok, nil
	}
	u, _ = s.view().find(userKind, strings.ToLower(name)).(*user)
	hash := ""
	if u != nil && u.Login != nil {
		hash = u.Login.Hash
	}
	ok, err = matchesPassword(ctx, hash, secret)
	return u, "", ok && u != nil, err
}

// begin begins a sign-in.
func (s *Service) begin(ctx context.Context, u *user, key string) (cookie string, err error) {
	cookie = randomSecret()
	now := s.Now()
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM signins WHERE expires <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO signins (id, owner, csrf, expires, created, access_key, document)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, hashed(cookie), u.ID, randomSecret(),
			now.Add(SessionLife).UnixMilli(), now.UnixMilli(), key, `{}`)
		return err
	})
	if key == "" {
		s.use(u.ID, signinUse, "", now)
	}
	return cookie, err
}

// Session returns the session of a cookie. It returns false if there is none, or if it has expired.
func (s *Service) Session(ctx context.Context, cookie string) (Session, bool, error) {
	var x Session
	var owner string
	var created int64
	ok, err := store.Find(ctx, s.db, []any{&x.CSRF, &created, &owner},
		`SELECT csrf, created, owner FROM signins WHERE id = $1 AND expires > $2`, hashed(cookie), s.Now().UnixMilli())
	if err != nil || !ok {
		return x, false, err
	}
	u, ok := s.model.get(userKind, owner).(*user)
	if !ok {
		return x, false, nil
	}
	x.Caller, x.Began = s.callerOf(u, ""), time.UnixMilli(created)
	return x, true, nil
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, cookie string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM signins WHERE id = $1`, hashed(cookie))
		return err
	})
}
