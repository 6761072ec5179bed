package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"

	"slipway/internal/identity/passkey"
	"slipway/internal/store"
)

// Step is what follows a part of a sign-in: a session, or another part.
type Step struct {
	Cookie string // of the session, once it has begun
	// Pending goes on with the sign-in; it is for Second, AskPasskey or Renew.
	Pending string
	// OneTime, Passkey and Recovery are the second factors that the user has.
	OneTime, Passkey, Recovery bool
	// Renew says that the user must choose another password.
	Renew bool
}

// pending is a sign-in that goes on. It is sealed, and kept by the browser.
type pending struct {
	User    string `json:"u,omitempty"`
	Expires int64  `json:"e"`
	Renew   bool   `json:"r,omitempty"`
	MFA     bool   `json:"m,omitempty"`
	State   string `json:"s,omitempty"` // of a passkey that was asked for
	From    From   `json:"f,omitzero"`
	Once    string `json:"o"` // names the step, which is taken once
}

const (
	pendingPlace = "sign-in"
	// pendingLife is how long a part of a sign-in may take.
	pendingLife = 5 * time.Minute
	// secondTries is how many wrong second factors a user may give in pendingLife.
	secondTries  = 5
	triesKept    = 10_000
	recoveryKeys = 10
	maxPasskeys  = 20
)

// guesses remembers wrong second factors by user, and steps that were taken.
type guesses struct {
	once  sync.Once
	wrong *expirable.LRU[string, int]
	taken *expirable.LRU[string, bool]
	mu    sync.Mutex
}

func (g *guesses) init() {
	g.once.Do(func() {
		g.wrong = expirable.NewLRU[string, int](triesKept, nil, pendingLife)
		g.taken = expirable.NewLRU[string, bool](triesKept, nil, pendingLife)
	})
}

// allowed reports whether a user may try another second factor.
func (g *guesses) allowed(id string) bool {
	g.init()
	n, _ := g.wrong.Get(id)
	return n < secondTries
}

func (g *guesses) failed(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, _ := g.wrong.Get(id)
	g.wrong.Add(id, n+1)
}

// take takes a step, once.
func (g *guesses) take(step string) bool {
	g.init()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken.Contains(step) {
		return false
	}
	g.taken.Add(step, true)
	return true
}

func (s *Service) hold(p pending) string {
	p.Expires, p.Once = s.Now().Add(pendingLife).UnixMilli(), randomID()
	text, _ := json.Marshal(p) // texts and numbers
	return s.Seal.Seal(text, pendingPlace)
}

// held opens what hold made. It reports false once its time is over.
func (s *Service) held(sealed string) (p pending, ok bool) {
	text, err := s.Seal.Open(sealed, pendingPlace)
	if err != nil || json.Unmarshal(text, &p) != nil || s.Now().UnixMilli() >= p.Expires {
		return p, false
	}
	return p, true
}

// Begin checks an access key and its secret, or a name and a password. It returns false if they do not match.
func (s *Service) Begin(ctx context.Context, name, secret string, from From) (Step, bool, error) {
	u, key, ok, err := s.authenticate(ctx, name, secret)
	if err != nil || !ok {
		return Step{}, false, err
	}
	if key != "" {
		cookie, err := s.begin(ctx, u.ID, key, signin{Way: ByKey, From: from})
		return Step{Cookie: cookie}, err == nil, err
	}
	step := s.seconds(u)
	if step.OneTime || step.Passkey || step.Recovery {
		step.Pending = s.hold(pending{User: u.ID, From: from})
		return step, true, nil
	}
	return s.enter(ctx, u, pending{User: u.ID, From: from})
}

// seconds are the second factors of a user.
func (s *Service) seconds(u *user) Step {
	step := Step{OneTime: len(s.view().devicesOf(u)) > 0, Passkey: len(u.Passkeys) > 0 && s.party != nil}
	step.Recovery = (step.OneTime || step.Passkey) && len(u.Recovery) > 0
	return step
}

// enter begins a session of a user whose password was right, unless it must be changed first.
func (s *Service) enter(ctx context.Context, u *user, p pending) (Step, bool, error) {
	policy := s.view().settings().Passwords
	if u.Login != nil && policy.expired(u.Login, s.Now().UnixMilli()) && policy.HardExpiry {
		return Step{}, false, nil // only an administrator can give another one
	}
	if u.Login != nil && (u.Login.Reset || policy.expired(u.Login, s.Now().UnixMilli())) {
		p.Renew = true
		return Step{Pending: s.hold(p), Renew: true}, true, nil
	}
	cookie, err := s.begin(ctx, u.ID, "", signin{Way: ByPassword, From: p.From, MFA: p.MFA})
	return Step{Cookie: cookie}, err == nil, err
}

// Second goes on with a sign-in by a one-time password or a recovery code. It returns false for a wrong one, one that
// was used, and after too many wrong ones.
func (s *Service) Second(ctx context.Context, sealed, code string) (Step, bool, error) {
	p, ok := s.held(sealed)
	if !ok || p.User == "" || p.Renew || p.State != "" || !s.guesses.allowed(p.User) {
		return Step{}, false, nil
	}
	code = strings.ToUpper(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code))
	var u *user
	matched := false
	err := s.change(ctx, func(v *view) error {
		matched = false
		found, ok := v.get(userKind, p.User).(*user)
		if !ok {
			return nil
		}
		u = found
		matched = s.spend(v, u, code)
		return nil
	})
	if err != nil {
		return Step{}, false, err
	}
	if !matched {
		s.guesses.failed(p.User)
		return Step{}, false, nil
	}
	p.MFA = true
	return s.enter(ctx, u, p)
}

// spend takes a one-time password of a device or a recovery code of a user.
func (s *Service) spend(v *view, u *user, code string) bool {
	for _, d := range v.devicesOf(u) {
		d = edit(d)
		if s.oneTime(d, code) {
			v.put(d)
			return true
		}
	}
	hash := hashed("recovery " + code)
	if i := slices.Index(u.Recovery, hash); i >= 0 {
		u = edit(u)
		u.Recovery = slices.Delete(u.Recovery, i, i+1)
		v.put(u)
		return true
	}
	return false
}

// Renew ends a sign-in with another password, which must differ from the old one. Its error says what is wrong with the
// password.
func (s *Service) Renew(ctx context.Context, sealed, password string) (Step, bool, error) {
	p, ok := s.held(sealed)
	u, _ := s.model.get(userKind, p.User).(*user)
	if !ok || !p.Renew || u == nil || u.Login == nil || !s.guesses.take(p.Once) {
		return Step{}, false, nil
	}
	same, err := matchesPassword(ctx, u.Login.Hash, password)
	if err == nil && same {
		err = violates("Policy constraint violation: the new password must differ from the old one")
	}
	if err == nil {
		old := u.Login.Hash
		_, err = s.setPassword(ctx, &u.Name, password, func(u *user, hash string) error {
			if u.Login == nil || u.Login.Hash != old {
				return violates("The password was changed in the meantime. Sign in again.")
			}
			u.Login.change(hash, s.Now().UnixMilli())
			u.Login.Reset = false
			return nil
		})
	}
	if err != nil {
		p.Once = ""
		return Step{Pending: s.hold(p), Renew: true}, true, err
	}
	cookie, err := s.begin(ctx, u.ID, "", signin{Way: ByPassword, From: p.From, MFA: p.MFA})
	return Step{Cookie: cookie}, err == nil, err
}

// keyHolder is a user whose passkeys are asked for.
func keyHolder(u *user) passkey.User { return passkey.User{ID: u.ID, Name: u.Name, Keys: u.Passkeys} }

// AskPasskey returns what a browser needs to ask for a passkey: that of a sign-in that goes on, or without one any
// passkey for this site.
func (s *Service) AskPasskey(sealed string, from From) (options, next string, ok bool, err error) {
	if s.party == nil {
		return "", "", false, nil
	}
	p := pending{From: from}
	var holder *passkey.User
	if sealed != "" {
		if p, ok = s.held(sealed); !ok || p.Renew {
			return "", "", false, nil
		}
		u, _ := s.model.get(userKind, p.User).(*user)
		if u == nil || len(u.Passkeys) == 0 {
			return "", "", false, nil
		}
		holder = new(keyHolder(u))
	}
	if options, p.State, err = s.party.Ask(holder); err != nil {
		return "", "", false, err
	}
	return options, s.hold(p), true, nil
}

// ByPasskey ends a sign-in with a passkey. It returns false if the passkey is not right.
func (s *Service) ByPasskey(ctx context.Context, sealed, response string) (Step, bool, error) {
	p, ok := s.held(sealed)
	if !ok || p.State == "" || s.party == nil || !s.guesses.take(p.Once) {
		return Step{}, false, nil
	}
	var asked *passkey.User
	if p.User != "" {
		u, _ := s.model.get(userKind, p.User).(*user)
		if u == nil {
			return Step{}, false, nil
		}
		asked = new(keyHolder(u))
	}
	by, key, err := s.party.Answered(asked, p.State, response, func(id string) (passkey.User, bool) {
		u, ok := s.model.get(userKind, id).(*user)
		if !ok {
			return passkey.User{}, false
		}
		return keyHolder(u), true
	})
	if err != nil {
		return Step{}, false, nil //nolint:nilerr // it is not right
	}
	key.Used = s.Now().UnixMilli()
	var u *user
	err = s.change(ctx, func(v *view) error {
		found, ok := v.get(userKind, by.ID).(*user)
		if !ok {
			return errGone()
		}
		u = edit(found)
		i := slices.IndexFunc(u.Passkeys, func(k passkey.Key) bool { return k.ID == key.ID })
		if i < 0 {
			return errGone()
		}
		u.Passkeys[i] = key
		v.put(u)
		return nil
	})
	if err != nil {
		return Step{}, false, err
	}
	if p.User != "" { // after a password, which may have to be changed
		p.MFA, p.State = true, ""
		return s.enter(ctx, u, p)
	}
	cookie, err := s.begin(ctx, u.ID, "", signin{Way: ByPasskey, From: p.From, MFA: true})
	return Step{Cookie: cookie}, err == nil, err
}

// newRecovery makes up recovery codes, and returns them with their hashes.
func newRecovery() (codes, hashes []string) {
	for range recoveryKeys {
		var b [10]byte
		_, _ = rand.Read(b[:])
		code := base32.StdEncoding.EncodeToString(b[:])
		hashes = append(hashes, hashed("recovery "+code))
		codes = append(codes, code[:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:])
	}
	return codes, hashes
}

// endSignins ends the sessions of a user or a role.
func endSignins(ctx context.Context, tx store.Tx, owner string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sign_ins WHERE owner = $1`, owner)
	return err
}

// endKeySignIns ends the sessions that were begun with an access key.
func endKeySignIns(ctx context.Context, tx store.Tx, key string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sign_ins WHERE access_key = $1`, key)
	return err
}
