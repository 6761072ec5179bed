package s3_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

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
		&s3.GetBucketAclInput{Bucket: new("bucket")}); code(err) != "NoSuchBucket" {
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
