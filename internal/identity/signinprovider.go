package identity

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// signInProvider is an OpenID Connect provider where people sign in.
type signInProvider struct {
	Name     string    `json:"name"`
	Issuer   string    `json:"issuer"`
	Client   string    `json:"client"`
	Secret   string    `json:"secret,omitempty"` // sealed
	Scopes   []string  `json:"scopes,omitempty"`
	Username string    `json:"username,omitempty"` // the claim that names the user
	Claim    string    `json:"claim,omitempty"`    // the claim whose values the mappings are of
	Mappings []mapping `json:"mappings"`
}

// mapping gives those whose claim has a value a group or a role.
type mapping struct {
	Value string `json:"value"` // * for everybody
	Group string `json:"group,omitempty"`
	Role  string `json:"role,omitempty"` // ARN
}

const (
	externalPlace = "sign-in elsewhere"
	externalPath  = "/sso/"
	// callbackPath is where providers send people back to; the provider's name follows.
	callbackPath = "/signin/from/"
)

// external is a sign-in that is under way at a provider. The browser keeps it, sealed.
type external struct {
	Provider string `json:"p"`
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	To       string `json:"t"`
	Expires  int64  `json:"e"`
}

// SignInError says why somebody whom a provider knows may not sign in here. Its cause is for the log: strangers are
// not told what the server's network or the provider answered.
type SignInError struct {
	Message string
	Cause   error
}

func (e *SignInError) Error() string { return e.Message }

func (e *SignInError) Unwrap() error { return e.Cause }

// logged says where the cause is.
const logged = " The server's log says why."

// SignInMessage is what the person may read.
func (e *SignInError) SignInMessage() string { return e.Message }

// relying are the providers that were asked for their configuration.
type relying struct {
	mu    sync.Mutex
	known map[string]*oidc.Provider
	until map[string]time.Time
}

func (r *relying) provider(issuer string, now time.Time) (*oidc.Provider, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.known[issuer]; p != nil && now.Before(r.until[issuer]) {
		return p, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(context.Background(), issuerClient()), issuer)
	if err != nil {
		return nil, err
	}
	if r.known == nil {
		r.known, r.until = map[string]*oidc.Provider{}, map[string]time.Time{}
	}
	r.known[issuer], r.until[issuer] = p, now.Add(issuerKept)
	return p, nil
}

// SignInProviders are the names of the providers where people may sign in.
func (s *Service) SignInProviders() []string {
	var names []string
	for _, p := range s.view().settings().SignIn {
		names = append(names, p.Name)
	}
	return names
}

func (v *view) signInProvider(name string) *signInProvider {
	for _, p := range v.settings().SignIn {
		if p.Name == name {
			return &p
		}
	}
	return nil
}

func (s *Service) oauth(p *signInProvider) (*oauth2.Config, *oidc.Provider, error) {
	provider, err := s.relying.provider(p.Issuer, s.Now())
	if err != nil {
		return nil, nil,
			&SignInError{
				Message: "The identity provider " + p.Name + " does not answer as it should." + logged,
				Cause:   err,
			}
	}
	secret := ""
	if p.Secret != "" {
		plain, err := s.Seal.Open(p.Secret, "sign-in provider "+p.Name)
		if err != nil {
			return nil, nil, err
		}
		secret = string(plain)
	}
	return &oauth2.Config{
		ClientID:     p.Client,
		ClientSecret: secret,
		Endpoint:     provider.Endpoint(),
		RedirectURL:  s.URL + callbackPath + url.PathEscape(p.Name),
		Scopes:       append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}, provider, nil
}

// Elsewhere begins a sign-in at a provider: the address to send the browser to, and what the browser keeps meanwhile.
// to is where the person wants to go.
func (s *Service) Elsewhere(name, to string) (address, kept string, err error) {
	p := s.view().signInProvider(name)
	if p == nil {
		return "", "", &SignInError{Message: "There is no identity provider " + name + " here."}
	}
	c, _, err := s.oauth(p)
	if err != nil {
		return "", "", err
	}
	x := external{Provider: name, State: randomSecret(), Nonce: randomSecret(), Verifier: oauth2.GenerateVerifier(),
		To: to, Expires: s.Now().Add(pendingLife).UnixMilli()}
	text, err := json.Marshal(x)
	if err != nil {
		return "", "", err
	}
	address = c.AuthCodeURL(x.State, oidc.Nonce(x.Nonce), oauth2.S256ChallengeOption(x.Verifier))
	return address, s.Seal.Seal(text, externalPlace), nil
}

// FromElsewhere ends a sign-in at a provider. to is where the person wanted to go.
func (s *Service) FromElsewhere(ctx context.Context, name, kept, state, code string,
	from From) (step Step, to string, err error) {
	var x external
	text, err := s.Seal.Open(kept, externalPlace)
	if err != nil || json.Unmarshal(text, &x) != nil || x.Provider != name || s.Now().UnixMilli() >= x.Expires ||
		subtle.ConstantTimeCompare([]byte(x.State), []byte(state)) != 1 || !s.guesses.take(x.State) {
		return step, "", &SignInError{Message: "This sign-in was not begun here, or took too long. Try again."}
	}
	p := s.view().signInProvider(name)
	if p == nil {
		return step, "", &SignInError{Message: "There is no identity provider " + name + " here."}
	}
	c, err := s.exchange(ctx, p, x, code)
	if err != nil {
		return step, "", err
	}
	step, err = s.admit(ctx, p, c, from)
	return step, x.To, err
}

// exchange turns the code of a provider into the claims of its ID token.
func (s *Service) exchange(ctx context.Context, p *signInProvider, x external, code string) (claims, error) {
	config, provider, err := s.oauth(p)
	if err != nil {
		return nil, err
	}
	token, err := config.Exchange(oidc.ClientContext(ctx, plainClient()), code, oauth2.VerifierOption(x.Verifier))
	if err != nil {
		return nil, &SignInError{Message: "The identity provider " + p.Name + " does not accept the sign-in." + logged,
			Cause: err}
	}
	raw, _ := token.Extra("id_token").(string)
	verified, err := provider.Verifier(&oidc.Config{ClientID: p.Client, Now: s.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, &SignInError{Message: "The token of the identity provider " + p.Name + " is not valid." + logged,
			Cause: err}
	}
	if subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(x.Nonce)) != 1 {
		return nil, &SignInError{
			Message: "The token of the identity provider " + p.Name + " is of another sign-in.",
		}
	}
	var c claims
	return c, verified.Claims(&c)
}

// userNameForm is what a user's or a session's name may be.
var userNameForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\w+=,.@-]{2,64}$`) })

// nameOf is the name of whom a token is about.
func (p *signInProvider) nameOf(c claims) (string, error) {
	names := []string{"preferred_username", "email", "sub"}
	if p.Username != "" {
		names = []string{p.Username}
	}
	for _, claim := range names {
		name := first(c.texts(claim))
		if claim == "email" && name != "" && first(c.texts("email_verified")) == "false" {
			continue // somebody else may have it
		}
		if userNameForm().MatchString(name) {
			return name, nil
		}
	}
	return "", &SignInError{Message: "The token of the identity provider " + p.Name +
		" has no name that a user can have, in " + strings.Join(names, ", ") + "."}
}

// admit begins a session for whom a provider vouches for: of the first role that a mapping gives, or of a user in the
// groups that the mappings give. Such a user is made when it first comes, and its groups follow its claims.
func (s *Service) admit(ctx context.Context, p *signInProvider, c claims, from From) (Step, error) {
	name, err := p.nameOf(c)
	if err != nil {
		return Step{}, err
	}
	var groups []string
	values := c.texts(p.Claim)
	for _, m := range p.Mappings {
		if m.Value != "*" && !slices.Contains(values, m.Value) {
			continue
		}
		if m.Group != "" {
			groups = append(groups, m.Group)
			continue
		}
		r := s.view().roleOf(m.Role)
		if r == nil {
			return Step{}, &SignInError{
				Message: "The role " + m.Role + ", which " + p.Name + " gives you, is gone.",
			}
		}
		x := signin{Way: ByProvider, From: from, Name: name, Provider: p.Issuer, by: p.Name}
		cookie, err := s.begin(ctx, r.ID, "", x)
		return Step{Cookie: cookie}, err
	}
	if len(groups) == 0 {
		return Step{}, &SignInError{
			Message: "You are known to " + p.Name + ", but nothing gives you access here. Ask an administrator.",
		}
	}
	u, err := s.provision(ctx, p, name, groups)
	if err != nil {
		return Step{}, err
	}
	cookie, err := s.begin(ctx, u.ID, "", signin{Way: ByProvider, From: from, by: p.Name})
	return Step{Cookie: cookie}, err
}

// provision makes the user of somebody whom a provider vouches for, and gives it groups. It never takes a user that was
// made in another way.
func (s *Service) provision(ctx context.Context, p *signInProvider, name string, groups []string) (*user, error) {
	var u *user
	err := s.change(ctx, func(v *view) error {
		path := externalPath + p.Name + "/"
		found, err := v.user(name)
		switch {
		case err != nil:
			u = s.newUser(path, name, "")
		case found.Path != path:
			return &SignInError{
				Message: "There is a user " + name + " here already, who does not sign in by " + p.Name + ".",
			}
		default:
			u = edit(found)
		}
		var ids []string
		for _, g := range groups {
			if d, err := v.group(g); err == nil && !slices.Contains(ids, d.ID) {
				ids = append(ids, d.ID)
			}
		}
		if len(ids) == 0 {
			return &SignInError{
				Message: "The groups that " + p.Name + " gives do not exist here: " + strings.Join(groups, ", "),
			}
		}
		slices.Sort(ids)
		if found != nil && slices.Equal(found.Groups, ids) {
			u = found
			return nil
		}
		u.Groups = ids
		v.put(u)
		return nil
	})
	return u, err
}
