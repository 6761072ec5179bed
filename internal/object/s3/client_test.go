package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tm "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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
		Lookup: func(_ context.Context, id string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: secret}, id == keyID, nil
		},
		Caller: func(_ context.Context, id string) (awsproto.Caller, error) {
			return awsproto.Caller{Name: "alice"}, nil
		},
		Authorize: func(_ context.Context, operation, bucket, key, version string) error {
			if bucket == "forbidden" {
				return fmt.Errorf("not authorized: s3:%s", operation)
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

func TestObjects(t *testing.T) {
	t.Parallel()
	h := open(t)
	const key = "a b/ü+&=?#%.txt"
	in := &s3.PutObjectInput{Bucket: new("bucket"), Key: new(key), Body: strings.NewReader("hello"),
		ContentType: new("text/plain"), CacheControl: new("no-store"), Metadata: map[string]string{"who": "me"}}
	put, err := h.client.PutObject(t.Context(), in)
	if err != nil || *put.ETag != `"5d41402abc4b2a76b9719d911017c592"` {
		t.Fatalf("%+v, %v", put, err)
	}
	text, got, err := h.get(&s3.GetObjectInput{Key: new(key)})
	if err != nil || text != "hello" || *got.ContentType != "text/plain" || *got.CacheControl != "no-store" ||
		got.Metadata["who"] != "me" || *got.ContentLength != 5 {
		t.Errorf("%q, %+v, %v", text, got, err)
	}
	for r, want := range map[string]string{"bytes=1-3": "ell", "bytes=-2": "lo", "bytes=3-": "lo", "bytes=0-0": "h"} {
		if text, out, err := h.get(&s3.GetObjectInput{Key: new(key), Range: &r}); err != nil || text != want ||
			out.ContentRange == nil {
			t.Errorf("%s: %q, %v", r, text, err)
		}
	}
	if _, _, err := h.get(&s3.GetObjectInput{Key: new(key), Range: new("bytes=9-")}); code(err) != "InvalidRange" {
		t.Errorf("beyond the end: %v", err)
	}
	if _, _, err := h.get(&s3.GetObjectInput{Key: new(key),
		IfMatch: new(`"other"`)}); code(err) != "PreconditionFailed" {
		t.Errorf("if-match: %v", err)
	}
	if _, _, err := h.get(&s3.GetObjectInput{Key: new(key), IfNoneMatch: put.ETag}); err == nil {
		t.Error("if-none-match of its own ETag was answered")
	}
	in.Body, in.IfNoneMatch = strings.NewReader("2"), new("*")
	if _, err := h.client.PutObject(t.Context(), in); code(err) != "PreconditionFailed" {
		t.Errorf("written although it was there: %v", err)
	}
	in.Body, in.IfNoneMatch, in.IfMatch = strings.NewReader("2"), nil, put.ETag
	if _, err := h.client.PutObject(t.Context(), in); err != nil {
		t.Errorf("if-match write: %v", err)
	}
	if _, err := h.client.CopyObject(t.Context(),
		&s3.CopyObjectInput{Bucket: new("bucket"), Key: new("copy"),
			CopySource: new("bucket/a%20b/%C3%BC%2B%26%3D%3F%23%25.txt")}); err != nil {
		t.Errorf("copy: %v", err)
	}
	if text, got, err := h.get(&s3.GetObjectInput{Key: new("copy")}); err != nil || text != "2" ||
		got.Metadata["who"] != "me" {
		t.Errorf("copied %q, %v", text, err)
	}
	if _, err := h.client.HeadObject(t.Context(),
		&s3.HeadObjectInput{Bucket: new("bucket"), Key: new("none")}); code(err) != "NotFound" {
		t.Errorf("head of nothing: %v", err)
	}
	if _, _, err := h.get(&s3.GetObjectInput{Key: new("none")}); code(err) != "NoSuchKey" {
		t.Errorf("get of nothing: %v", err)
	}
	if _, err := h.client.DeleteBucket(t.Context(),
		&s3.DeleteBucketInput{Bucket: new("bucket")}); code(err) != "BucketNotEmpty" {
		t.Errorf("delete of a full bucket: %v", err)
	}
	del, err := h.client.DeleteObjects(t.Context(),
		&s3.DeleteObjectsInput{Bucket: new("bucket"),
			Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: new(key)}, {Key: new("copy")},
				{Key: new("none")}}}})
	if err != nil || len(del.Deleted) != 3 {
		t.Errorf("%+v, %v", del, err)
	}
	if _, err := h.client.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: new("bucket")}); err != nil {
		t.Errorf("delete of an empty bucket: %v", err)
	}
	if _, err := h.client.GetBucketAcl(t.Context(),
		&s3.GetBucketAclInput{Bucket: new("bucket")}); code(err) != "NotImplemented" {
		t.Errorf("acl: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	for want, c := range map[string]*s3.Client{"InvalidAccessKeyId": h.as("AKIAOTHER", secret),
		"SignatureDoesNotMatch": h.as(keyID, "wrong"),
		"AuthorizationHeaderMalformed": s3.New(s3.Options{Region: "us-west-2", BaseEndpoint: &h.url, UsePathStyle: true,
			Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, "")})} {
		if _, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{}); code(err) != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := h.client.ListObjectsV2(t.Context(),
		&s3.ListObjectsV2Input{Bucket: new("forbidden")}); code(err) != "AccessDenied" {
		t.Errorf("forbidden: %v", err)
	}
	h.put("x", "x")
	if _, err := h.client.CopyObject(t.Context(),
		&s3.CopyObjectInput{Bucket: new("bucket"), Key: new("y"),
			CopySource: new("forbidden/x")}); code(err) != "AccessDenied" {
		t.Errorf("copy from where one may not read: %v", err)
	}
	resp, err := http.Get(h.url + "/bucket/x")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Content-Security-Policy") != "sandbox" ||
		resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	h := open(t)
	var keys []string
	for _, k := range []string{"a", "a/1", "a/2", "a/b/3", "a0", "b", "z z", "ü/x"} {
		h.put(k, k)
		keys = append(keys, k)
	}
	for _, size := range []int32{1, 2, 3, 1000} {
		var got, folders []string
		p := s3.NewListObjectsV2Paginator(h.client, &s3.ListObjectsV2Input{Bucket: new("bucket"), MaxKeys: &size})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				got = append(got, *o.Key)
			}
		}
		if !slices.Equal(got, keys) {
			t.Errorf("pages of %d: %v", size, got)
		}
		got = nil
		p = s3.NewListObjectsV2Paginator(h.client,
			&s3.ListObjectsV2Input{Bucket: new("bucket"), MaxKeys: &size, Delimiter: new("/")})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page.Contents {
				got = append(got, *o.Key)
			}
			for _, f := range page.CommonPrefixes {
				folders = append(folders, *f.Prefix)
			}
		}
		if !slices.Equal(got, []string{"a", "a0", "b", "z z"}) || !slices.Equal(folders, []string{"a/", "ü/"}) {
			t.Errorf("pages of %d by folder: %v %v", size, got, folders)
		}
	}
	v1, err := h.client.ListObjects(t.Context(),
		&s3.ListObjectsInput{Bucket: new("bucket"), Prefix: new("a/"), MaxKeys: aws.Int32(2)})
	if err != nil || len(v1.Contents) != 2 || !*v1.IsTruncated {
		t.Errorf("%+v, %v", v1, err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.put("k", "null")
	if _, err := h.client.PutBucketVersioning(t.Context(),
		&s3.PutBucketVersioningInput{Bucket: new("bucket"),
			VersioningConfiguration: &types.VersioningConfiguration{
				Status: types.BucketVersioningStatusEnabled,
			}}); err != nil {
		t.Fatal(err)
	}
	v1, v2 := h.put("k", "one"), h.put("k", "two")
	if v1.VersionId == nil || v2.VersionId == nil || *v1.VersionId == *v2.VersionId {
		t.Fatalf("%v %v", v1.VersionId, v2.VersionId)
	}
	for want, id := range map[string]*string{"one": v1.VersionId, "two": nil, "null": new("null")} {
		if text, _, err := h.get(&s3.GetObjectInput{Key: new("k"), VersionId: id}); err != nil || text != want {
			t.Errorf("%q, want %q, %v", text, want, err)
		}
	}
	del, err := h.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")})
	if err != nil || del.DeleteMarker == nil || !*del.DeleteMarker {
		t.Fatalf("%+v, %v", del, err)
	}
	if _, _, err := h.get(&s3.GetObjectInput{Key: new("k")}); code(err) != "NoSuchKey" {
		t.Errorf("deleted: %v", err)
	}
	list, err := h.client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: new("bucket")})
	if err != nil || len(list.Versions) != 3 || len(list.DeleteMarkers) != 1 || !*list.DeleteMarkers[0].IsLatest {
		t.Errorf("%+v, %v", list, err)
	}
	// Without the marker the version before it is the latest again.
	if _, err := h.client.DeleteObject(t.Context(),
		&s3.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"), VersionId: del.VersionId}); err != nil {
		t.Fatal(err)
	}
	if text, _, err := h.get(&s3.GetObjectInput{Key: new("k")}); err != nil || text != "two" {
		t.Errorf("%q, %v", text, err)
	}
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestTransferManagers moves a large object with both managers of the SDK, whose parts go and come several at a time.
func TestTransferManagers(t *testing.T) {
	t.Parallel()
	h := open(t)
	content := random(t, 18<<20+17)
	if _, err := manager.NewUploader(h.client).Upload(t.Context(),
		&s3.PutObjectInput{Bucket: new("bucket"), Key: new("old"),
			Body: struct{ io.Reader }{bytes.NewReader(content)}}); err != nil {
		t.Fatal(err)
	}
	into := manager.NewWriteAtBuffer(nil)
	if _, err := manager.NewDownloader(h.client).Download(t.Context(), into,
		&s3.GetObjectInput{Bucket: new("bucket"), Key: new("old")}); err != nil || !bytes.Equal(into.Bytes(), content) {
		t.Errorf("the older manager: %d bytes, %v", len(into.Bytes()), err)
	}
	m := transfermanager.New(h.client)
	if _, err := m.UploadObject(t.Context(),
		&transfermanager.UploadObjectInput{Bucket: new("bucket"), Key: new("new"),
			Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
	at := tm.NewWriteAtBuffer(nil)
	if _, err := m.DownloadObject(t.Context(),
		&transfermanager.DownloadObjectInput{Bucket: new("bucket"), Key: new("new"), WriterAt: at}); err != nil ||
		!bytes.Equal(at.Bytes(), content) {
		t.Errorf("the newer manager: %d bytes, %v", len(at.Bytes()), err)
	}
	if up, err := h.client.ListMultipartUploads(t.Context(),
		&s3.ListMultipartUploadsInput{Bucket: new("bucket")}); err != nil || len(up.Uploads) != 0 {
		t.Errorf("%+v, %v", up, err)
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	h := open(t)
	start, err := h.client.CreateMultipartUpload(t.Context(),
		&s3.CreateMultipartUploadInput{Bucket: new("bucket"), Key: new("big"), ContentType: new("text/x")})
	if err != nil {
		t.Fatal(err)
	}
	const size = 5 << 20 // the least of a part that is not the last
	var parts []types.CompletedPart
	for n := int32(1); n <= 3; n++ {
		out, err := h.client.UploadPart(t.Context(),
			&s3.UploadPartInput{Bucket: new("bucket"), Key: new("big"), UploadId: start.UploadId, PartNumber: &n,
				Body: strings.NewReader(strings.Repeat(fmt.Sprint(n), size))})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: &n, ETag: out.ETag})
	}
	again, err := h.client.UploadPart(t.Context(),
		&s3.UploadPartInput{Bucket: new("bucket"), Key: new("big"), UploadId: start.UploadId, PartNumber: new(int32(2)),
			Body: strings.NewReader("two" + strings.Repeat("2", size))})
	if err != nil {
		t.Fatal(err)
	}
	done := &s3.CompleteMultipartUploadInput{Bucket: new("bucket"), Key: new("big"), UploadId: start.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}
	if _, err := h.client.CompleteMultipartUpload(t.Context(), done); code(err) != "InvalidPart" {
		t.Errorf("a part that was replaced: %v", err)
	}
	parts[1].ETag = again.ETag
	slices.Reverse(parts)
	if _, err := h.client.CompleteMultipartUpload(t.Context(), done); code(err) != "InvalidPart" &&
		code(err) != "InvalidPartOrder" {
		t.Errorf("out of order: %v", err)
	}
	slices.Reverse(parts)
	if list, err := h.client.ListParts(t.Context(),
		&s3.ListPartsInput{Bucket: new("bucket"), Key: new("big"), UploadId: start.UploadId}); err != nil ||
		len(list.Parts) != 3 {
		t.Errorf("%+v, %v", list, err)
	}
	out, err := h.client.CompleteMultipartUpload(t.Context(), done)
	if err != nil || !strings.HasSuffix(*out.ETag, `-3"`) {
		t.Fatalf("%+v, %v", out, err)
	}
	if text, got, err := h.get(&s3.GetObjectInput{Key: new("big")}); err != nil ||
		text != strings.Repeat("1", size)+"two"+strings.Repeat("2", size)+strings.Repeat("3", size) ||
		*got.ContentType != "text/x" {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if _, err := h.client.AbortMultipartUpload(t.Context(),
		&s3.AbortMultipartUploadInput{Bucket: new("bucket"), Key: new("big"),
			UploadId: start.UploadId}); code(err) != "NoSuchUpload" {
		t.Errorf("abort of what is complete: %v", err)
	}
}

// TestChecksums sends bodies in each way that the SDK knows.
func TestChecksums(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, a := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c,
		types.ChecksumAlgorithmCrc64nvme, types.ChecksumAlgorithmSha1, types.ChecksumAlgorithmSha256} {
		in := &s3.PutObjectInput{Bucket: new("bucket"), Key: new(string(a)), Body: strings.NewReader("x"),
			ChecksumAlgorithm: a}
		if _, err := h.client.PutObject(t.Context(), in); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	if _, err := h.client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: new("bucket"), Key: new("bad"), Body: strings.NewReader("x"),
			ChecksumSHA256: new("LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=")}); code(err) != "BadDigest" &&
		code(err) != "XAmzContentChecksumMismatch" {
		t.Errorf("a wrong checksum: %v", err)
	}
	if _, err := h.client.HeadObject(t.Context(),
		&s3.HeadObjectInput{Bucket: new("bucket"), Key: new("bad")}); err == nil {
		t.Error("an object with a wrong checksum is there")
	}
}

func TestPresigned(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.put("k", "content")
	p := s3.NewPresignClient(h.client)
	u, err := p.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: new("bucket"), Key: new("k")},
		s3.WithPresignExpires(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(method, url, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, text := fetch(http.MethodGet, u.URL, ""); status != 200 || text != "content" {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := fetch(http.MethodGet, strings.Replace(u.URL, "/k?", "/other?", 1), ""); status != 403 {
		t.Errorf("another key: %d", status)
	}
	if status, _ := fetch(http.MethodDelete, u.URL, ""); status != 403 {
		t.Errorf("another method: %d", status)
	}
	if status, _ := fetch(http.MethodGet, strings.Replace(u.URL, "X-Amz-Expires=60", "X-Amz-Expires=600", 1),
		""); status != 403 {
		t.Errorf("a longer life: %d", status)
	}
	w, err := p.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: new("bucket"), Key: new("up")})
	if err != nil {
		t.Fatal(err)
	}
	if status, text := fetch(http.MethodPut, w.URL, "sent"); status != 200 {
		t.Errorf("%d %s", status, text)
	}
	if text, _, err := h.get(&s3.GetObjectInput{Key: new("up")}); err != nil || text != "sent" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestCLI drives the aws CLI as people do.
func TestCLI(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skipf("SKIPPED: no aws CLI here. Install it with: pip install awscli")
	}
	h := open(t)
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "aws", append([]string{"--endpoint-url", h.url}, args...)...)
		c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret,
			"AWS_DEFAULT_REGION="+region, "AWS_CONFIG_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.MkdirAll(filepath.Join(dir, "in", "sub dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"in/small": []byte("small"), "in/sub dir/a+b é.txt": []byte("odd"),
		"in/big": random(t, 9<<20)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run("s3", "sync", filepath.Join(dir, "in"), "s3://bucket/tree", "--only-show-errors")
	if out := run("s3", "ls", "--recursive", "s3://bucket/tree/"); strings.Count(out, "\n") != 2 ||
		!strings.Contains(out, "tree/sub dir/a+b é.txt") {
		t.Errorf("ls: %s", out)
	}
	if out := run("s3", "sync", filepath.Join(dir, "in"), "s3://bucket/tree"); out != "" {
		t.Errorf("a second sync did: %s", out)
	}
	run("s3", "sync", "s3://bucket/tree", filepath.Join(dir, "out"), "--only-show-errors")
	for _, name := range []string{"small", "sub dir/a+b é.txt", "big"} {
		a, err1 := os.ReadFile(filepath.Join(dir, "in", name))
		b, err2 := os.ReadFile(filepath.Join(dir, "out", name))
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s came back otherwise: %v", name, errors.Join(err1, err2))
		}
	}
	resp, err := http.Get(run("s3", "presign", "s3://bucket/tree/small"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || string(text) != "small" {
		t.Errorf("presigned: %s, %v", text, err)
	}
	run("s3", "rm", "--recursive", "s3://bucket", "--only-show-errors")
	run("s3", "rb", "s3://bucket")
}
