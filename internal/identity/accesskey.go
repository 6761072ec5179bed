package identity

import (
	"context"
	"slices"
	"sync"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// keysPerUser is IAM's limit of access keys a user.
const keysPerUser = 2

// secrets keeps the secrets of access keys that were opened, by their sealed form.
type secrets struct {
	mu   sync.RWMutex
	open map[string]string
}

// secretsKept bounds how many secrets are kept open.
const secretsKept = 50_000

// secretOf is the secret of an access key; "" if it does not open.
func (s *Service) secretOf(u *user, id string) string {
	k := u.accessKey(id)
	if k == nil {
		return ""
	}
	s.opened.mu.RLock()
	secret, ok := s.opened.open[k.Secret]
	s.opened.mu.RUnlock()
	if ok {
		return secret
	}
	plain, err := s.Seal.Open(k.Secret, "access-key "+id)
	if err != nil {
		return ""
	}
	s.opened.mu.Lock()
	defer s.opened.mu.Unlock()
	if s.opened.open == nil || len(s.opened.open) >= secretsKept {
		s.opened.open = map[string]string{}
	}
	s.opened.open[k.Secret] = string(plain)
	return string(plain)
}

// CreateAccessKey implements iam:CreateAccessKey. The secret is in the answer, and never shown again.
func (s *Service) CreateAccessKey(ctx context.Context,
	in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	k := NewKey()
	out := &iam.AccessKey{AccessKeyId: &k.ID, SecretAccessKey: &k.Secret, Status: iam.StatusTypeActive}
	err := s.changeUser(ctx, in.UserName, func(_ *view, u *user) error {
		if len(u.Keys) >= keysPerUser {
			return exceeds("Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
		}
		made := s.newAccessKey(k)
		u.Keys = append(u.Keys, made)
		out.UserName, out.CreateDate = &u.Name, at(made.Created)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &iam.CreateAccessKeyOutput{AccessKey: out}, nil
}

func status(inactive bool) iam.StatusType {
	if inactive {
		return iam.StatusTypeInactive
	}
	return iam.StatusTypeActive
}

// ListAccessKeys implements iam:ListAccessKeys: those of a user, the oldest first.
func (s *Service) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	u, err := s.view().userOr(awsproto.CallerOf(ctx), in.UserName)
	if err != nil {
		return nil, err
	}
	all := []iam.AccessKeyMetadata{}
	for _, k := range u.Keys {
		all = append(all, iam.AccessKeyMetadata{
			UserName:    &u.Name,
			AccessKeyId: &k.ID,
			Status:      status(k.Inactive),
			CreateDate:  at(k.Created),
		})
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: all, IsTruncated: new(false)}, nil
}

// UpdateAccessKey implements iam:UpdateAccessKey. Requests signed with an inactive key are refused until it is active
// again.
func (s *Service) UpdateAccessKey(ctx context.Context,
	in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	inactive := in.Status != iam.StatusTypeActive
	return nil, s.changeKey(ctx, in.UserName, *in.AccessKeyId, inactive, func(u *user) {
		u.accessKey(*in.AccessKeyId).Inactive = inactive
	})
}

// DeleteAccessKey implements iam:DeleteAccessKey.
func (s *Service) DeleteAccessKey(ctx context.Context,
	in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	return nil, s.changeKey(ctx, in.UserName, *in.AccessKeyId, true, func(u *user) {
		u.Keys = slices.DeleteFunc(u.Keys, func(k accessKey) bool { return k.ID == *in.AccessKeyId })
	})
}

// changeKey changes an access key. If it ends, the sign-ins that were made with it end too, because they have its
// rights.
func (s *Service) changeKey(ctx context.Context, name *string, id string, ends bool, f func(u *user)) error {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		return s.changeIn(ctx, tx, func(v *view) error {
			u, err := v.userOr(awsproto.CallerOf(ctx), name)
			if err != nil {
				return err
			}
			if u.accessKey(id) == nil {
				return noSuch("The Access Key with id %s cannot be found.", id)
			}
			u = edit(u)
			f(u)
			v.put(u)
			if ends {
				err = endKeySignIns(ctx, tx, id)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	return s.Reload(ctx)
}

// GetAccessKeyLastUsed implements iam:GetAccessKeyLastUsed.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context,
	in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	u, ok := s.view().holder(*in.AccessKeyId)
	if !ok {
		return nil, noSuch("The Access Key with id %s cannot be found.", *in.AccessKeyId)
	}
	used, err := s.lastUses(ctx, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	shown := &iam.AccessKeyLastUsed{ServiceName: new("N/A"), Region: new("N/A")}
	if service, x, ok := latest(used); ok {
		shown.LastUsedDate, shown.ServiceName, shown.Region = awsproto.At(x.at), &service, &x.region
	}
	return &iam.GetAccessKeyLastUsedOutput{UserName: &u.Name, AccessKeyLastUsed: shown}, nil
}
