package identity

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
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

// From is where somebody signs in from.
type From struct{ Address, Agent string }

// The ways of a sign-in.
const (
	ByKey      = "access key"
	ByPassword = "password"
	ByPasskey  = "passkey"
	ByProvider = "identity provider"
)

// signin is what is kept of a sign-in besides its owner and times.
type signin struct {
	Way  string `json:"way,omitempty"`
	From From   `json:"from,omitzero"`
	MFA  bool   `json:"mfa,omitempty"`
	// Name and Provider are of one who signed in by an identity provider that gives a role. The owner is the role then.
	Name     string `json:"name,omitempty"`
	Provider string `json:"provider,omitempty"`

	by string // the name of the sign-in provider, "" for none; a column of its own
}

// SignIn checks an access key and its secret, or a user's name and password, and returns the cookie of a new session.
// It returns false if they do not match, or if more than a password is needed; see Begin.
func (s *Service) SignIn(ctx context.Context, name, secret string) (cookie string, ok bool, err error) {
	step, ok, err := s.Begin(ctx, name, secret, From{})
	return step.Cookie, ok && step.Cookie != "", err
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

// begin begins a session of a user, or of a role.
func (s *Service) begin(ctx context.Context, owner, key string, x signin) (cookie string, err error) {
	cookie = randomSecret()
	now := s.Now()
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM sign_ins WHERE expires <= $1`, now.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO sign_ins (id, owner, csrf, expires, created, access_key, document, provider)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, hashed(cookie), owner, randomSecret(),
			now.Add(SessionLife).UnixMilli(), now.UnixMilli(), key, store.JSON(x), x.by)
		return err
	})
	if key == "" {
		s.use(owner, signinUse, "", now)
	}
	return cookie, err
}

// Session returns the session of a cookie. It returns false if there is none, or if it has expired.
func (s *Service) Session(ctx context.Context, cookie string) (Session, bool, error) {
	var x Session
	var owner string
	var created, expires int64
	var how signin
	ok, err := store.Find(ctx, s.db, []any{&x.CSRF, &created, &expires, &owner, store.JSON(&how), &how.by},
		`SELECT csrf, created, expires, owner, document, provider FROM sign_ins WHERE id = $1 AND expires > $2`,
		hashed(cookie), s.Now().UnixMilli())
	if err != nil || !ok {
		return x, false, err
	}
	if how.by != "" && s.view().signInProvider(how.by) == nil {
		return x, false, nil // it was begun while the provider was deleted
	}
	t := &ticket{Parent: owner, Issued: created, Expires: expires, MFA: how.MFA}
	if how.Name != "" {
		t = &ticket{Role: owner, Issued: created, Expires: expires, Name: how.Name, Provider: how.Provider,
			MFA: how.MFA}
	}
	x.Began = timeMS(created).time()
	x.Caller, err = s.bearer("", t)
	return x, err == nil, nil //nolint:nilerr // its user or role is gone
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, cookie string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sign_ins WHERE id = $1`, hashed(cookie))
		return err
	})
}

// signinRow is a session in a list.
type signinRow struct {
	id             string
	owner          string
	began, expires time.Time
	signin
}

// sign_ins are the sessions of a user, the newest first.
func (s *Service) sign_ins(ctx context.Context, owner string) ([]signinRow, error) {
	return store.All(ctx, s.db, func(r *sql.Rows) (x signinRow, err error) {
		var created, expires int64
		var text string
		if err := r.Scan(&x.id, &x.owner, &created, &expires, &text); err != nil {
			return x, err
		}
		x.began, x.expires = timeMS(created).time(), timeMS(expires).time()
		return x, json.Unmarshal([]byte(text), &x.signin)
	}, `SELECT id, owner, created, expires, document FROM sign_ins WHERE owner = $1 AND expires > $2
		ORDER BY created DESC, id`, owner, s.Now().UnixMilli())
}
