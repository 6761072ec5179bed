package s3_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// TestUnsignedHeaders holds that a signature covers what is acted on: a link to upload one object reads no other.
func TestUnsignedHeaders(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.put("secret", "SECRET")
	link, err := s3.NewPresignClient(h.client).PresignPutObject(t.Context(),
		&s3.PutObjectInput{Bucket: new("bucket"), Key: new("up")})
	if err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]int{"X-Amz-Copy-Source": 403, "X-Amz-Meta-A": 403, "Content-Md5": 403,
		"X-Amz-Acl": 403, "Content-Type": 200} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, link.URL, strings.NewReader("mine"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, "/bucket/secret")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want ||
			want == 403 && !strings.Contains(string(text), "which were not signed: "+strings.ToLower(header)) {
			t.Errorf("%s: %d %s", header, resp.StatusCode, text)
		}
	}
	if text, _, err := h.get(&s3.GetObjectInput{Key: new("up")}); err != nil || text != "mine" {
		t.Errorf("the object is %q, %v", text, err)
	}
}

// TestHoistedHeaders holds that what a presigner puts into the query counts as the header that it stands for.
func TestHoistedHeaders(t *testing.T) {
	t.Parallel()
	h := open(t)
	in := &s3.PutObjectInput{Bucket: new("bucket"), Key: new("up"), StorageClass: types.StorageClassStandardIa}
	link, err := s3.NewPresignClient(h.client).PresignPutObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, link.URL, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range link.SignedHeader {
		if name != "Host" {
			r.Header.Set(name, link.SignedHeader.Get(name))
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
	head, err := h.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("bucket"), Key: new("up")})
	if err != nil || head.StorageClass != types.StorageClassStandardIa {
		t.Errorf("%+v, %v; want the storage class that was signed", head, err)
	}
}

// TestNothingDropped holds that a setting is kept and returned, or refused by name.
func TestNothingDropped(t *testing.T) {
	t.Parallel()
	h := open(t)
	put := func(change func(*s3.PutObjectInput)) (*s3.HeadObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x")}
		change(in)
		if _, err := h.client.PutObject(t.Context(), in); err != nil {
			return nil, err
		}
		return h.client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: new("bucket"), Key: new("k")})
	}
	for want, change := range map[string]func(*s3.PutObjectInput){
		"InvalidTag": func(in *s3.PutObjectInput) { in.Tagging = new("aws:a=b") },
		"NotImplemented": func(in *s3.PutObjectInput) {
			in.ServerSideEncryption = types.ServerSideEncryptionAwsKmsDsse
		},
		"AccessControlListNotSupported": func(in *s3.PutObjectInput) { in.ACL = types.ObjectCannedACLPublicRead },
		"AccessDenied":                  func(in *s3.PutObjectInput) { in.ExpectedBucketOwner = new("111111111111") },
		"InvalidStorageClass":           func(in *s3.PutObjectInput) { in.StorageClass = "FAST" },
		"InvalidArgument":               func(in *s3.PutObjectInput) { in.SSEKMSKeyId = new("k") },
	} {
		if _, err := put(change); code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := put(func(in *s3.PutObjectInput) { in.GrantRead = new("uri=x") }); code(
		err) != "AccessControlListNotSupported" {
		t.Errorf("a grant: %v", err)
	}
	if _, err := put(func(in *s3.PutObjectInput) { in.StorageClass = types.StorageClassGlacier }); code(
		err) != "NotImplemented" {
		t.Errorf("a class that must be restored from: %v", err)
	}
	head, err := put(func(in *s3.PutObjectInput) {
		in.ACL, in.StorageClass = types.ObjectCannedACLBucketOwnerFullControl, types.StorageClassOnezoneIa
		in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, new("alias/k")
		in.Metadata, in.Tagging = map[string]string{"commit-id": "abc"}, new("a=b&c=")
	})
	if err != nil || head.StorageClass != types.StorageClassOnezoneIa || *head.SSEKMSKeyId != keyARN("alias/k") ||
		head.Metadata["commit-id"] != "abc" || *head.TagCount != 2 {
		t.Errorf("%+v, %v", head, err)
	}
	elsewhere := &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraintApSouth1}
	in := &s3.CreateBucketInput{Bucket: new("elsewhere"), CreateBucketConfiguration: elsewhere}
	if _, err := h.client.CreateBucket(t.Context(), in); code(err) != "IllegalLocationConstraintException" {
		t.Errorf("another region: %v", err)
	}
}

// TestMetadataNames reads the names as they are on the wire: clients take them as they come.
func TestMetadataNames(t *testing.T) {
	t.Parallel()
	h := open(t)
	in := &s3.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x"),
		Metadata: map[string]string{"Build-ID": "7"}}
	if _, err := h.client.PutObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	link, err := s3.NewPresignClient(h.client).PresignGetObject(t.Context(),
		&s3.GetObjectInput{Bucket: new("bucket"), Key: new("k")})
	if err != nil {
		t.Fatal(err)
	}
	if raw := rawGet(t, link.URL); !strings.Contains(raw, "\r\nx-amz-meta-build-id: 7\r\n") {
		t.Errorf("the answer has no x-amz-meta-build-id in lower case:\n%s", raw)
	}
}

func TestChecksumsReturned(t *testing.T) {
	t.Parallel()
	h := open(t)
	put, err := h.client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("hello"),
			ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	const hello = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
	if err != nil || put.ChecksumSHA256 == nil || *put.ChecksumSHA256 != hello ||
		put.ChecksumType != types.ChecksumTypeFullObject {
		t.Fatalf("put %+v, %v", put, err)
	}
	head := func(key string, mode types.ChecksumMode) *s3.HeadObjectOutput {
		t.Helper()
		out, err := h.client.HeadObject(t.Context(),
			&s3.HeadObjectInput{Bucket: new("bucket"), Key: &key, ChecksumMode: mode})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if out := head("k", types.ChecksumModeEnabled); out.ChecksumSHA256 == nil || *out.ChecksumSHA256 != hello {
		t.Errorf("head %+v", out)
	}
	if out := head("k", ""); out.ChecksumSHA256 != nil {
		t.Errorf("head without the mode has the checksum %s", *out.ChecksumSHA256)
	}
	for _, kind := range []types.ChecksumType{types.ChecksumTypeComposite, types.ChecksumTypeFullObject} {
		key := string(kind)
		sum := multipart(t, h, key, kind)
		if kind == types.ChecksumTypeComposite != strings.HasSuffix(sum, "-2") {
			t.Errorf("%s: %s", kind, sum)
		}
		out := head(key, types.ChecksumModeEnabled)
		if out.ChecksumCRC32 == nil || *out.ChecksumCRC32 != sum || out.ChecksumType != kind {
			t.Errorf("%s: head %+v, want %s", kind, out, sum)
		}
	}
}

// multipart uploads two parts with checksums, and returns the one of the whole.
func multipart(t *testing.T, h *house, key string, kind types.ChecksumType) string {
	t.Helper()
	u, err := h.client.CreateMultipartUpload(t.Context(),
		&s3.CreateMultipartUploadInput{Bucket: new("bucket"), Key: &key,
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, ChecksumType: kind})
	if err != nil || u.ChecksumAlgorithm != types.ChecksumAlgorithmCrc32 {
		t.Fatalf("%+v, %v", u, err)
	}
	var parts []types.CompletedPart
	for i, body := range []string{strings.Repeat("a", 5<<20), "b"} {
		p, err := h.client.UploadPart(t.Context(),
			&s3.UploadPartInput{Bucket: new("bucket"), Key: &key, UploadId: u.UploadId,
				PartNumber: new(int32(i + 1)), Body: strings.NewReader(body),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32})
		if err != nil || p.ChecksumCRC32 == nil {
			t.Fatalf("part %+v, %v", p, err)
		}
		parts = append(parts,
			types.CompletedPart{PartNumber: new(int32(i + 1)), ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32})
	}
	done, err := h.client.CompleteMultipartUpload(t.Context(),
		&s3.CompleteMultipartUploadInput{Bucket: new("bucket"), Key: &key, UploadId: u.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	if err != nil || done.ChecksumCRC32 == nil {
		t.Fatalf("%+v, %v", done, err)
	}
	part, err := h.client.GetObject(t.Context(),
		&s3.GetObjectInput{Bucket: new("bucket"), Key: &key, PartNumber: new(int32(2))})
	if err != nil || *part.PartsCount != 2 || *part.ContentRange != "bytes 5242880-5242880/5242881" {
		t.Errorf("the second part: %+v, %v", part, err)
	} else {
		_ = part.Body.Close()
	}
	return *done.ChecksumCRC32
}

func TestVersionsAnswers(t *testing.T) {
	t.Parallel()
	h := open(t)
	if _, err := h.client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: new("bucket"),
		VersioningConfiguration: &types.VersioningConfiguration{
			Status: types.BucketVersioningStatusEnabled,
		}}); err != nil {
		t.Fatal(err)
	}
	h.put("k", "1")
	marker, err := h.client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: new("bucket"), Key: new("k")})
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{*marker.VersionId: "MethodNotAllowed", "none": "InvalidArgument",
		"00000000-0000-4000-8000-000000000000": "NoSuchVersion"} {
		if _, _, err := h.get(&s3.GetObjectInput{Key: new("k"), VersionId: &version}); code(err) != want {
			t.Errorf("%s: %v, want %s", version, err, want)
		}
	}
	if _, err := h.client.DeleteObject(t.Context(),
		&s3.DeleteObjectInput{Bucket: new("bucket"), Key: new("k"),
			VersionId: new("none")}); code(err) != "InvalidArgument" {
		t.Errorf("a version that can't be is deleted: %v", err)
	}
}

func TestConditionsWithoutQuotes(t *testing.T) {
	t.Parallel()
	h := open(t)
	put, err := h.client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: new("bucket"), Key: new("k"), Body: strings.NewReader("x")})
	if err != nil {
		t.Fatal(err)
	}
	bare := strings.Trim(*put.ETag, `"`)
	if text, _, err := h.get(&s3.GetObjectInput{Key: new("k"), IfMatch: &bare}); err != nil || text != "x" {
		t.Errorf("If-Match: %q, %v", text, err)
	}
	if _, _, err := h.get(&s3.GetObjectInput{Key: new("k"), IfNoneMatch: &bare}); err == nil {
		t.Error("If-None-Match of the ETag that it has: the object was sent")
	}
	copyIf := func(since time.Time) error {
		_, err := h.client.CopyObject(t.Context(),
			&s3.CopyObjectInput{Bucket: new("bucket"), Key: new("c"), CopySource: new("bucket/k"),
				CopySourceIfModifiedSince: &since})
		return err
	}
	if err := copyIf(time.Now().Add(time.Hour)); code(err) != "PreconditionFailed" {
		t.Errorf("a copy of what was not modified since: %v", err)
	}
	if err := copyIf(time.Now().Add(-time.Hour)); err != nil {
		t.Errorf("a copy of what was modified since: %v", err)
	}
}

// rawGet is the answer to a GET as it came over the connection.
func rawGet(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", u.RequestURI(),
		u.Host); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
