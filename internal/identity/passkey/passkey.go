// Package passkey registers passkeys and verifies them, by the W3C's Web Authentication. It keeps nothing: what must be
// remembered between the two steps of each is returned as a text, which the caller keeps from being changed.
package passkey

import (
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Party is the site that passkeys are for.
type Party struct{ web *webauthn.WebAuthn }

// Of returns the party of a URL. It reports false for a URL that browsers have no passkeys for: one without TLS or with
// an address for a host name. The names of this machine itself need no TLS.
func Of(address string) (*Party, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, false
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil || u.Scheme != "https" && u.Hostname() != "localhost" {
		return nil, false
	}
	web, err := webauthn.New(&webauthn.Config{
		RPID:          u.Hostname(),
		RPDisplayName: "Slipway",
		RPOrigins:     []string{u.Scheme + "://" + u.Host},
	})
	if err != nil {
		return nil, false
	}
	return &Party{web}, true
}

// User is whose passkeys are registered and asked for.
type User struct {
	ID, Name string
	Keys     []Key
}

// Key is a passkey, in the form in which it is kept.
type Key struct {
	ID         string          `json:"id"` // of the authenticator, in base64url
	Name       string          `json:"name"`
	Created    int64           `json:"created"` // ms
	Used       int64           `json:"used,omitempty"`
	Credential json.RawMessage `json:"credential"`
}

// holder is a User as the library wants it.
type holder struct{ User }

func (h holder) WebAuthnID() []byte          { return []byte(h.ID) }
func (h holder) WebAuthnName() string        { return h.Name }
func (h holder) WebAuthnDisplayName() string { return h.Name }

func (h holder) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, 0, len(h.Keys))
	for _, k := range h.Keys {
		var c webauthn.Credential
		if json.Unmarshal(k.Credential, &c) == nil {
			all = append(all, c)
		}
	}
	return all
}

func texts(options, state any) (string, string, error) {
	o, err1 := json.Marshal(options)
	s, err2 := json.Marshal(state)
	return string(o), string(s), errors.Join(err1, err2)
}

// Register begins to register a passkey. options is for the browser's navigator.credentials.create.
func (p *Party) Register(u User) (options, state string, err error) {
	all := holder{u}.WebAuthnCredentials()
	o, s, err := p.web.BeginRegistration(holder{u},
		webauthn.WithResidentKeyRequirement(protocol.ResidentKeyRequirementRequired),
		webauthn.WithExclusions(webauthn.Credentials(all).CredentialDescriptors()))
	if err != nil {
		return "", "", err
	}
	return texts(o, s)
}

// Registered ends to register a passkey, with the browser's response.
func (p *Party) Registered(u User, state, response string, now time.Time) (Key, error) {
	var s webauthn.SessionData
	if err := json.Unmarshal([]byte(state), &s); err != nil {
		return Key{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(response))
	if err != nil {
		return Key{}, err
	}
	c, err := p.web.CreateCredential(holder{u}, s, parsed)
	if err != nil {
		return Key{}, err
	}
	text, err := json.Marshal(c)
	return Key{ID: parsed.ID, Created: now.UnixMilli(), Credential: text}, err
}

// Ask begins a sign-in. Without a user the browser offers every passkey for the site, which then says whose it is.
func (p *Party) Ask(u *User) (options, state string, err error) {
	var o *protocol.CredentialAssertion
	var s *webauthn.SessionData
	if u == nil {
		o, s, err = p.web.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	} else {
		o, s, err = p.web.BeginLogin(holder{*u})
	}
	if err != nil {
		return "", "", err
	}
	return texts(o, s)
}

// Answered ends a sign-in with the browser's response. find returns a user by its ID. The key is the one that was used,
// as it is to be kept from now on.
func (p *Party) Answered(u *User, state, response string, find func(id string) (User, bool)) (User, Key, error) {
	var s webauthn.SessionData
	if err := json.Unmarshal([]byte(state), &s); err != nil {
		return User{}, Key{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(response))
	if err != nil {
		return User{}, Key{}, err
	}
	var by User
	var c *webauthn.Credential
	if u != nil {
		by = *u
		c, err = p.web.ValidateLogin(holder{*u}, s, parsed)
	} else {
		c, err = p.web.ValidateDiscoverableLogin(func(_, id []byte) (webauthn.User, error) {
			found, ok := find(string(id))
			if !ok {
				return nil, errors.New("nobody has this passkey")
			}
			by = found
			return holder{found}, nil
		}, s, parsed)
	}
	switch {
	case err != nil:
		return User{}, Key{}, err
	case c.Authenticator.CloneWarning:
		return User{}, Key{}, errors.New("the passkey's counter went back: it may have been copied")
	}
	text, err := json.Marshal(c)
	for _, k := range by.Keys {
		if k.ID == parsed.ID {
			k.Credential = text
			return by, k, err
		}
	}
	return User{}, Key{}, errors.New("the passkey is gone")
}
