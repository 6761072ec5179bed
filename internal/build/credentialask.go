package build

import (
	"context"
	"net"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// mayCarry reports whether a credential may be sent to a repository: by https alone, or to this machine, and to the
// host of its forge if that is known.
func mayCarry(location, home string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	if _, own := u.User.Password(); own {
		return false
	}
	if home != "" && !strings.EqualFold(u.Hostname(), home) {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	own := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && own
}

// GetSourceCredential implements slipway:GetSourceCredential: what opens a source of a build in the hands of the runner
// that asks. It goes into the memory of the runner and into the Git that fetches, before any command of the build runs.
func (s *Service) GetSourceCredential(ctx context.Context,
	in *slipway.GetSourceCredentialInput) (*slipway.GetSourceCredentialOutput, error) {
	r, err := s.inHands(ctx, *in.Runner, *in.Id)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetSourceCredentialOutput{}
	src := sourceOf(r, awsproto.Value(in.Identifier))
	if src == nil {
		return out, nil
	}
	c, err := s.credentialFor(ctx, awsproto.Value(r.build.ServiceRole), src)
	if _, refused := err.(awsproto.ServiceError); refused {
		out.Refusal = new(awsproto.Message(err))
		return out, nil
	}
	if err != nil || c == nil {
		return out, err
	}
	user, password := c.basic()
	out.Username, out.Password = &user, &password
	return out, nil
}

// sourceOf is a source of a build that is a forge's, or nil. The repository of a fork gets no credential of its
// target's.
func sourceOf(r *row, identifier string) *cb.ProjectSource {
	src := r.build.Source
	for i := range r.build.SecondarySources {
		if s := &r.build.SecondarySources[i]; identifier != "" && awsproto.Value(s.SourceIdentifier) == identifier {
			src = s
		}
	}
	for _, f := range r.work.Sources {
		if f.Identifier == identifier && (src == nil || f.URL != awsproto.Value(src.Location)) {
			return nil
		}
	}
	return src
}

// checkAuth refuses the ways of opening a source that are not acted on, by name.
func checkAuth(s cb.ProjectSource, what string) error {
	if s.Auth == nil {
		return nil
	}
	switch s.Auth.Type {
	case cb.SourceAuthTypeSecretsManager:
		if !strings.HasPrefix(awsproto.Value(s.Auth.Resource), "arn:") {
			return invalid("Invalid project %s: auth of the type SECRETS_MANAGER needs the ARN of a secret as "+
				"resource.", what)
		}
	case cb.SourceAuthTypeCodeconnections:
		return invalid("Invalid project %s: auth of the type CODECONNECTIONS is not supported by Slipway. Import a "+
			"credential with ImportSourceCredentials, or use SECRETS_MANAGER.", what)
	}
	return nil
}
