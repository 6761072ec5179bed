package app

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/build"
)

// publicBuilds are what everybody may read of public projects.
type publicBuilds struct {
	*build.Service
	*logsPart
}

// readSecret reads a secret with the rights of a build project's role, or of the caller without one.
func (s *rights) readSecret(ctx context.Context, role, arn string) (string, error) {
	if role != "" {
		acting, err := serviceRoles{s.identity, build.RolePrincipal, s}.Act(ctx, role, "", "AWSCodeBuild")
		if err != nil {
			return "", err
		}
		ctx = acting
	}
	if err := s.askARN(ctx, "secretsmanager:GetSecretValue", arn); err != nil {
		return "", err
	}
	out, err := s.vault.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		return "", err
	}
	return awsproto.Value(out.SecretString), nil
}
