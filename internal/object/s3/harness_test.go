package s3_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/internal/object"
	face "slipway/internal/object/s3"
	"slipway/internal/quarantine"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

const (
	region = "eu-central-1"
	keyID  = "AKIATEST"
	secret = "secret"
	// otherRegion is one whose signatures are accepted, and where no bucket is.
	otherRegion = "eu-west-1"
)

type house struct {
	t       *testing.T
	db      *store.Store
	objects *object.Store
	url     string
	client  *s3.Client
	dir     string
	keys    *keys
	told    chan [2]string // topics with their messages
}

// keys are data keys under keys that can be disabled.
type keys struct {
	mu       sync.Mutex
	made     map[string]object.DataKey
	disabled map[string]bool
}

func keyARN(name string) string { return "arn:aws:kms:" + region + ":123456789012:" + name }

var errDisabled = &awsproto.Error{Code: "DisabledException", Message: "the key is disabled"}

func (k *keys) DataKey(_ context.Context, key string, bound map[string]string) (object.DataKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key == "" {
		key = "alias/aws/s3"
	}
	if k.disabled[key] {
		return object.DataKey{}, errDisabled
	}
	d := object.DataKey{Plain: make([]byte, 32), KeyARN: keyARN(key)}
	_, _ = rand.Read(d.Plain)
	d.Sealed = key + "|" + fmt.Sprint(bound) + "|" + rand.Text()
	k.made[d.Sealed] = d
	return d, nil
}

func (k *keys) OpenDataKey(_ context.Context, sealed string, bound map[string]string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, rest, _ := strings.Cut(sealed, "|")
	if k.disabled[key] || !strings.HasPrefix(rest, fmt.Sprint(bound)) {
		return nil, errDisabled
	}
	return k.made[sealed].Plain, nil
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, object.Migrations()), dir: t.TempDir(), told: make(chan [2]string, 10),
		keys: &keys{made: map[string]object.DataKey{}, disabled: map[string]bool{}}}
	sealer, err := seal.Open(t.TempDir() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := object.NewFolder(h.dir,
		quarantine.Place{Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := object.Open(t.Context(), h.db, object.Config{Blobs: blobs, Now: time.Now, Seal: sealer, Keys: h.keys})
	if err != nil {
		t.Fatal(err)
	}
	h.objects = objects
	storetest.Work(t, h.db)
	server := httptest.NewServer(&face.Handler{Objects: objects, Region: region, Account: "123456789012", Now: time.Now,
		Log:     slog.New(slog.DiscardHandler),
		Regions: func(other string) bool { return other == otherRegion },
		Notify: func(_ context.Context, _, topic, message string) error {
			if !strings.HasSuffix(topic, ":topic") {
				return errors.New("no such topic")
			}
			h.told <- [2]string{topic, message}
			return nil
		},
		Lookup: func(_ context.Context, id, _ string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: secret}, id == keyID, nil
		},
		Caller: func(_ context.Context, id, _ string) (awsproto.Caller, error) {
			return awsproto.Caller{Name: "alice"}, nil
		},
		Authorize: func(_ context.Context, r face.Right) error {
			if r.Bucket == "forbidden" {
				return &awsproto.Error{Code: "AccessDenied", Message: "not authorized: s3:" + r.Action}
			}
			return nil
		}})
	t.Cleanup(server.Close)
	h.url = server.URL
	h.client = h.as(keyID, secret)
	h.make("bucket")
	return h
}

func (h *house) as(id, secret string) *s3.Client {
	return s3.New(s3.Options{Region: region, BaseEndpoint: &h.url, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""), RetryMaxAttempts: 1})
}

func (h *house) make(bucket string) {
	h.t.Helper()
	if _, err := h.client.CreateBucket(h.t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) put(key, content string) *s3.PutObjectOutput {
	h.t.Helper()
	out, err := h.client.PutObject(h.t.Context(),
		&s3.PutObjectInput{Bucket: new("bucket"), Key: &key, Body: strings.NewReader(content)})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) get(in *s3.GetObjectInput) (string, *s3.GetObjectOutput, error) {
	h.t.Helper()
	in.Bucket = new("bucket")
	out, err := h.client.GetObject(h.t.Context(), in)
	if err != nil {
		return "", nil, err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text), out, nil
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}
