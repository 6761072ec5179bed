package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
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
	"slipway/internal/store/storetest"
)

const (
	region = "eu-central-1"
	keyID  = "AKIATEST"
	secret = "secret"
)

type house struct {
	t      *testing.T
	db     *store.Store
	url    string
	client *s3.Client
	dir    string
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, object.Migrations()), dir: t.TempDir()}
	blobs, err := object.NewFolder(h.dir,
		quarantine.Place{Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := object.Open(t.Context(), h.db, object.Config{Blobs: blobs, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Work(t, h.db)
	server := httptest.NewServer(&face.Handler{Objects: objects, Region: region, Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
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
