package key

import (
	"context"

	"slipway/api/kms"
)

// ListGrants implements kms:ListGrants. A key has no grants, for CreateGrant is refused.
func (s *Service) ListGrants(ctx context.Context, in *kms.ListGrantsInput) (*kms.ListGrantsOutput, error) {
	if _, err := s.find(ctx, s.db, *in.KeyId); err != nil {
		return nil, err
	}
	return &kms.ListGrantsOutput{Grants: []kms.GrantListEntry{}, Truncated: new(false)}, nil
}

// RevokeGrant implements kms:RevokeGrant, for grants that do not exist.
func (s *Service) RevokeGrant(ctx context.Context, in *kms.RevokeGrantInput) (*kms.RevokeGrantOutput, error) {
	if _, err := s.find(ctx, s.db, *in.KeyId); err != nil {
		return nil, err
	}
	return nil, notFound("Grant ID %s not found", *in.GrantId)
}
