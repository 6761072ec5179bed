package key_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	api "slipway/api/kms"
	"slipway/internal/key"
	"slipway/internal/object"
	"slipway/internal/quarantine"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

type house struct {
	*kms.Client
	t       *testing.T
	db      *store.Store
	service *key.Service
	later   atomic.Int64 // how far the clock is ahead
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, key.Migrations(), object.Migrations())}
	sealer, err := seal.Open(t.TempDir() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	h.service = key.New(h.db, key.Config{Region: "eu-central-1", Account: "123456789012", Seal: sealer,
		Pager: awsproto.Pager{Key: []byte("key")},
		Now:   func() time.Time { return time.Now().Add(time.Duration(h.later.Load())) }})
	wire := &awsproto.Server{Region: "eu-central-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	wire.Add(api.New(awsproto.Hooks{}, struct {
		*key.Service
		api.Unimplemented
	}{h.service, api.Unimplemented{}}))
	server := httptest.NewServer(wire)
	t.Cleanup(server.Close)
	h.Client = kms.New(kms.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")})
	return h
}

func (h *house) create() *string {
	h.t.Helper()
	out, err := h.CreateKey(h.t.Context(), &kms.CreateKeyInput{Description: new("for tests")})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.KeyMetadata.KeyId
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// What is encrypted comes back under the same context alone, also after rotations, and not without its key.
func TestEncryptAndDecrypt(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, id := t.Context(), h.create()
	of := map[string]string{"a": "1", "b": "2"}
	encrypt := func() []byte {
		t.Helper()
		out, err := h.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("secret"), EncryptionContext: of})
		if err != nil {
			t.Fatal(err)
		}
		return out.CiphertextBlob
	}
	first := encrypt()
	if bytes.Contains(first, []byte("secret")) {
		t.Error("the ciphertext is readable")
	}
	if _, err := h.RotateKeyOnDemand(ctx, &kms.RotateKeyOnDemandInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	var materials []string
	for _, blob := range [][]byte{first, encrypt()} {
		out, err := h.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: of, KeyId: id})
		if err != nil || string(out.Plaintext) != "secret" {
			t.Fatalf("%+v, %v", out, err)
		}
		materials = append(materials, *out.KeyMaterialId)
	}
	if materials[0] == materials[1] {
		t.Error("a rotated key encrypts with the material of before")
	}
	other := h.create()
	changed := bytes.Clone(first)
	changed[len(changed)-1] ^= 1
	for name, x := range map[string]struct {
		in   kms.DecryptInput
		want string
	}{
		"another context": {kms.DecryptInput{CiphertextBlob: first,
			EncryptionContext: map[string]string{"a": "1", "b": "3"}}, "InvalidCiphertextException"},
		"the same letters, parted otherwise": {kms.DecryptInput{CiphertextBlob: first,
			EncryptionContext: map[string]string{"a1": "", "b": "2"}}, "InvalidCiphertextException"},
		"a changed text": {kms.DecryptInput{CiphertextBlob: changed, EncryptionContext: of}, "InvalidCiphertextException"},
		"no ciphertext":  {kms.DecryptInput{CiphertextBlob: []byte("x")}, "InvalidCiphertextException"},
		"another key":    {kms.DecryptInput{CiphertextBlob: first, EncryptionContext: of, KeyId: other}, "IncorrectKeyException"},
		"a dry run": {kms.DecryptInput{CiphertextBlob: first, EncryptionContext: of, DryRun: new(true)},
			"DryRunOperationException"},
	} {
		if _, err := h.Decrypt(ctx, &x.in); code(err) != x.want {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
	}
	moved, err := h.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: first, SourceEncryptionContext: of,
		DestinationKeyId: other})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: first, EncryptionContext: of}); code(
		err) != "DisabledException" {
		t.Errorf("with its key disabled: %v", err)
	}
	if out, err := h.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: moved.CiphertextBlob}); err != nil ||
		string(out.Plaintext) != "secret" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestDataKeys(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, id := t.Context(), h.create()
	out, err := h.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
	if err != nil || len(out.Plaintext) != 32 {
		t.Fatalf("%+v, %v", out, err)
	}
	back, err := h.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob})
	if err != nil || !bytes.Equal(back.Plaintext, out.Plaintext) {
		t.Errorf("%+v, %v", back, err)
	}
	if out, err := h.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{KeyId: id,
		NumberOfBytes: new(int32(64))}); err != nil || len(out.CiphertextBlob) < 64 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := h.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: id}); code(err) != "ValidationException" {
		t.Errorf("neither a spec nor a number: %v", err)
	}
	if out, err := h.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: new(int32(9))}); err != nil ||
		len(out.Plaintext) != 9 {
		t.Errorf("%+v, %v", out, err)
	}
}

// Aliases name keys, move to others, and those that AWS manages come into being when they are used.
func TestAliases(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, one, two := t.Context(), h.create(), h.create()
	alias := new("alias/app")
	target := func() string {
		out, err := h.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: alias})
		if err != nil {
			return code(err)
		}
		return *out.KeyMetadata.KeyId
	}
	for range 2 {
		if _, err := h.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: one}); err != nil &&
			code(err) != "AlreadyExistsException" {
			t.Fatal(err)
		}
	}
	if target() != *one {
		t.Errorf("the alias names %s", target())
	}
	if _, err := h.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: alias, TargetKeyId: two}); err != nil || target() != *two {
		t.Errorf("%v, %s", err, target())
	}
	list, err := h.ListAliases(ctx, &kms.ListAliasesInput{KeyId: two})
	if err != nil || len(list.Aliases) != 1 || *list.Aliases[0].AliasArn != "arn:aws:kms:eu-central-1:123456789012:alias/app" {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := h.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: alias}); err != nil || target() != "NotFoundException" {
		t.Errorf("%v, %s", err, target())
	}
	managed, err := h.Encrypt(ctx, &kms.EncryptInput{KeyId: new("alias/aws/s3"), Plaintext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.DisableKey(ctx, &kms.DisableKeyInput{KeyId: managed.KeyId}); code(err) != "AccessDeniedException" {
		t.Errorf("a managed key is disabled: %v", err)
	}
	if _, err := h.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: new("alias/aws/none")}); code(err) != "NotFoundException" {
		t.Errorf("a service that has no key: %v", err)
	}
}

// A key's rotation happens when its time comes, and a scheduled deletion does, unless it is cancelled.
func TestTime(t *testing.T) {
	t.Parallel()
	h := open(t)
	storetest.Work(t, h.db)
	ctx, id := t.Context(), h.create()
	if _, err := h.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: id, RotationPeriodInDays: new(int32(90))}); err != nil {
		t.Fatal(err)
	}
	status, err := h.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
	if err != nil || !status.KeyRotationEnabled || *status.RotationPeriodInDays != 90 {
		t.Fatalf("%+v, %v", status, err)
	}
	h.later.Store(int64(91 * 24 * time.Hour))
	h.now("key.rotate", *id)
	h.until("the rotation", func() bool {
		list, err := h.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: id})
		return err == nil && len(list.Rotations) == 1 && list.Rotations[0].RotationType == types.RotationTypeAutomatic
	})
	if _, err := h.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id,
		PendingWindowInDays: new(int32(7))}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Encrypt(ctx, &kms.EncryptInput{KeyId: id, Plaintext: []byte("x")}); code(err) != "KMSInvalidStateException" {
		t.Errorf("a key that is to be deleted encrypts: %v", err)
	}
	if _, err := h.CancelKeyDeletion(ctx, &kms.CancelKeyDeletionInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if got, err := h.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id}); err != nil ||
		got.KeyMetadata.KeyState != types.KeyStateDisabled || got.KeyMetadata.DeletionDate != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := h.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id,
		PendingWindowInDays: new(int32(7))}); err != nil {
		t.Fatal(err)
	}
	h.later.Store(int64(99 * 24 * time.Hour))
	h.now("key.delete", *id)
	h.until("the deletion", func() bool {
		_, err := h.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		return code(err) == "NotFoundException"
	})
}

// now makes a job due.
func (h *house) now(kind, of string) {
	h.t.Helper()
	h.until("the job "+kind, func() bool {
		ok, err := h.db.RetryJob(h.t.Context(), kind, of)
		if err != nil {
			h.t.Fatal(err)
		}
		if ok {
			return true
		}
		ok, err = h.db.DiscardJob(h.t.Context(), kind, of)
		if err != nil {
			h.t.Fatal(err)
		}
		if !ok {
			return false
		}
		err = h.db.Write(h.t.Context(), func(tx store.Tx) error {
			return tx.Enqueue(h.t.Context(), store.Job{Kind: kind, Key: of})
		})
		return err == nil
	})
}

func (h *house) until(what string, f func() bool) {
	h.t.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); {
		if time.Now().After(end) {
			h.t.Fatalf("%s does not come", what)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx := t.Context()
	for _, in := range []kms.CreateKeyInput{{KeySpec: types.KeySpecRsa2048}, {KeyUsage: types.KeyUsageTypeGenerateVerifyMac},
		{MultiRegion: new(true)}, {Origin: types.OriginTypeExternal}} {
		if _, err := h.CreateKey(ctx, &in); code(err) != "UnsupportedOperationException" {
			t.Errorf("%+v: %v", in, err)
		}
	}
	if _, err := h.CreateKey(ctx, &kms.CreateKeyInput{Policy: new("{")}); code(err) != "MalformedPolicyDocumentException" {
		t.Errorf("%v", err)
	}
	id := h.create()
	if _, err := h.CreateGrant(ctx, &kms.CreateGrantInput{KeyId: id, GranteePrincipal: new("arn:aws:iam::123456789012:user/a"),
		Operations: []types.GrantOperation{types.GrantOperationDecrypt}}); code(err) != "NotImplementedException" {
		t.Errorf("%v", err)
	}
	if got, err := h.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id}); err != nil || len(got.Grants) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := h.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: id}); err != nil || !strings.Contains(*got.Policy, ":root") {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := h.TagResource(ctx, &kms.TagResourceInput{KeyId: id, Tags: []types.Tag{{TagKey: new("a"), TagValue: new("b")}}}); err != nil {
		t.Error(err)
	}
	tags, err := h.service.Tags(ctx, "arn:aws:kms:eu-central-1:123456789012:key/"+*id)
	if err != nil || tags["a"] != "b" {
		t.Errorf("%v, %v", tags, err)
	}
}

// An object that names a key is encrypted with it: with the key disabled it cannot be read.
func TestObjectsUseKeys(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, id := t.Context(), h.create()
	blobs, err := object.NewFolder(t.TempDir(),
		quarantine.Place{Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := object.Open(ctx, h.db, object.Config{Blobs: blobs, Now: time.Now, Keys: key.Objects{Service: h.service}})
	if err != nil {
		t.Fatal(err)
	}
	if err := objects.CreateBucket(ctx, "bucket"); err != nil {
		t.Fatal(err)
	}
	o, err := objects.Put(ctx, "bucket", "k", strings.NewReader("text"), &object.Meta{Encryption: "aws:kms",
		EncryptionKey: *id}, object.Condition{})
	if err != nil || o.Meta.EncryptionKey != "arn:aws:kms:eu-central-1:123456789012:key/"+*id {
		t.Fatalf("%+v, %v", o, err)
	}
	_, f, err := objects.Get(ctx, "bucket", "k", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	_ = f.Close()
	if err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := h.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := objects.Get(ctx, "bucket", "k", ""); awsproto.Code(err) != "DisabledException" {
		t.Errorf("with the key disabled: %v", err)
	}
}

// TestOnPostgreSQL repeats the tests that use the database.
func TestOnPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.OnPostgres(t, map[string]func(*testing.T){
		"EncryptAndDecrypt": TestEncryptAndDecrypt,
		"DataKeys":          TestDataKeys,
		"Aliases":           TestAliases,
		"Time":              TestTime,
		"ObjectsUseKeys":    TestObjectsUseKeys,
	})
}
