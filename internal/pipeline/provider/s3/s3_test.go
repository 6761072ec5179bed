package s3_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/provider/s3"
	"slipway/internal/quarantine"
	"slipway/internal/store/storetest"
)

// objects is a real object store with the buckets artifacts and site, and in "versioned" two versions of app.zip. It
// returns the ID of the first.
func objects(t *testing.T) (s *object.Store, first string) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db := storetest.Open(t, object.Migrations())
	aside := quarantine.Place{Dir: t.TempDir(), Now: time.Now, Log: log}
	blobs, err := object.NewFolder(t.TempDir(), aside)
	if err != nil {
		t.Fatal(err)
	}
	s, err = object.Open(t.Context(), db, object.Config{Blobs: blobs, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"artifacts", "site", "versioned"} {
		if err := s.CreateBucket(t.Context(), bucket); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetVersioning(t.Context(), "versioned", "Enabled"); err != nil {
		t.Fatal(err)
	}
	first = put(t, s, "versioned", "app.zip", "one").Version
	put(t, s, "versioned", "app.zip", "two")
	put(t, s, "versioned", "other.zip", "other")
	return s, first
}

func put(t *testing.T, s *object.Store, bucket, key, content string) object.Object {
	t.Helper()
	o, err := s.Put(t.Context(), bucket, key, strings.NewReader(content), &object.Meta{}, object.Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func content(t *testing.T, s *object.Store, bucket, key string) string {
	t.Helper()
	_, f, err := s.Get(t.Context(), bucket, key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func artifact(name string) []cp.ArtifactDetail {
	return []cp.ArtifactDetail{{
		Name:       &name,
		S3location: &cp.S3Location{Bucket: new("artifacts"), Key: &name},
	}}
}

func refused(t *testing.T, err error, code, says string) {
	t.Helper()
	r, ok := errors.AsType[*pipeline.Refusal](err)
	if !ok || r.Code != code || !strings.Contains(r.Message, says) {
		t.Errorf("err = %v, want a refusal %s that says %q", err, code, says)
	}
}

func TestSourceTakesTheNewestVersionOrTheOneAskedFor(t *testing.T) {
	t.Parallel()
	s, first := objects(t)
	for name, c := range map[string]struct {
		overrides []cp.SourceRevisionOverride
		want      string
	}{
		"the newest": {nil, "two"},
		"a version": {[]cp.SourceRevisionOverride{{
			RevisionType: cp.SourceRevisionTypeS3ObjectVersionId, RevisionValue: &first}}, "one"},
		"a key": {[]cp.SourceRevisionOverride{{
			RevisionType: cp.SourceRevisionTypeS3ObjectKey, RevisionValue: new("other.zip")}}, "other"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := (&s3.Source{Objects: s}).Start(t.Context(), &pipeline.Action{
				Configuration: map[string]string{"S3Bucket": "versioned", "S3ObjectKey": "app.zip"},
				Outputs:       artifact("out"),
				Overrides:     c.overrides,
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := content(t, s, "artifacts", "out"); got != c.want {
				t.Errorf("the artifact holds %q, want %q", got, c.want)
			}
			if r := o.Result.Revision; r.ID == "" || o.Result.Variables["VersionId"] != r.ID {
				t.Errorf("revision %+v, variables %v, want the version in both", r, o.Result.Variables)
			}
		})
	}
}

func TestSourceRefuses(t *testing.T) {
	t.Parallel()
	s, _ := objects(t)
	start := func(bucket, key string) error {
		_, err := (&s3.Source{Objects: s}).Start(t.Context(), &pipeline.Action{
			Configuration: map[string]string{"S3Bucket": bucket, "S3ObjectKey": key},
			Outputs:       artifact("out"),
		})
		return err
	}
	refused(t, start("nowhere", "x"), "InvalidActionConfiguration", "aws s3 mb s3://nowhere")
	refused(t, start("site", "x"), "InvalidActionConfiguration", "must keep versions")
	refused(t, start("versioned", "x"), "RevisionUnavailable", "s3://versioned/x does not exist")
}

func TestSourceTakesAnotherKeyOnlyIfItMay(t *testing.T) {
	t.Parallel()
	a := &cp.ActionDeclaration{
		Name:          new("Take"),
		ActionTypeId:  (&s3.Source{}).Types()[0].ID(),
		Configuration: map[string]string{},
	}
	key := cp.SourceRevisionOverride{RevisionType: cp.SourceRevisionTypeS3ObjectKey}
	refused(t, (&s3.Source{}).Override(a, key), "ValidationException", "AllowOverrideForS3ObjectKey is not true")
	a.Configuration["AllowOverrideForS3ObjectKey"] = "True"
	if err := (&s3.Source{}).Override(a, key); err != nil {
		t.Error(err)
	}
	commit := cp.SourceRevisionOverride{RevisionType: cp.SourceRevisionTypeCommitId}
	refused(t, (&s3.Source{}).Override(a, commit), "ValidationException", "no revisions of type COMMIT_ID")
}

// zipped is an archive of files, by path.
func zipped(t *testing.T, paths ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, path := range paths {
		f, err := w.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Store})
		if err == nil && !strings.HasSuffix(path, "/") {
			_, err = io.WriteString(f, "content of "+path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func deploy(ctx context.Context, s *object.Store, configuration map[string]string) error {
	_, err := (&s3.Deploy{Objects: s}).Start(ctx, &pipeline.Action{
		Configuration: configuration,
		Inputs:        artifact("in"),
	})
	return err
}

func TestDeployUnpacksOrCopies(t *testing.T) {
	t.Parallel()
	s, _ := objects(t)
	archive := zipped(t, "css/", "css/site.css", "index.html")
	put(t, s, "artifacts", "in", archive)
	if err := deploy(t.Context(), s, map[string]string{"BucketName": "site", "Extract": "true", "ObjectKey": "v1",
		"CacheControl": "max-age=60"}); err != nil {
		t.Fatal(err)
	}
	o, err := s.Stat(t.Context(), "site", "v1/css/site.css", "")
	if err != nil || o.Meta.CacheControl != "max-age=60" || !strings.HasPrefix(o.Meta.ContentType, "text/css") {
		t.Errorf("site.css: %+v, %v", o.Meta, err)
	}
	if got := content(t, s, "site", "v1/index.html"); got != "content of index.html" {
		t.Errorf("index.html holds %q", got)
	}
	if err := deploy(t.Context(), s, map[string]string{"BucketName": "site", "Extract": "false",
		"ObjectKey": "whole.zip"}); err != nil {
		t.Fatal(err)
	}
	if content(t, s, "site", "whole.zip") != archive {
		t.Error("the whole artifact differs from what was deployed")
	}
}

func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	s, _ := objects(t)
	unpack := map[string]string{"BucketName": "site", "Extract": "true"}
	refused(t, deploy(t.Context(), s, unpack), "RevisionUnavailable", "bucket artifacts")
	put(t, s, "artifacts", "in", "no zip")
	refused(t, deploy(t.Context(), s, unpack), "InvalidArtifact", "is no zip")
	put(t, s, "artifacts", "in", zipped(t, "../../etc/passwd"))
	refused(t, deploy(t.Context(), s, unpack), "InvalidArtifact", "which leaves it")
	put(t, s, "artifacts", "in", strings.Replace(zipped(t, "a"), "content of a", "content of b", 1))
	refused(t, deploy(t.Context(), s, unpack), "InvalidArtifact", "checksum")
	put(t, s, "artifacts", "in", zipped(t, "a"))
	nowhere := map[string]string{"BucketName": "nowhere", "Extract": "true"}
	refused(t, deploy(t.Context(), s, nowhere), "InvalidActionConfiguration", "aws s3 mb s3://nowhere")

	for key, value := range map[string]string{"CannedACL": "public-read", "KMSEncryptionKeyARN": "arn"} {
		a := &cp.ActionDeclaration{Configuration: map[string]string{key: value}}
		if got := (&s3.Deploy{}).Unsupported(a); !strings.HasPrefix(got, key) {
			t.Errorf("%s is supported: %q", key, got)
		}
	}
}
