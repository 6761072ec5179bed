package awsproto_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	sdktypes "github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codecommit"
	"slipway/api/sts"
)

const (
	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// repositories is one operation of CodeCommit.
type repositories struct{ codecommit.Unimplemented }

func (repositories) GetRepository(_ context.Context,
	in *codecommit.GetRepositoryInput) (*codecommit.GetRepositoryOutput, error) {
	if *in.RepositoryName != "shop" {
		return nil, &codecommit.RepositoryDoesNotExistException{Message: *in.RepositoryName + " does not exist"}
	}
	created := time.Date(2026, 11, 24, 12, 0, 0, 250e6, time.UTC)
	return &codecommit.GetRepositoryOutput{RepositoryMetadata: &codecommit.RepositoryMetadata{
		RepositoryName: in.RepositoryName, CreationDate: awsproto.At(created),
	}}, nil
}

type tokens struct{ sts.Unimplemented }

func (tokens) GetCallerIdentity(ctx context.Context,
	_ *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	c := awsproto.CallerOf(ctx)
	return &sts.GetCallerIdentityOutput{Account: &c.Account, Arn: &c.ARN, UserId: &c.UserID}, nil
}

func serve(t *testing.T, now func() time.Time, more ...awsproto.Service) *httptest.Server {
	t.Helper()
	s := &awsproto.Server{
		Region: "eu-west-1", Account: "123456789012", Now: now, Log: slog.New(slog.DiscardHandler),
		Lookup: func(_ context.Context, id, _ string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: secret}, id == keyID, nil
		},
		Caller: func(_ context.Context, id, _ string) (awsproto.Caller, error) {
			return awsproto.Caller{ARN: "arn:aws:iam::123456789012:user/admin", Account: "123456789012", UserID: "AIDA",
				AccessKeyID: id}, nil
		},
	}
	s.Add(codecommit.New(awsproto.Hooks{}, repositories{}), sts.New(awsproto.Hooks{}, tokens{}))
	s.Add(more...)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

func config(server *httptest.Server, id, secret, region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	}
}

// TestSDK lets the AWS SDK talk to the wire: answers, the model's errors, checks in AWS's words, signatures.
func TestSDK(t *testing.T) {
	t.Parallel()
	server := serve(t, time.Now)
	client := sdk.NewFromConfig(config(server, keyID, secret, "eu-west-1"))
	ctx := t.Context()

	out, err := client.GetRepository(ctx, &sdk.GetRepositoryInput{RepositoryName: aws.String("shop")})
	if err != nil || !out.RepositoryMetadata.CreationDate.Equal(time.Date(2026, 11, 24, 12, 0, 0, 250e6, time.UTC)) {
		t.Fatalf("GetRepository = %+v, %v", out, err)
	}
	_, err = client.GetRepository(ctx, &sdk.GetRepositoryInput{RepositoryName: aws.String("none")})
	if _, ok := errors.AsType[*sdktypes.RepositoryDoesNotExistException](err); !ok {
		t.Errorf("of an unknown repository: %v", err)
	}
	for name, c := range map[string]struct {
		client *sdk.Client
		name   string
		code   string
	}{
		"a bad name": {client, "bad name!", "InvalidRepositoryNameException"},
		"a wrong secret": {sdk.NewFromConfig(config(server, keyID, "wrong", "eu-west-1")), "shop",
			"InvalidSignatureException"},
		"an unknown key": {sdk.NewFromConfig(config(server, "AKIAOTHER", secret, "eu-west-1")), "shop",
			"UnrecognizedClientException"},
		"another region": {sdk.NewFromConfig(config(server, keyID, secret, "us-east-1")), "shop",
			"InvalidSignatureException"},
	} {
		_, err := c.client.GetRepository(ctx, &sdk.GetRepositoryInput{RepositoryName: &c.name})
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	_, err = client.ListBranches(ctx, &sdk.ListBranchesInput{RepositoryName: aws.String("shop")})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "NotImplementedException" {
		t.Errorf("an operation that is not there: %v", err)
	}
	id, err := sdksts.NewFromConfig(config(server, keyID, secret, "us-east-1")).GetCallerIdentity(ctx, nil)
	if err != nil || *id.Account != "123456789012" || *id.Arn != "arn:aws:iam::123456789012:user/admin" {
		t.Errorf("GetCallerIdentity = %+v, %v", id, err)
	}
}

// TestClock refuses what was signed more than 15 minutes from now, before or after.
func TestClock(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-16 * time.Minute, 16 * time.Minute} {
		server := serve(t, func() time.Time { return time.Now().Add(off) })
		_, err := sdk.NewFromConfig(config(server, keyID, secret, "eu-west-1")).GetRepository(t.Context(),
			&sdk.GetRepositoryInput{RepositoryName: aws.String("shop")})
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidSignatureException" ||
			!strings.Contains(err.Error(), "server time") {
			t.Errorf("off by %v: %v", off, err)
		}
	}
}

// TestOurClient is the generated client against the generated service.
func TestOurClient(t *testing.T) {
	t.Parallel()
	server := serve(t, time.Now)
	c := codecommit.Client{
		Client: &awsproto.Client{Endpoint: server.URL, Region: "eu-west-1",
			Credentials: sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}},
	}
	out, err := c.GetRepository(t.Context(), &codecommit.GetRepositoryInput{RepositoryName: new("shop")})
	if err != nil || *out.RepositoryMetadata.RepositoryName != "shop" {
		t.Fatalf("GetRepository = %+v, %v", out, err)
	}
	_, err = c.GetRepository(t.Context(), &codecommit.GetRepositoryInput{RepositoryName: new("none")})
	if _, ok := errors.AsType[*codecommit.RepositoryDoesNotExistException](err); !ok {
		t.Errorf("of an unknown repository: %v", err)
	}
	if _, err = c.GetRepository(t.Context(),
		&codecommit.GetRepositoryInput{}); awsproto.Code(err) != "RepositoryNameRequiredException" {
		t.Errorf("without a name: %v", err)
	}
}

// TestHostile sends what no client sends; each gets a clear refusal.
func TestHostile(t *testing.T) {
	t.Parallel()
	server := serve(t, time.Now)
	for name, c := range map[string]struct {
		target, auth, body string
		status             int
	}{
		"unsigned":         {"CodeCommit_20150413.GetRepository", "", "{}", 400},
		"half a signature": {"CodeCommit_20150413.GetRepository", "AWS4-HMAC-SHA256 Credential=a/b", "{}", 400},
		"unknown service":  {"Nothing.GetRepository", "", "{}", 400},
		"a huge body":      {"CodeCommit_20150413.GetRepository", "", strings.Repeat(" ", 33<<20), 400},
		"a signed one":     {"CodeCommit_20150413.GetRepository", "sign", strings.Repeat(" ", 33<<20), 413},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", c.target)
		if c.auth == "sign" {
			sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}.Sign(r, sigv4.HexSHA256([]byte(c.body)),
				"eu-west-1", "codecommit", time.Now())
		} else if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d", name, resp.StatusCode, c.status)
		}
	}
}

// TestPager refuses tokens of another list, and tampered ones.
func TestPager(t *testing.T) {
	t.Parallel()
	p := awsproto.Pager{Key: []byte("key")}
	token := p.Token("ListBuilds", "filter", int64(7))
	var place int64
	if !p.Place("ListBuilds", "filter", token, &place) || place != 7 {
		t.Errorf("place = %d", place)
	}
	if p.Place("ListBuilds", "other", token, &place) || p.Place("ListReports", "filter", token, &place) ||
		p.Place("ListBuilds", "filter", new("x"+*token), &place) {
		t.Error("a token of another list was taken")
	}
}

func TestPatternsAreJavas(t *testing.T) {
	p := awsproto.NewPattern(`[\u0009\u000A\u000D\u0020-\u00FF]+`)
	for text, want := range map[string]bool{"correct horse": true, "é\t": true, "\u0100": false, "": false,
		"u0009": true, "\x00": false} {
		if p.Match(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
