package identity

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/sts"
)

// GetCallerIdentity implements sts:GetCallerIdentity.
func (s *Service) GetCallerIdentity(ctx context.Context,
	_ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := awsproto.CallerOf(ctx)
	return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}
