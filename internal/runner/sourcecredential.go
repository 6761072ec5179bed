package runner

import (
	"context"
	"errors"

	"slipway/api/slipway"
)

// SourceCredentials is implemented by identities that know what opens the repositories of a build elsewhere.
type SourceCredentials interface {
	// SourceCredential returns the user name and password for a source, "" for none.
	SourceCredential(ctx context.Context, identifier string) (user, password string, err error)
}

// SourceCredential implements SourceCredentials.
func (r *roleIdentity) SourceCredential(ctx context.Context, identifier string) (user, password string, err error) {
	in := &slipway.GetSourceCredentialInput{Id: &r.id, Runner: &r.runner, Identifier: &identifier}
	out, err := r.api.GetSourceCredential(ctx, in)
	switch {
	case err != nil:
		return "", "", err
	case out.Refusal != nil:
		return "", "", errors.New(*out.Refusal)
	}
	return value(out.Username), value(out.Password), nil
}

// SourceCredential implements SourceCredentials. An identity that knows of none has none.
func (m masking) SourceCredential(ctx context.Context, identifier string) (user, password string, err error) {
	if of, ok := m.Identity.(SourceCredentials); ok {
		user, password, err = of.SourceCredential(ctx, identifier)
		m.log.conceal(password)
	}
	return user, password, err
}

// openedBy returns what opens a source elsewhere, as USER:PASSWORD; "" for none.
func (b *build) openedBy(ctx context.Context, source slipway.Source) (string, error) {
	known, ok := b.Identity.(SourceCredentials)
	if !ok {
		return "", nil
	}
	user, password, err := known.SourceCredential(ctx, source.Identifier)
	if err != nil || password == "" {
		return "", err
	}
	return user + ":" + password, nil
}

var _ SourceCredentials = masking{}
