package s3_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// stored returns the bytes of all blobs.
func (h *house) stored() string {
	h.t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(h.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all.String()
}

// Objects that ask for encryption are encrypted at rest, come back whole and in ranges, and with the key disabled do not
// come back.
func TestEncryptedObjects(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 300_000} {
		for _, sse := range []types.ServerSideEncryption{types.ServerSideEncryptionAes256,
			types.ServerSideEncryptionAwsKms} {
			content := bytes.Repeat([]byte("secret "), size/7+1)[:size]
			in := &s3.PutObjectInput{Bucket: b, Key: new("k"), Body: bytes.NewReader(content), ServerSideEncryption: sse}
			plain, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: new("plain"), Body: bytes.NewReader(content)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: new("plain")}); err != nil {
				t.Fatal(err)
			}
			put, err := c.PutObject(ctx, in)
			if err != nil || put.ServerSideEncryption != sse || *put.ETag != *plain.ETag {
				t.Fatalf("%d %s: %+v, %v", size, sse, put, err)
			}
			got, out, err := h.get(&s3.GetObjectInput{Key: new("k")})
			if err != nil || got != string(content) || *out.ContentLength != int64(size) {
				t.Fatalf("%d %s: %d bytes come back, %v", size, sse, len(got), err)
			}
			if size > 100 {
				part, _, err := h.get(&s3.GetObjectInput{Key: new("k"),
					Range: new(fmt.Sprintf("bytes=%d-%d", size/2-50, size/2+49))})
				if err != nil || part != string(content[size/2-50:size/2+50]) {
					t.Errorf("%d %s: the range is %q, %v", size, sse, part, err)
				}
			}
		}
	}
	h.put("k", "")
	if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: new("sealed"),
		Body: strings.NewReader("top secret words"), ServerSideEncryption: types.ServerSideEncryptionAwsKms,
		SSEKMSKeyId: new("key/1")}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(h.stored(), "top secret words") {
		t.Error("an encrypted object lies readable in the folder")
	}
	h.keys.disabled["key/1"] = true
	if _, _, err := h.get(&s3.GetObjectInput{Key: new("sealed")}); code(err) != "KMS.DisabledException" {
		t.Errorf("with its key disabled: %v", err)
	}
	if head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: b, Key: new("k")}); err != nil ||
		head.ServerSideEncryption != "" {
		t.Errorf("%+v, %v", head, err)
	}
}

// A bucket's default encryption is for all that is written to it, also copies and multipart uploads.
func TestDefaultEncryption(t *testing.T) {
	t.Parallel()
	h := open(t)
	ctx, c := t.Context(), h.client
	h.put("from", "clear text")
	rule := types.ServerSideEncryptionRule{BucketKeyEnabled: new(true),
		ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: new("key/2")}}
	if _, err := c.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{Bucket: b,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{rule}}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: b})
	if err != nil || *got.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID != "key/2" {
		t.Fatalf("%+v, %v", got, err)
	}
	copied, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: b, Key: new("copy"), CopySource: new("bucket/from")})
	if err != nil || *copied.SSEKMSKeyId != keyARN("key/2") || !*copied.BucketKeyEnabled {
		t.Fatalf("%+v, %v", copied, err)
	}
	if n := strings.Count(h.stored(), "clear text"); n != 1 {
		t.Errorf("the text lies readable %d times in the folder, want once: that of the source", n)
	}
	h.put("put", "other words")
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b, Key: new("up")})
	if err != nil || up.ServerSideEncryption != types.ServerSideEncryptionAwsKms {
		t.Fatalf("%+v, %v", up, err)
	}
	first := strings.Repeat("part words ", 5<<20/11+1)
	var parts []types.CompletedPart
	for n, text := range []string{first, "the end"} {
		p, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: b, Key: new("up"), UploadId: up.UploadId,
			PartNumber: new(int32(n + 1)), Body: strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{PartNumber: new(int32(n + 1)), ETag: p.ETag})
	}
	if strings.Contains(h.stored(), "words") {
		t.Error("what a bucket encrypts by default lies readable in the folder")
	}
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: b, Key: new("up"),
		UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"copy": "clear text", "put": "other words", "up": first + "the end"} {
		if text, _, err := h.get(&s3.GetObjectInput{Key: &key}); err != nil || text != want {
			t.Errorf("%s: %d bytes come back, %v", key, len(text), err)
		}
	}
	if strings.Contains(h.stored(), "words") {
		t.Error("a finished upload lies readable in the folder")
	}
}
