package people

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// PrincipalARN is the ARN of a user's name, user/NAME or role/NAME; an ARN is itself. One that is not there, or that
// the caller may not see, is taken to have no path: what is kept of a user outlives it.
func PrincipalARN(ctx context.Context, api iam.API, account, who string) string {
	if who == "" || strings.HasPrefix(who, "arn:") {
		return who
	}
	kind, name, ok := strings.Cut(who, "/")
	if !ok {
		kind, name = "user", who
	}
	switch kind {
	case "user":
		if out, err := api.GetUser(ctx, &iam.GetUserInput{UserName: &name}); err == nil {
			return awsproto.Value(out.User.Arn)
		}
	case "role":
		if out, err := api.GetRole(ctx, &iam.GetRoleInput{RoleName: &name}); err == nil {
			return awsproto.Value(out.Role.Arn)
		}
	}
	return "arn:aws:iam::" + account + ":" + kind + "/" + name
}
