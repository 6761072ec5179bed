package s3

import (
	"net/http"
	"slices"
	"strings"

	"slipway/internal/object"
)

// Headers that begin with x-amz- and are used or stored, without that prefix. As at S3, they may be in the query of a
// presigned URL. Other headers with the prefix are refused by name, none is ignored.
var knownHeaders = []string{
	"acl", "api-version", "bucket-object-lock-enabled", "checksum-algorithm", "checksum-crc32", "checksum-crc32c",
	"checksum-crc64nvme",
	"checksum-mode", "checksum-sha1", "checksum-sha256", "checksum-type", "content-sha256", "copy-source",
	"copy-source-if-match",
	"copy-source-if-modified-since", "copy-source-if-none-match", "copy-source-if-unmodified-since",
	"copy-source-range", "date",
	"decoded-content-length", "expected-bucket-owner", "metadata-directive", "mp-object-size", "object-ownership",
	"request-payer",
	"sdk-checksum-algorithm", "security-token", "server-side-encryption", "server-side-encryption-aws-kms-key-id",
	"server-side-encryption-bucket-key-enabled", "source-expected-bucket-owner", "storage-class", "tagging-directive",
	"te", "trailer",
	"user-agent",
}

// authentication lists the members of a presigned URL's query that are not headers.
var authentication = []string{"algorithm", "credential", "date", "expires", "security-token", "signature",
	"signedheaders", "content-sha256"}

// hoist sets the x-amz- members of a presigned query as headers, because presigners move headers to the query.
func (q *request) hoist() {
	if q.sig == nil || !q.sig.Presigned {
		return
	}
	q.Header = q.Header.Clone()
	for name, values := range q.query {
		rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-")
		if ok && !slices.Contains(authentication, rest) && q.Header.Get(name) == "" {
			q.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
}

// refuseHeaders refuses headers that ask for what is not implemented.
func (q *request) refuseHeaders() error {
	for name, values := range q.Header {
		rest, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-")
		if !ok || strings.HasPrefix(rest, "meta-") {
			continue
		}
		if strings.HasPrefix(rest, "grant-") {
			return noACL()
		}
		if !slices.Contains(knownHeaders, rest) {
			return notImplemented(strings.ToLower(name))
		}
		if err := q.refuseValue(rest, values[0]); err != nil {
			return err
		}
	}
	return nil
}

func (q *request) refuseValue(name, value string) error {
	switch name {
	case "acl": // both mean here what is so anyway: the account alone has the object
		if value != "private" && value != "bucket-owner-full-control" {
			return noACL()
		}
	case "expected-bucket-owner", "source-expected-bucket-owner":
		if value != q.h.Account {
			return fail(http.StatusForbidden, "AccessDenied",
				"Access Denied: the bucket's owner is "+q.h.Account+", not "+value+".")
		}
	case "bucket-object-lock-enabled":
		if strings.EqualFold(value, "true") {
			return notImplemented("x-amz-bucket-object-lock-enabled")
		}
	case "object-ownership":
		if value != "BucketOwnerEnforced" {
			return notImplemented("x-amz-object-ownership: " + value)
		}
	case "tagging-directive":
		if value != "COPY" {
			return notImplemented("x-amz-tagging-directive: " + value)
		}
	case "copy-source-if-modified-since", "copy-source-if-unmodified-since":
		if _, err := http.ParseTime(value); err != nil {
			return invalid("x-amz-" + name + " is no date of HTTP")
		}
	}
	return nil
}

func notImplemented(header string) error {
	return fail(http.StatusNotImplemented, "NotImplemented",
		"A header you provided implies functionality that is not implemented: "+header+
			". docs/compatibility.md lists what Slipway's S3 does.")
}

// noACL is S3's answer for buckets whose objects all belong to the bucket's owner, as new ones do.
func noACL() error {
	return fail(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// storageClasses are stored and returned. GLACIER and DEEP_ARCHIVE are refused, because their objects must be restored
// before they can be read.
var storageClasses = []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
	"GLACIER_IR"}

// keptHeaders reads the headers that say how an object is to be stored. They are returned and have no effect.
func (q *request) keptHeaders(m *object.Meta) error {
	m.StorageClass = q.Header.Get("X-Amz-Storage-Class")
	switch {
	case m.StorageClass == "STANDARD":
		m.StorageClass = ""
	case m.StorageClass == "GLACIER", m.StorageClass == "DEEP_ARCHIVE":
		return notImplemented("x-amz-storage-class: " + m.StorageClass)
	case m.StorageClass != "" && !slices.Contains(storageClasses, m.StorageClass):
		return fail(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	m.Encryption, m.EncryptionKey = q.Header.Get("X-Amz-Server-Side-Encryption"), q.Header.Get(
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
	m.BucketKey = strings.EqualFold(q.Header.Get("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"), "true")
	if m.Encryption != "" && !slices.Contains([]string{"AES256", "aws:kms", "aws:kms:dsse"}, m.Encryption) {
		return invalid("The encryption method specified is not supported")
	}
	if m.EncryptionKey != "" && !strings.HasPrefix(m.Encryption, "aws:kms") {
		return invalid(
			"Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : " +
				"aws:kms")
	}
	return nil
}

// tellKept says how an object is kept.
func (q *request) tellKept(m *object.Meta, class bool) {
	h := q.w.Header()
	for name, value := range map[string]string{"X-Amz-Server-Side-Encryption": m.Encryption,
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": m.EncryptionKey} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if m.BucketKey {
		h.Set("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")
	}
	if class && m.StorageClass != "" {
		h.Set("X-Amz-Storage-Class", m.StorageClass)
	}
}

func classOf(m *object.Meta) string {
	if m.StorageClass == "" {
		return "STANDARD"
	}
	return m.StorageClass
}
