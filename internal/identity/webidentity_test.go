package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is an OpenID Connect issuer of the test's own.
type issuer struct {
	url     string
	key     *ecdsa.PrivateKey
	fetched atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.url, "jwks_uri": i.url + "/keys"})
		case "/keys":
			i.fetched.Add(1)
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
				{Key: &key.PublicKey, KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) token(t *testing.T, claims map[string]any) *string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key,
		KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"iss": i.url, "aud": "slipway", "sub": "repo:app:ref:main",
		"exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix()}
	for k, v := range claims {
		all[k] = v
	}
	text, err := jwt.Signed(signer).Claims(all).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return &text
}

func TestWebIdentity(t *testing.T) {
	t.Parallel()
	w, i := newWorld(t), newIssuer(t)
	host := strings.TrimPrefix(i.url, "http://")
	p := must[*iam.CreateOpenIDConnectProviderOutput](t)(w.iam().CreateOpenIDConnectProvider(t.Context(),
		&iam.CreateOpenIDConnectProviderInput{Url: &i.url, ClientIDList: []string{"slipway"}}))
	role := must[*iam.CreateRoleOutput](t)(w.iam().CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("web"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",
			"Principal":{"Federated":"` + *p.OpenIDConnectProviderArn + `"},"Action":"sts:AssumeRoleWithWebIdentity",
			"Condition":{"StringLike":{"` + host + `:sub":"repo:app:*"},"StringEquals":{"` + host + `:aud":"slipway"}}}}`),
	}))
	anybody := sts.New(sts.Options{Region: region, BaseEndpoint: &w.url, Credentials: aws.AnonymousCredentials{},
		RetryMaxAttempts: 1})
	exchange := func(token *string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return anybody.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: role.Role.Arn, RoleSessionName: aws.String("ci"), WebIdentityToken: token})
	}
	out := must[*sts.AssumeRoleWithWebIdentityOutput](t)(exchange(i.token(t, nil)))
	if got := w.who(temporary(out.Credentials)); got != "arn:aws:sts::"+account+":assumed-role/web/ci" {
		t.Errorf("the session is %s", got)
	}
	if *out.SubjectFromWebIdentityToken != "repo:app:ref:main" || *out.Audience != "slipway" || *out.Provider != i.url {
		t.Errorf("%+v", out)
	}
	stranger := newIssuer(t)
	forged := &issuer{url: i.url, key: stranger.key}
	for name, x := range map[string]struct {
		token *string
		want  string
	}{
		"another subject":  {i.token(t, map[string]any{"sub": "repo:other"}), "AccessDenied"},
		"another audience": {i.token(t, map[string]any{"aud": "x"}), "InvalidIdentityToken"},
		"another party":    {i.token(t, map[string]any{"azp": "x"}), "InvalidIdentityToken"},
		"expired": {i.token(t, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
			"ExpiredTokenException"},
		"another's key":     {forged.token(t, nil), "InvalidIdentityToken"},
		"an unknown issuer": {stranger.token(t, nil), "InvalidIdentityToken"},
		"no token":          {aws.String("abcd"), "InvalidIdentityToken"},
		"tags untrusted": {i.token(t, map[string]any{"https://aws.amazon.com/tags": map[string]any{
			"principal_tags": map[string]any{"team": []string{"red"}}}}), "AccessDenied"},
	} {
		if _, err := exchange(x.token); code(err) != x.want {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
	}
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("the issuer's keys were fetched %d times", n)
	}
	if _, err := sts.New(sts.Options{Region: region, BaseEndpoint: &w.url, Credentials: aws.AnonymousCredentials{},
		RetryMaxAttempts: 1}).GetSessionToken(t.Context(),
		&sts.GetSessionTokenInput{}); code(err) != "MissingAuthenticationToken" {
		t.Errorf("another operation without a signature: %v", err)
	}
}
