package build

import (
	"context"
	"strings"

	cb "slipway/api/codebuild"
)

// createAtForge makes a webhook at the forge.
func (s *Service) createAtForge(_ context.Context, p *cb.Project, _ *webhook) error {
	if p.Source.Type == cb.SourceTypeGithubEnterprise {
		return nil // as at AWS, whoever has no credentials for it makes the webhook there by hand
	}
	return &cb.ResourceNotFoundException{Message: "Could not find access token for server type " +
		strings.ToLower(string(p.Source.Type)) + ". Import one with ImportSourceCredentials, or set manualCreation and " +
		"create the webhook at the forge with the payload URL and the secret that are returned."}
}

func (s *Service) updateAtForge(context.Context, *cb.Project, *webhook, bool) error { return nil }

func (s *Service) deleteAtForge(context.Context, *cb.Project, *webhook) error { return nil }

func (s *Service) abandoned(_ context.Context, _ *cb.Project, _ *webhook, err error) error {
	return err
}
