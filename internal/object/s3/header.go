package s3

import (
	"net/http"
	"slices"
	"strings"

	"slipway/internal/object"
	"slipway/internal/object/setting"
)

// Headers that begin with x-amz- and are used or stored, without that prefix. As at S3, they may be in the query of a
// presigned URL. Other headers with the prefix are refused by name, none is ignored.
var knownHeaders = []string{
	"acl", "api-version", "bucket-object-lock-enabled", "checksum-algorithm", "checksum-crc32", "checksum-crc32c",
	"checksum-crc64nvme", "checksum-mode", "checksum-sha1", "checksum-sha256", "checksum-type",
	"confirm-remove-self-bucket-access", "content-sha256", "copy-source", "copy-source-if-match",
	"copy-source-if-modified-since", "copy-source-if-none-match", "copy-source-if-unmodified-since",
	"copy-source-range", "date", "decoded-content-length", "expected-bucket-owner", "grant-full-control", "grant-read",
	"grant-read-acp", "grant-write", "grant-write-acp", "metadata-directive", "mp-object-size", "object-attributes",
	"object-ownership", "request-payer", "sdk-checksum-algorithm", "security-token", "server-side-encryption",
	"server-side-encryption-aws-kms-key-id", "server-side-encryption-bucket-key-enabled",
	"skip-destination-validation", "source-expected-bucket-owner", "storage-class", "tagging", "tagging-directive",
	"te", "trailer", "transition-default-minimum-object-size", "user-agent",
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
	case "expected-bucket-owner", "source-expected-bucket-owner":
		if value != q.h.Account {
			return fail(http.StatusForbidden, "AccessDenied",
				"Access Denied: the bucket's owner is "+q.h.Account+", not "+value+".")
		}
	case "bucket-object-lock-enabled":
		if strings.EqualFold(value, "true") {
			return notImplemented("x-amz-bucket-object-lock-enabled")
		}
	case "tagging-directive":
		if value != "COPY" && value != "REPLACE" {
			return invalid("Unknown tagging directive.")
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

// storageClasses are stored and returned. GLACIER and DEEP_ARCHIVE are refused, because their objects must be restored
// before they can be read.
var storageClasses = []string{"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING",
	"GLACIER_IR"}

// keptHeaders reads the headers that say how an object is to be stored. The storage class and the ACL are kept and
// returned, and have no effect. Without a header the bucket says how the object is encrypted.
func (q *request) keptHeaders(m *object.Meta) error {
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	if m.Tags, err = setting.HeaderTags(q.Header.Get("X-Amz-Tagging")); err != nil {
		return err
	}
	acl, err := q.askedACL(true)
	if err == nil {
		err = allowACL(set, acl)
	}
	if err != nil {
		return err
	}
	if acl != setting.Private {
		m.ACL = acl
	}
	if err := q.class(m); err != nil {
		return err
	}
	return q.encryption(m, set)
}

func (q *request) class(m *object.Meta) error {
	m.StorageClass = q.Header.Get("X-Amz-Storage-Class")
	switch {
	case m.StorageClass == "STANDARD":
		m.StorageClass = ""
	case m.StorageClass == "GLACIER", m.StorageClass == "DEEP_ARCHIVE":
		return notImplemented("x-amz-storage-class: " + m.StorageClass)
	case m.StorageClass != "" && !slices.Contains(storageClasses, m.StorageClass):
		return fail(http.StatusBadRequest, "InvalidStorageClass", "The storage class you specified is not valid")
	}
	return nil
}

// encryption reads how an object is to be encrypted, from the request or else from its bucket's settings.
func (q *request) encryption(m *object.Meta, set object.Settings) error {
	m.Encryption = q.Header.Get("X-Amz-Server-Side-Encryption")
	m.EncryptionKey = q.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
	bucketKey := q.Header.Get("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled")
	if m.Encryption == "" && m.EncryptionKey != "" {
		return invalid(
			"Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : " +
				"aws:kms")
	}
	d, byDefault, err := defaultEncryption(set)
	if err != nil {
		return err
	}
	if m.Encryption == "" {
		m.Encryption, m.EncryptionKey = d.SSEAlgorithm, d.KMSMasterKeyID
	}
	switch m.Encryption {
	case "":
	case setting.AES256:
		if m.EncryptionKey != "" {
			return invalid(
				"Server Side Encryption with AWS KMS managed key requires HTTP header " +
					"x-amz-server-side-encryption : aws:kms")
		}
	case setting.KMS:
		m.BucketKey = byDefault && bucketKey == "" || strings.EqualFold(bucketKey, "true")
		if m.EncryptionKey == "" && d.SSEAlgorithm == setting.KMS {
			m.EncryptionKey = d.KMSMasterKeyID
		}
	case setting.KMSDual:
		return notImplemented("x-amz-server-side-encryption: " + setting.KMSDual)
	default:
		return invalid("The encryption method specified is not supported")
	}
	return nil
}

// defaultEncryption is how a bucket encrypts objects whose request says nothing of it.
func defaultEncryption(set object.Settings) (d setting.DefaultEncryption, bucketKey bool, err error) {
	var e setting.Encryption
	if text, ok := set[object.Encryption]; ok {
		if err := setting.Parse(text, &e); err != nil {
			return d, false, err
		}
	}
	d, bucketKey = e.ByDefault()
	return d, bucketKey, nil
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
