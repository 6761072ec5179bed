package vault_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/kms"
	api "slipway/api/secretsmanager"
	"slipway/internal/key"
	"slipway/internal/secret/vault"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

type house struct {
	*secretsmanager.Client
	t     *testing.T
	db    *store.Store
	keys  *key.Service
	later atomic.Int64 // how far the clock is ahead
}

func open(t *testing.T) *house {
	t.Helper()
	return openOn(t, storetest.Open(t, key.Migrations(), vault.Migrations()))
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, h *house)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { test(t, open(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		dsn := storetest.Postgres(t).Database(t)
		test(t, openOn(t, storetest.OpenDSN(t, dsn, key.Migrations(), vault.Migrations())))
	})
}

func openOn(t *testing.T, db *store.Store) *house {
	t.Helper()
	h := &house{t: t, db: db}
	sealer, err := seal.Open(t.TempDir() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	pager := awsproto.Pager{Key: []byte("key")}
	h.keys = key.New(h.db, key.Config{Region: "eu-central-1", Account: "123456789012", Seal: sealer, Now: time.Now,
		Pager: pager})
	service := vault.New(h.db, vault.Config{Region: "eu-central-1", Account: "123456789012",
		Now: func() time.Time { return time.Now().Add(time.Duration(h.later.Load())) }, Pager: pager, Keys: h.keys})
	wire := &awsproto.Server{Region: "eu-central-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) {
			return awsproto.Caller{ARN: "arn:aws:iam::123456789012:user/anna"}, nil
		}}
	wire.Add(api.New(awsproto.Hooks{}, struct {
		*vault.Service
		api.Unimplemented
	}{service, api.Unimplemented{}}))
	server := httptest.NewServer(wire)
	t.Cleanup(server.Close)
	h.Client = secretsmanager.New(secretsmanager.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")})
	return h
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) create(name, value string) *secretsmanager.CreateSecretOutput {
	h.t.Helper()
	out, err := h.CreateSecret(h.t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	h.must(err)
	return out
}

func (h *house) value(id, version, stage string) string {
	h.t.Helper()
	in := &secretsmanager.GetSecretValueInput{SecretId: &id}
	if version != "" {
		in.VersionId = &version
	}
	if stage != "" {
		in.VersionStage = &stage
	}
	out, err := h.GetSecretValue(h.t.Context(), in)
	if err != nil {
		return code(err)
	}
	return *out.SecretString
}

// Versions move through their stages, and a value is in no column of the database.
func TestVersionsAndStages(t *testing.T) { onBoth(t, versionsAndStages) }

func versionsAndStages(t *testing.T, h *house) {
	ctx := t.Context()
	made := h.create("app/database", "first-of-all")
	token := "11111111-2222-3333-4444-555555555555"
	for range 2 { // the second request changes nothing
		out, err := h.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: made.ARN,
			ClientRequestToken: &token, SecretString: new("second-of-all")})
		if err != nil || !slices.Equal(out.VersionStages, []string{"AWSCURRENT"}) {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	_, err := h.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: made.ARN, ClientRequestToken: &token,
		SecretString: new("another")})
	if code(err) != "ResourceExistsException" {
		t.Error(err)
	}
	partial := strings.TrimSuffix(*made.ARN, (*made.ARN)[len(*made.ARN)-7:])
	for _, x := range []struct{ id, version, stage, want string }{
		{"app/database", "", "", "second-of-all"},
		{*made.ARN, "", "AWSPREVIOUS", "first-of-all"},
		{partial, token, "", "second-of-all"},
		{"app/database", *made.VersionId, "AWSPREVIOUS", "first-of-all"},
		{"app/database", *made.VersionId, "AWSCURRENT", "InvalidRequestException"},
		{"app/database", "", "NONE", "ResourceNotFoundException"},
		{"none", "", "", "ResourceNotFoundException"},
	} {
		if got := h.value(x.id, x.version, x.stage); got != x.want {
			t.Errorf("%s %s %s: %s, want %s", x.id, x.version, x.stage, got, x.want)
		}
	}
	rows, err := store.Strings(ctx, h.db, `SELECT value FROM sm_versions`)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		plain, _ := base64.StdEncoding.DecodeString(row)
		if strings.Contains(row+string(plain), "of-all") {
			t.Errorf("the database has a readable value: %s", row)
		}
	}
	if _, err := h.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{SecretId: made.ARN,
		VersionStage: new("AWSCURRENT"), RemoveFromVersionId: &token, MoveToVersionId: made.VersionId}); err != nil {
		t.Fatal(err)
	}
	if h.value("app/database", "", "") != "first-of-all" || h.value("app/database", "", "AWSPREVIOUS") != "second-of-all" {
		t.Error("the stages have not moved")
	}
	seen, err := h.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: made.ARN})
	if err != nil || seen.LastAccessedDate == nil || len(seen.VersionIdsToStages) != 2 {
		t.Errorf("%+v, %v", seen, err)
	}
}

// A deleted secret can be restored until its time has come; then a job deletes it.
func TestDeletion(t *testing.T) { onBoth(t, deletion) }

func deletion(t *testing.T, h *house) {
	ctx := t.Context()
	first := h.create("one", "x")
	remove := func() error {
		_, err := h.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: new("one"),
			RecoveryWindowInDays: new(int64(7))})
		return err
	}
	h.must(remove())
	if got := h.value("one", "", ""); got != "InvalidRequestException" {
		t.Error(got)
	}
	if _, err := h.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: new("one")}); code(err) != "InvalidRequestException" {
		t.Error(err)
	}
	_, err := h.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: new("one")})
	h.must(err)
	if got := h.value("one", "", ""); got != "x" {
		t.Error(got)
	}
	h.later.Store(-int64(8 * 24 * time.Hour)) // so that the seven days are over
	h.must(remove())
	h.later.Store(0)
	storetest.Work(t, h.db)
	for end := time.Now().Add(20 * time.Second); h.value("one", "", "") != "ResourceNotFoundException"; {
		if time.Now().After(end) {
			t.Fatal("the secret is still there")
		}
	}
	if again := h.create("one", "y"); *again.ARN == *first.ARN {
		t.Error("a secret that is created again has the same ARN")
	}
	_, err = h.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: new("one"), ForceDeleteWithoutRecovery: new(true)})
	h.must(err)
	if got := h.value("one", "", ""); got != "ResourceNotFoundException" {
		t.Error(got)
	}
}

// A secret changes its key, is listed by filters, and has a policy and tags.
func TestListsKeysPolicies(t *testing.T) { onBoth(t, listsKeysPolicies) }

func listsKeysPolicies(t *testing.T, h *house) {
	ctx := t.Context()
	for _, name := range []string{"a/1", "a/2", "b/1"} {
		h.create(name, "value of "+name)
	}
	id := new("a/1")
	_, err := h.TagResource(ctx, &secretsmanager.TagResourceInput{SecretId: id,
		Tags: []types.Tag{{Key: new("team"), Value: new("blue")}}})
	h.must(err)
	made, err := h.keys.CreateKey(ctx, &kms.CreateKeyInput{})
	h.must(err)
	_, err = h.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: id, KmsKeyId: made.KeyMetadata.Arn,
		Description: new("The password of the database")})
	h.must(err)
	if got := h.value("a/1", "", ""); got != "value of a/1" {
		t.Error(got)
	}
	if _, err := h.keys.DisableKey(ctx, &kms.DisableKeyInput{KeyId: made.KeyMetadata.Arn}); err != nil {
		t.Fatal(err)
	}
	if got := h.value("a/1", "", ""); got != "DecryptionFailure" {
		t.Errorf("with a disabled key: %s", got)
	}
	listed := func(key types.FilterNameStringType, values ...string) (names []string) {
		p := secretsmanager.NewListSecretsPaginator(h.Client, &secretsmanager.ListSecretsInput{MaxResults: new(int32(1)),
			Filters: []types.Filter{{Key: key, Values: values}}})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			h.must(err)
			for _, e := range out.SecretList {
				names = append(names, *e.Name)
			}
		}
		return names
	}
	for _, x := range []struct {
		key   types.FilterNameStringType
		value string
		want  string
	}{
		{types.FilterNameStringTypeName, "a/", "[a/1 a/2]"},
		{types.FilterNameStringTypeName, "!a/", "[b/1]"},
		{types.FilterNameStringTypeTagKey, "team", "[a/1]"},
		{types.FilterNameStringTypeTagValue, "red", "[]"},
		{types.FilterNameStringTypeDescription, "the PASS", "[a/1]"},
		{types.FilterNameStringTypeAll, "database", "[a/1]"},
	} {
		if got := fmt.Sprint(listed(x.key, x.value)); got != x.want {
			t.Errorf("%s %s: %s, want %s", x.key, x.value, got, x.want)
		}
	}
	batch, err := h.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: []string{"a/2", "none"}})
	if err != nil || len(batch.SecretValues) != 1 || len(batch.Errors) != 1 ||
		*batch.Errors[0].ErrorCode != "ResourceNotFoundException" {
		t.Errorf("%+v, %v", batch, err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:*","Resource":"*"}]}`
	_, err = h.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: &policy,
		BlockPublicPolicy: new(true)})
	if code(err) != "PublicPolicyException" {
		t.Error(err)
	}
	_, err = h.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: new("{")})
	if code(err) != "MalformedPolicyDocumentException" {
		t.Error(err)
	}
	_, err = h.PutResourcePolicy(ctx, &secretsmanager.PutResourcePolicyInput{SecretId: id, ResourcePolicy: &policy})
	h.must(err)
	got, err := h.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: id})
	if err != nil || *got.ResourcePolicy != policy {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = h.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: id})
	if code(err) != "NotImplementedException" || !strings.Contains(err.Error(), "RotateSecret") {
		t.Errorf("rotation is not refused by its name: %v", err)
	}
}

// A password has the length and the characters that were asked for.
func TestRandomPassword(t *testing.T) {
	t.Parallel()
	h := open(t)
	for range 50 {
		out, err := h.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(4)),
			ExcludePunctuation: new(true), ExcludeCharacters: new("0123456789"), IncludeSpace: new(true)})
		h.must(err)
		p := *out.RandomPassword
		if len(p) != 4 || !strings.Contains(p, " ") || strings.ToLower(p) == p || strings.ToUpper(p) == p ||
			strings.ContainsAny(p, "0123456789!") {
			t.Fatalf("%q", p)
		}
	}
	_, err := h.GetRandomPassword(t.Context(), &secretsmanager.GetRandomPasswordInput{PasswordLength: new(int64(3))})
	if code(err) != "InvalidParameterException" {
		t.Error(err)
	}
}
