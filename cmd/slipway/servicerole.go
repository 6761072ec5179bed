package main

import (
	"context"
	"strings"

	"slipway/api/sts"
)

// roleFlag names the role that a service acts with.
type roleFlag struct {
	Role string `help:"Role that the service acts with: its name, or its ARN. The role slipway is there from the start." default:"slipway"`
}

// arn is the role's ARN, in the account of the caller.
func (f roleFlag) arn(ctx context.Context, api *contract) (*string, error) {
	if strings.HasPrefix(f.Role, "arn:") {
		return &f.Role, nil
	}
	who, err := api.tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	return new("arn:aws:iam::" + *who.Account + ":role/" + f.Role), nil
}
