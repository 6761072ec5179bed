package s3_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tm "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

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
