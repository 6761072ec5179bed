package identity

import (
	"context"
	"encoding/json"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/api/sts"
	"slipway/internal/identity/issuer"
)

// Identity tokens for others, as AWS has them: "outbound identity federation" of the IAM user guide. They are off until
// somebody enables them.

const (
	// tokenLife is how long a token is valid if the request does not say.
	tokenLife = 5 * time.Minute
	// maxClaims bounds the claims of a token, in bytes.
	maxClaims = 16 << 10
	// stsClaims is the claim that has those of AWS's own.
	stsClaims = "https://sts.amazonaws.com/"
)

// Issuer is what issues and verifies identity tokens. It serves their keys to anybody.
func (s *Service) Issuer() *issuer.Issuer { return s.issuer }

// EnableOutboundWebIdentityFederation implements iam:EnableOutboundWebIdentityFederation.
func (s *Service) EnableOutboundWebIdentityFederation(ctx context.Context,
	_ *iam.EnableOutboundWebIdentityFederationInput) (*iam.EnableOutboundWebIdentityFederationOutput, error) {
	err := s.changeAccount(ctx, func(a *account) error {
		if a.Outbound != 0 {
			return &iam.FeatureEnabledException{Message: "Outbound identity federation is enabled already."}
		}
		a.Outbound = s.Now().UnixMilli()
		return nil
	})
	return &iam.EnableOutboundWebIdentityFederationOutput{IssuerIdentifier: &s.issuer.URL}, err
}

// DisableOutboundWebIdentityFederation implements iam:DisableOutboundWebIdentityFederation. Tokens that were issued
// stay valid until they expire.
func (s *Service) DisableOutboundWebIdentityFederation(ctx context.Context,
	_ *iam.DisableOutboundWebIdentityFederationInput) (*iam.DisableOutboundWebIdentityFederationOutput, error) {
	return nil, s.changeAccount(ctx, func(a *account) error {
		if a.Outbound == 0 {
			return outboundDisabled()
		}
		a.Outbound = 0
		return nil
	})
}

func outboundDisabled() error {
	return &iam.FeatureDisabledException{Message: "Outbound identity federation is disabled. Enable it: " +
		"aws iam enable-outbound-web-identity-federation"}
}

// GetOutboundWebIdentityFederationInfo implements iam:GetOutboundWebIdentityFederationInfo.
func (s *Service) GetOutboundWebIdentityFederationInfo(context.Context,
	*iam.GetOutboundWebIdentityFederationInfoInput) (*iam.GetOutboundWebIdentityFederationInfoOutput, error) {
	if s.view().settings().Outbound == 0 {
		return nil, outboundDisabled()
	}
	return &iam.GetOutboundWebIdentityFederationInfoOutput{
		IssuerIdentifier:  &s.issuer.URL,
		JwtVendingEnabled: new(true),
	}, nil
}

// GetWebIdentityToken implements sts:GetWebIdentityToken. The tags of a build's session name its project, source and
// initiator; they are in the token.
func (s *Service) GetWebIdentityToken(ctx context.Context,
	in *sts.GetWebIdentityTokenInput) (*sts.GetWebIdentityTokenOutput, error) {
	c := awsproto.CallerOf(ctx)
	if s.view().settings().Outbound == 0 {
		return nil, &sts.OutboundWebIdentityFederationDisabledException{Message: outboundDisabled().Error()}
	}
	if a := *in.SigningAlgorithm; a != issuer.RS256 && a != issuer.ES384 {
		return nil, invalid("The SigningAlgorithm must be RS256 or ES384, not %s.", a)
	}
	life := tokenLife
	if in.DurationSeconds != nil {
		life = time.Duration(*in.DurationSeconds) * time.Second
	}
	if c.Session != nil && s.Now().Add(life).After(c.Session.Expires) {
		return nil, &sts.SessionDurationEscalationException{
			Message: "The token would be valid for longer than the session that asks for it."}
	}
	claims, err := s.tokenClaims(ctx, c, in)
	if err != nil {
		return nil, err
	}
	token, expires, err := s.issuer.Issue(ctx, *in.SigningAlgorithm, claims, life)
	if err != nil {
		return nil, err
	}
	return &sts.GetWebIdentityTokenOutput{WebIdentityToken: &token, Expiration: awsproto.At(expires)}, nil
}

func (s *Service) tokenClaims(ctx context.Context, c awsproto.Caller,
	in *sts.GetWebIdentityTokenInput) (map[string]any, error) {
	_, a, err := s.Sources(ctx, c)
	if err != nil {
		return nil, err
	}
	var asked ticket
	if err := asked.tag(in.Tags, nil); err != nil {
		return nil, err
	}
	own := map[string]any{"aws_account": s.Account, "source_region": s.Region}
	if len(a.Tags) > 0 {
		own["principal_tags"] = a.Tags
	}
	if len(asked.Tags) > 0 {
		own["request_tags"] = asked.Tags
	}
	claims := map[string]any{"sub": c.ARN, "aud": any(in.Audience), stsClaims: own}
	if a.Principal.Role != "" {
		claims["sub"] = a.Principal.Role
	}
	if len(in.Audience) == 1 {
		claims["aud"] = in.Audience[0]
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	if len(text) > maxClaims {
		const large = "The token would be larger than 16 KiB. Give fewer tags."
		return nil, &sts.JWTPayloadSizeExceededException{Message: large}
	}
	return claims, nil
}
