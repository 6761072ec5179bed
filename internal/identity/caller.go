package identity

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

// callerOf is a user as a caller.
func (s *Service) callerOf(u *user, key string) awsproto.Caller {
	return awsproto.Caller{
		ARN:         s.arnOf(u),
		UserID:      u.ID,
		Name:        u.Name,
		Account:     s.Account,
		AccessKeyID: key,
	}
}

// Lookup returns the secret of an access key, or of temporary credentials with their session token. It is a
// sigv4.Lookup.
func (s *Service) Lookup(ctx context.Context, id, token string) (sigv4.Secret, bool, error) {
	if temporary(id) {
		t, err := s.valid(ctx, id, token)
		if t == nil || err != nil {
			return sigv4.Secret{}, false, err
		}
		return sigv4.Secret{Key: t.Secret, SessionToken: token}, true, nil
	}
	u, ok := s.view().holder(id)
	if !ok || u.accessKey(id).Inactive {
		return sigv4.Secret{}, false, nil
	}
	secret := s.secretOf(u, id)
	return sigv4.Secret{Key: secret}, secret != "", nil
}

// Caller returns the owner of an access key, or of temporary credentials. The signature was verified before.
func (s *Service) Caller(ctx context.Context, id, token string) (awsproto.Caller, error) {
	if temporary(id) {
		t, err := s.valid(ctx, id, token)
		if err != nil {
			return awsproto.Caller{}, err
		}
		if t == nil {
			return awsproto.Caller{}, errGone()
		}
		return s.bearer(id, t)
	}
	u, ok := s.view().holder(id)
	if !ok || u.accessKey(id).Inactive {
		return awsproto.Caller{}, errGone()
	}
	return s.callerOf(u, id), nil
}
