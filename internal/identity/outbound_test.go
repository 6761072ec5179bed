package identity_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/coreos/go-oidc/v3/oidc"

	"slipway/internal/store"
)

// TestIdentityTokens has a build ask for a token, which somebody else verifies.
func TestIdentityTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const service = "codebuild.amazonaws.com"
	role := w.role("builder", `{"Service":"`+service+`"}`)
	made, _, err := w.ServiceSession(t.Context(), service, role, "build-1", "", time.Hour, store.Tag{Key: "project",
		Value: "app"})
	if err != nil {
		t.Fatal(err)
	}
	build := w.sts(aws.Credentials{AccessKeyID: made.ID, SecretAccessKey: made.Secret, SessionToken: made.Token})
	ask := func(algorithm string, change func(*sts.GetWebIdentityTokenInput)) (*sts.GetWebIdentityTokenOutput, error) {
		in := &sts.GetWebIdentityTokenInput{Audience: []string{"https://other.example.com"},
			SigningAlgorithm: &algorithm,
			Tags:             []ststypes.Tag{{Key: aws.String("job"), Value: aws.String("7")}}}
		change(in)
		return build.GetWebIdentityToken(t.Context(), in)
	}
	plain := func(*sts.GetWebIdentityTokenInput) {}
	if _, err := ask("RS256", plain); code(err) != "OutboundWebIdentityFederationDisabledException" {
		t.Errorf("before it is enabled: %v", err)
	}
	on := must[*iam.EnableOutboundWebIdentityFederationOutput](t)(w.iam().EnableOutboundWebIdentityFederation(t.Context(),
		&iam.EnableOutboundWebIdentityFederationInput{}))
	if *on.IssuerIdentifier != w.url {
		t.Errorf("the issuer is %s", *on.IssuerIdentifier)
	}
	other, err := oidc.NewProvider(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{"RS256", "ES384"} {
		out := must[*sts.GetWebIdentityTokenOutput](t)(ask(algorithm, plain))
		token, err := other.Verifier(&oidc.Config{ClientID: "https://other.example.com",
			SupportedSigningAlgs: []string{algorithm}}).Verify(t.Context(), *out.WebIdentityToken)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Own struct {
				Account string            `json:"aws_account"`
				Tags    map[string]string `json:"principal_tags"`
				Asked   map[string]string `json:"request_tags"`
			} `json:"https://sts.amazonaws.com/"`
		}
		if err := token.Claims(&claims); err != nil {
			t.Fatal(err)
		}
		if token.Subject != role || claims.Own.Account != account || claims.Own.Tags["project"] != "app" ||
			claims.Own.Asked["job"] != "7" {
			t.Errorf("%s: %s, %+v", algorithm, token.Subject, claims)
		}
	}
	if _, err := ask("none", plain); code(err) != "ValidationError" {
		t.Errorf("no such algorithm: %v", err)
	}
	w.ahead.Store(int64(55 * time.Minute))
	if _, err := ask("RS256", func(in *sts.GetWebIdentityTokenInput) {
		in.DurationSeconds = aws.Int32(3600)
	}); code(err) != "SessionDurationEscalationException" {
		t.Errorf("longer than the session: %v", err)
	}
}
