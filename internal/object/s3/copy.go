package s3

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slipway/internal/object"
)

// source opens what x-amz-copy-source names, if its conditions hold.
func (q *request) source() (object.Object, interface {
	Read([]byte) (int, error)
	ReadAt([]byte, int64) (int, error)
	Close() error
}, error) {
	path, versionQuery, _ := strings.Cut(q.Header.Get("X-Amz-Copy-Source"), "?versionId=")
	path, err := url.PathUnescape(path)
	bucket, key, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if err != nil || !ok || key == "" {
		return object.Object{}, nil, invalid(
			"Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	if err := q.mayKey("GetObject", bucket, key, versionQuery); err != nil {
		return object.Object{}, nil, err
	}
	o, f, err := q.h.Objects.Get(q.Context(), bucket, key, versionQuery)
	if err != nil {
		return o, nil, err
	}
	if !q.copyConditions(o) {
		_ = f.Close()
		return o, nil, object.ErrPrecondition
	}
	return o, f, nil
}

// copyConditions reports whether the conditions on a copy's source hold ("CopyObject", x-amz-copy-source-if-*).
func (q *request) copyConditions(o object.Object) bool {
	header := func(name string) string { return q.Header.Get("X-Amz-Copy-Source-If-" + name) }
	match, none := header("Match"), header("None-Match")
	if match != "" && unquoted(match) != o.ETag || none != "" && unquoted(none) == o.ETag {
		return false
	}
	modified := o.Modified.Truncate(time.Second)
	since, err := http.ParseTime(header("Unmodified-Since"))
	if err == nil && match == "" && modified.After(since) {
		return false
	}
	since, err = http.ParseTime(header("Modified-Since"))
	return err != nil || none != "" || modified.After(since)
}

func (q *request) copyObject(meta object.Meta, cond object.Condition) error {
	from, f, err := q.source()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if q.Header.Get("X-Amz-Metadata-Directive") != "REPLACE" {
		toItself := from.Bucket == q.bucket && from.Key == q.key && from.Latest
		if toItself && !q.changesCopy() {
			return errCopyToItself
		}
		meta = withMetadataOf(from.Meta, meta)
	}
	if q.Header.Get("X-Amz-Tagging-Directive") != "REPLACE" {
		meta.Tags = from.Meta.Tags
	}
	cond.Event = "ObjectCreated:Copy"
	if meta.Sums = from.Meta.Sums; from.Meta.SumKind == composite { // of parts that the copy does not have
		meta.Sums, meta.SumKind = nil, ""
	} else {
		meta.SumKind = from.Meta.SumKind
	}
	o, err := q.h.Objects.Put(q.Context(), q.bucket, q.key, f, &meta, cond)
	if err != nil {
		return err
	}
	q.version(o)
	q.tellKept(&o.Meta, false)
	q.xml(http.StatusOK,
		copied{
			XMLName:      xml.Name{Local: "CopyObjectResult"},
			ETag:         quoted(o.ETag),
			LastModified: xmlTime(o.Modified),
			checksumXML:  sumsXML(o.Meta.Sums, o.Meta.SumKind),
		})
	return nil
}

var errCopyToItself = fail(http.StatusBadRequest, "InvalidRequest",
	"This copy request is illegal because it is trying to copy an object to itself without changing the object's "+
		"metadata, storage class, website redirect location or encryption attributes.")

// withMetadataOf returns a source's metadata, with what a copy never takes over as the request asks for it.
func withMetadataOf(source, asked object.Meta) object.Meta {
	m := source
	m.Parts, m.StorageClass, m.ACL, m.Tags = nil, asked.StorageClass, asked.ACL, asked.Tags
	m.Encryption, m.EncryptionKey, m.BucketKey = asked.Encryption, asked.EncryptionKey, asked.BucketKey
	return m
}

// changesCopy reports whether a copy of an object to itself changes how it is stored.
func (q *request) changesCopy() bool {
	for _, name := range []string{"X-Amz-Storage-Class", "X-Amz-Server-Side-Encryption"} {
		if q.Header.Get(name) != "" {
			return true
		}
	}
	return false
}

type copied struct {
	XMLName      xml.Name
	ETag         string
	LastModified xmlTime
	checksumXML
}
