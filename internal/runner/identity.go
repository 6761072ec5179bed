package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
)

// Identity gives the credentials that a build acts with. They are of the role of its project, and valid for a time.
type Identity interface {
	Credentials(ctx context.Context) (Temporary, error)
}

// Temporary are credentials with the time at which they end; the zero time if they do not.
type Temporary struct {
	Key     sigv4.Credentials
	Expires time.Time
}

// Fixed is the identity of credentials that never change.
type Fixed sigv4.Credentials

// Credentials implements Identity.
func (f Fixed) Credentials(context.Context) (Temporary, error) {
	return Temporary{Key: sigv4.Credentials(f)}, nil
}

// renewBefore is how long before their end credentials are renewed. It is more than the 15 minutes in which clients
// begin to ask for new ones.
const renewBefore = 20 * time.Minute

// roleIdentity has the credentials of a build in memory alone, and renews them before they end.
type roleIdentity struct {
	api    slipway.API
	client *awsproto.Client // the same
	id     string           // of the build
	runner string
	now    func() time.Time

	mu   sync.Mutex
	held *Temporary
}

// errRefused is why a build gets no credentials, however often it asks.
type errRefused struct{ error }

// credentials are what the server gave with a build. A refusal is an error.
func credentials(c *slipway.BuildCredentials, refusal *string) (*Temporary, error) {
	if refusal != nil {
		return nil, errRefused{errors.New(*refusal)}
	}
	if c == nil {
		return nil, errors.New("the server gives this build no credentials")
	}
	t := &Temporary{Key: sigv4.Credentials{
		AccessKeyID:     value(c.AccessKeyId),
		SecretAccessKey: value(c.SecretAccessKey),
		SessionToken:    value(c.SessionToken),
	}}
	if c.Expiration != nil {
		t.Expires = c.Expiration.Time
	}
	return t, nil
}

// identityOf is the identity of a build. What the server gave with the build saves the first question.
func (s *server) identityOf(id string, given *slipway.AcknowledgeBuildOutput) Identity {
	r := &roleIdentity{api: s.api, client: s.client, id: id, runner: s.Name, now: time.Now}
	if given != nil && given.Credentials != nil {
		r.held, _ = credentials(given.Credentials, given.Refusal)
	}
	return r
}

// Token implements Tokens.
func (r *roleIdentity) Token(ctx context.Context, audience string) (string, time.Time, error) {
	in := &slipway.GetBuildTokenInput{Id: &r.id, Runner: &r.runner, Audience: &audience}
	out, err := r.api.GetBuildToken(ctx, in)
	if err != nil {
		return "", time.Time{}, err
	}
	return value(out.Token), out.Expiration.Time, nil
}

// Credentials implements Identity.
func (r *roleIdentity) Credentials(ctx context.Context) (Temporary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != nil && r.now().Add(renewBefore).Before(r.held.Expires) {
		return *r.held, nil
	}
	out, err := r.api.GetBuildCredentials(ctx, &slipway.GetBuildCredentialsInput{Id: &r.id, Runner: &r.runner})
	var fresh *Temporary
	if err == nil {
		fresh, err = credentials(out.Credentials, out.Refusal)
	}
	if err != nil {
		if r.held != nil && r.now().Before(r.held.Expires) {
			return *r.held, nil // the server may be away for a while
		}
		return Temporary{}, err
	}
	r.held = fresh
	return *fresh, nil
}
