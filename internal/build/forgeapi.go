package build

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/forge"
)

// forgeAPI is the API of the forge that a project's source is at, and the repository's path there: OWNER/NAME.
type forgeAPI struct {
	*forge.API
	path string
}

// forges are the kinds of servers that source credentials are for.
var forges = map[cb.ServerType]forge.Forge{
	cb.ServerTypeGithub:            forge.GitHub,
	cb.ServerTypeGithubEnterprise:  forge.GitHub,
	cb.ServerTypeGitlab:            forge.GitLab,
	cb.ServerTypeGitlabSelfManaged: forge.GitLab,
	cb.ServerTypeBitbucket:         forge.Bitbucket,
}

// forgeOf is the API of the forge of a project, or nil if no credential was imported for it.
func (s *Service) forgeOf(ctx context.Context, p *cb.Project) (*forgeAPI, error) {
	c, err := s.credentialFor(ctx, awsproto.Value(p.ServiceRole), p.Source)
	if err != nil || c == nil {
		return nil, err
	}
	u, err := url.Parse(awsproto.Value(p.Source.Location))
	if err != nil {
		return nil, err
	}
	a := &forge.API{Client: s.forges, Forge: forges[c.server], User: c.user, Token: c.token}
	if a.Base = a.Forge.BaseAt(u.Scheme + "://" + u.Host); p.Source.Type == cb.SourceTypeGithub {
		a.Base = forge.GitHubAPI
	}
	return &forgeAPI{a, strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git")}, nil
}

// failed is the error of a forge as AWS has it.
func (a *forgeAPI) failed(err error) error {
	refused, ok := errors.AsType[*forge.CallError](err)
	if !ok {
		return err
	}
	return &cb.OAuthProviderException{Message: fmt.Sprintf("The webhook of %s could not be changed at the forge "+
		"(%s %s): %s. The token needs the right to manage webhooks. Or set manualCreation, and create the webhook at "+
		"the forge with the payload URL and the secret that are returned.", a.path, refused.Method, refused.Base,
		refused.Why)}
}
