package build

import (
	"context"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// identityTokenLife is how long an identity token is valid. A build asks for a new one when it needs one.
const identityTokenLife = 15 * time.Minute

// Tokens signs identity tokens, which others verify by the keys that this server publishes.
type Tokens interface {
	Issue(ctx context.Context, algorithm string, claims map[string]any, life time.Duration) (token string,
		expires time.Time, err error)
}

// GetBuildToken implements slipway:GetBuildToken: a token that proves to others, without a secret that is stored there,
// which build asks them for something.
func (s *Service) GetBuildToken(ctx context.Context,
	in *slipway.GetBuildTokenInput) (*slipway.GetBuildTokenOutput, error) {
	r, err := s.inHands(ctx, *in.Runner, *in.Id)
	if err != nil {
		return nil, err
	}
	if r.work.Fork {
		return nil, &awsproto.Error{Code: "AccessDeniedException", Status: 403,
			Message: "Builds of pull requests from forks get no identity tokens."}
	}
	if s.Tokens == nil {
		return nil, &awsproto.Error{Code: "NotImplementedException", Status: 501,
			Message: "This server issues no identity tokens."}
	}
	// RS256 is what every verifier knows.
	token, expires, err := s.Tokens.Issue(ctx, "RS256", claims(r, *in.Audience, s.Account, s.Region),
		identityTokenLife)
	if err != nil {
		return nil, err
	}
	return &slipway.GetBuildTokenOutput{Token: &token, Expiration: awsproto.At(expires)}, nil
}

// claims are what a token says of a build. The subject is what trust policies compare:
// project:NAME:ref:REF for a build of a source here, project:NAME for others.
func claims(r *row, audience, account, region string) map[string]any {
	b := r.build
	project := awsproto.Value(b.ProjectName)
	all := map[string]any{
		"aud":          audience,
		"sub":          "project:" + project,
		"account":      account,
		"region":       region,
		"project":      project,
		"build_id":     awsproto.Value(b.Id),
		"build_arn":    awsproto.Value(b.Arn),
		"build_number": awsproto.Value(b.BuildNumber),
	}
	set := func(name, value string) {
		if value != "" {
			all[name] = value
		}
	}
	set("initiator", awsproto.Value(b.Initiator))
	set("commit", awsproto.Value(b.ResolvedSourceVersion))
	set("ref", awsproto.Value(b.SourceVersion))
	if b.Source != nil {
		set("repository", repositoryName(awsproto.Value(b.Source.Location)))
	}
	if name, ok := strings.CutPrefix(awsproto.Value(b.Initiator), "codepipeline/"); ok {
		set("pipeline", name)
	}
	if ref := awsproto.Value(b.SourceVersion); ref != "" {
		all["sub"] = "project:" + project + ":ref:" + ref
	}
	return all
}
