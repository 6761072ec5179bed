package identity_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	apiiam "slipway/api/iam"
	apists "slipway/api/sts"
	"slipway/internal/identity"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

const (
	account = "123456789012"
	region  = "eu-central-1"
)

type (
	part   = identity.Service
	iamAPI struct {
		*part
		apiiam.Unimplemented
	}
	stsAPI struct {
		*part
		apists.Unimplemented
	}
)

// world is a server with identities alone. Nothing decides who may do what in it.
type world struct {
	*identity.Service
	t     *testing.T
	db    *store.Store
	url   string
	ahead atomic.Int64 // by how much the server's clock is, in ns
	admin aws.Credentials
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: storetest.Open(t, identity.Migrations())}
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.Service, err = identity.New(t.Context(), w.db, identity.Config{Region: region, Account: account, Seal: sealer,
		URL: w.url, Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	key := identity.NewKey()
	if err := w.EnsureUser(t.Context(), "admin", identity.Administrator); err != nil {
		t.Fatal(err)
	}
	if err := w.AddKey(t.Context(), "admin", key); err != nil {
		t.Fatal(err)
	}
	w.admin = aws.Credentials{AccessKeyID: key.ID, SecretAccessKey: key.Secret}
	api := &awsproto.Server{Region: region, Account: account, Lookup: w.Lookup, Caller: w.Caller, Now: time.Now,
		Log: slog.New(slog.DiscardHandler)}
	api.Add(apiiam.New(awsproto.Hooks{}, iamAPI{w.Service, apiiam.Unimplemented{}}),
		apists.New(awsproto.Hooks{}, stsAPI{w.Service, apists.Unimplemented{}}))
	mux.Handle("/", api)
	mux.Handle("/.well-known/", w.Issuer())
	return w
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) config(c aws.Credentials) aws.Config {
	return aws.Config{Region: region, BaseEndpoint: &w.url, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)}
}

func (w *world) iam() *iam.Client { return iam.NewFromConfig(w.config(w.admin)) }

func (w *world) sts(c aws.Credentials) *sts.Client { return sts.NewFromConfig(w.config(c)) }

// who is the ARN of a caller, or the code of its refusal.
func (w *world) who(c aws.Credentials) string {
	w.t.Helper()
	out, err := w.sts(c).GetCallerIdentity(w.t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return code(err)
	}
	return *out.Arn
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func temporary(c *ststypes.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     *c.AccessKeyId,
		SecretAccessKey: *c.SecretAccessKey,
		SessionToken:    *c.SessionToken,
	}
}

func trust(principal string) *string {
	return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal +
		`,"Action":["sts:AssumeRole","sts:TagSession"]}]}`)
}

func (w *world) role(name, principal string) string {
	w.t.Helper()
	out := must[*iam.CreateRoleOutput](w.t)(w.iam().CreateRole(w.t.Context(), &iam.CreateRoleInput{RoleName: &name,
		AssumeRolePolicyDocument: trust(principal)}))
	return *out.Role.Arn
}

func (w *world) assume(arn string) aws.Credentials {
	w.t.Helper()
	out := must[*sts.AssumeRoleOutput](w.t)(w.sts(w.admin).AssumeRole(w.t.Context(),
		&sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("work")}))
	return temporary(out.Credentials)
}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.role("deployer", `{"AWS":"`+account+`"}`)
	c := w.assume(arn)
	if got, want := w.who(c), "arn:aws:sts::"+account+":assumed-role/deployer/work"; got != want {
		t.Errorf("the session is %s, want %s", got, want)
	}
	for name, other := range map[string]aws.Credentials{
		"another token": {AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: "x"},
		"no token":      {AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey},
		"another's ID": {AccessKeyID: w.assume(arn).AccessKeyID, SecretAccessKey: c.SecretAccessKey,
			SessionToken: c.SessionToken},
		"a long key too": {AccessKeyID: w.admin.AccessKeyID, SecretAccessKey: w.admin.SecretAccessKey,
			SessionToken: c.SessionToken},
	} {
		if got := w.who(other); got != "InvalidClientTokenId" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := w.who(aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: "s",
		SessionToken: c.SessionToken}); got != "SignatureDoesNotMatch" {
		t.Errorf("another secret: %s", got)
	}
	w.ahead.Store(int64(time.Hour))
	if got := w.who(c); got != "ExpiredToken" {
		t.Errorf("after its time: %s", got)
	}
	w.ahead.Store(0)
	must[*iam.DeleteRoleOutput](t)(w.iam().DeleteRole(t.Context(),
		&iam.DeleteRoleInput{RoleName: aws.String("deployer")}))
	w.role("deployer", `{"AWS":"`+account+`"}`)
	if got := w.who(c); got != "InvalidClientTokenId" {
		t.Errorf("a namesake of the role was made: %s", got)
	}
}

func TestSessionLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.role("deployer", `{"AWS":"`+account+`"}`)
	assume := func(c aws.Credentials, change func(*sts.AssumeRoleInput)) error {
		in := &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("work")}
		change(in)
		_, err := w.sts(c).AssumeRole(t.Context(), in)
		return err
	}
	chained := w.assume(arn)
	tags := func(keys ...string) (all []ststypes.Tag) {
		for _, k := range keys {
			all = append(all, ststypes.Tag{Key: aws.String(k), Value: aws.String("v")})
		}
		return all
	}
	for name, x := range map[string]struct {
		by     aws.Credentials
		change func(*sts.AssumeRoleInput)
		want   string
	}{
		"longer than the role's": {w.admin, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) },
			"ValidationError"},
		"shorter than any": {w.admin, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) },
			"ValidationError"},
		"chained": {chained, func(*sts.AssumeRoleInput) {}, ""},
		"no policy": {w.admin, func(in *sts.AssumeRoleInput) { in.Policy = aws.String("{") },
			"MalformedPolicyDocument"},
		"tags twice": {w.admin, func(in *sts.AssumeRoleInput) { in.Tags = tags("a", "A") }, "InvalidParameterValue"},
		"a transitive key that is no tag": {w.admin, func(in *sts.AssumeRoleInput) {
			in.Tags, in.TransitiveTagKeys = tags("a"), []string{"b"}
		}, "InvalidParameterValue"},
		"no such role": {w.admin, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(arn + "x") },
			"AccessDenied"},
		"no such device": {w.admin, func(in *sts.AssumeRoleInput) {
			in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::"+account+":mfa/x"), aws.String("123456")
		}, "AccessDenied"},
	} {
		if err := assume(x.by, x.change); code(err) != x.want {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
	if _, err := w.sts(chained).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}); code(err) != "AccessDenied" {
		t.Errorf("a session gets a session token: %v", err)
	}
}

// TestUserSessions has sessions of a user end with the key that made them.
func TestUserSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := must[*sts.GetSessionTokenOutput](t)(w.sts(w.admin).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}))
	federated := must[*sts.GetFederationTokenOutput](t)(w.sts(w.admin).GetFederationToken(t.Context(),
		&sts.GetFederationTokenInput{Name: aws.String("guest")}))
	if got := w.who(temporary(own.Credentials)); got != w.UserARN("admin") {
		t.Errorf("a session token is of %s", got)
	}
	if got, want := w.who(temporary(federated.Credentials)),
		"arn:aws:sts::"+account+":federated-user/guest"; got != want {
		t.Errorf("a federated user is %s", got)
	}
	info := must[*sts.GetAccessKeyInfoOutput](t)(w.sts(w.admin).GetAccessKeyInfo(t.Context(),
		&sts.GetAccessKeyInfoInput{AccessKeyId: own.Credentials.AccessKeyId}))
	if *info.Account != account {
		t.Errorf("the key is of account %s", *info.Account)
	}
	other := must[*iam.CreateAccessKeyOutput](t)(w.iam().CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{}))
	first := w.iam()
	w.admin = aws.Credentials{AccessKeyID: *other.AccessKey.AccessKeyId,
		SecretAccessKey: *other.AccessKey.SecretAccessKey}
	_ = first
	key := must[*iam.ListAccessKeysOutput](t)(w.iam().ListAccessKeys(t.Context(), &iam.ListAccessKeysInput{}))
	must[*iam.UpdateAccessKeyOutput](t)(w.iam().UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{
		AccessKeyId: key.AccessKeyMetadata[0].AccessKeyId, Status: "Inactive"}))
	for _, c := range []*ststypes.Credentials{own.Credentials, federated.Credentials} {
		if got := w.who(temporary(c)); got != "InvalidClientTokenId" {
			t.Errorf("after the key was deactivated: %s", got)
		}
	}
}

func TestServiceSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const service = "codebuild.amazonaws.com"
	arn := w.role("builder", `{"Service":"`+service+`"}`)
	made, caller, err := w.ServiceSession(t.Context(), service, arn, "build-1", "", 10*time.Hour)
	if err != nil || caller.ARN != "arn:aws:sts::"+account+":assumed-role/builder/build-1" {
		t.Fatalf("%+v, %v", caller, err)
	}
	c := aws.Credentials{AccessKeyID: made.ID, SecretAccessKey: made.Secret, SessionToken: made.Token}
	if got := w.who(c); got != caller.ARN {
		t.Errorf("the session is %s", got)
	}
	for _, x := range []struct {
		arn, service, want string
	}{
		{arn, "codedeploy.amazonaws.com", "update-assume-role-policy --role-name builder"},
		{arn + "2", service, "aws iam create-role --role-name builder2"},
		{"arn:aws:iam::" + account + ":role/a/b/c", service, "--path /a/b/ --role-name c"},
		{"arn:aws:iam::210987654321:role/x", service, "is not the ARN of a role of account"},
		{"arn:aws:iam::" + account + ":role/slipway", service, ""},
	} {
		err := w.CheckServiceRole(t.Context(), x.arn, x.service)
		if x.want == "" && err != nil || x.want != "" && (err == nil || !strings.Contains(err.Error(), x.want)) {
			t.Errorf("%s for %s: %v", x.arn, x.service, err)
		}
	}
}
