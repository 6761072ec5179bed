package s3

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	"slipway/internal/object"
	"slipway/internal/object/setting"
)

// subresource is a part of a bucket that is read, set and removed by a name in the query.
type subresource struct {
	name             string // in the query
	get, put, remove string // IAM's actions; "" for a method that S3 does not have
	setting          string // where it is kept; "" for one that cannot be set here
	fresh            func() setting.Document
	unset            *Error           // the answer while it is not set, or
	empty            setting.Document // the document while it is not set
}

func notFound(code, message string) *Error { return &Error{http.StatusNotFound, code, message} }

// subresources are those of a bucket that are documents. The others are in bucketOperation.
var subresources = []subresource{
	{
		name: "tagging", get: "GetBucketTagging", put: "PutBucketTagging", remove: "PutBucketTagging",
		setting: object.Tagging, fresh: func() setting.Document { return &setting.Tagging{} },
		unset: notFound("NoSuchTagSet", "The TagSet does not exist"),
	},
	{
		name: "publicAccessBlock", get: "GetBucketPublicAccessBlock", put: "PutBucketPublicAccessBlock",
		remove: "PutBucketPublicAccessBlock", setting: object.PublicAccess,
		fresh: func() setting.Document { return &setting.PublicAccessBlock{} },
		unset: notFound("NoSuchPublicAccessBlockConfiguration",
			"The public access block configuration was not found"),
	},
	{
		name: "encryption", get: "GetEncryptionConfiguration", put: "PutEncryptionConfiguration",
		remove: "PutEncryptionConfiguration", setting: object.Encryption,
		fresh: func() setting.Document { return &setting.Encryption{} },
		unset: notFound("ServerSideEncryptionConfigurationNotFoundError",
			"The server side encryption configuration was not found"),
	},
	{
		name: "ownershipControls", get: "GetBucketOwnershipControls", put: "PutBucketOwnershipControls",
		remove: "PutBucketOwnershipControls", setting: object.Ownership,
		fresh: func() setting.Document { return &setting.Ownership{} },
		unset: notFound("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
	},
	{
		name: "lifecycle", get: "GetLifecycleConfiguration", put: "PutLifecycleConfiguration",
		remove: "PutLifecycleConfiguration", setting: object.LifecycleName,
		fresh: func() setting.Document { return &setting.Lifecycle{} },
		unset: notFound("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
	},
	{
		name: "cors", get: "GetBucketCORS", put: "PutBucketCORS", remove: "PutBucketCORS", setting: object.CORS,
		fresh: func() setting.Document { return &setting.CORS{} },
		unset: notFound("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
	},
	{
		name: "notification", get: "GetBucketNotification", put: "PutBucketNotification",
		setting: object.Notifications, fresh: func() setting.Document { return &setting.Notification{} },
		empty: &setting.Notification{},
	},
	{
		name: "logging", get: "GetBucketLogging", put: "PutBucketLogging", setting: object.Logging,
		fresh: func() setting.Document { return &setting.Logging{} }, empty: &setting.Logging{},
	},
	{
		name: "requestPayment", get: "GetBucketRequestPayment", put: "PutBucketRequestPayment",
		fresh: func() setting.Document { return &setting.RequestPayment{} },
		empty: &setting.RequestPayment{Payer: "BucketOwner"},
	},
	{
		name: "accelerate", get: "GetAccelerateConfiguration", put: "PutAccelerateConfiguration",
		fresh: func() setting.Document { return &setting.Acceleration{} }, empty: &setting.Acceleration{},
	},
	{
		name: "website", get: "GetBucketWebsite", remove: "DeleteBucketWebsite",
		unset: notFound("NoSuchWebsiteConfiguration",
			"The specified bucket does not have a website configuration"),
	},
	{
		name: "replication", get: "GetReplicationConfiguration", remove: "PutReplicationConfiguration",
		unset: notFound("ReplicationConfigurationNotFoundError", "The replication configuration was not found"),
	},
	{
		name: "object-lock", get: "GetBucketObjectLockConfiguration",
		unset: notFound("ObjectLockConfigurationNotFoundError",
			"Object Lock configuration does not exist for this bucket"),
	},
}

// operation returns what a request asks of the sub-resource, or nil.
func (s *subresource) operation(method string) (string, operation) {
	switch {
	case method == http.MethodGet:
		return s.get, func(q *request) error { return q.getSetting(s) }
	case method == http.MethodPut && s.put != "":
		return s.put, func(q *request) error { return q.putSetting(s) }
	case method == http.MethodDelete && s.remove != "":
		return s.remove, func(q *request) error { return q.deleteSetting(s) }
	}
	return method + " ?" + s.name, nil
}

func (q *request) getSetting(s *subresource) error {
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	text, ok := set[s.setting]
	if s.setting == object.LifecycleName && ok {
		q.w.Header().Set(transitionSize, set[object.TransitionSize])
	}
	switch {
	case ok && s.setting != "":
		q.text(http.StatusOK, text)
	case s.unset != nil:
		return s.unset
	default:
		q.text(http.StatusOK, setting.Text(s.empty))
	}
	return nil
}

// text answers with a document that is XML already.
func (q *request) text(status int, document string) {
	q.w.Header().Set("Content-Type", "application/xml")
	q.w.WriteHeader(status)
	_, _ = io.WriteString(q.w, xml.Header+document)
}

func (q *request) deleteSetting(s *subresource) error {
	if err := q.h.Objects.DeleteSettings(q.Context(), q.bucket, s.setting); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// transitionSize is a header of a lifecycle about transitions. There are none, so that it has no effect.
const transitionSize = "X-Amz-Transition-Default-Minimum-Object-Size"

func (q *request) putSetting(s *subresource) error {
	if _, err := q.h.Objects.Bucket(q.Context(), q.bucket); err != nil {
		return err
	}
	text, err := q.whole()
	if err != nil {
		return err
	}
	doc := s.fresh()
	if err := setting.Read(text, doc); err != nil {
		return err
	}
	if s.setting == "" { // what may be set is what is so anyway
		q.w.WriteHeader(http.StatusOK)
		return nil
	}
	set := object.Settings{s.setting: setting.Text(doc)}
	if err := q.checkSetting(doc, set); err != nil {
		return err
	}
	if err := q.h.Objects.PutSettings(q.Context(), q.bucket, set); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// checkSetting does what one kind of document asks for besides.
func (q *request) checkSetting(doc setting.Document, set object.Settings) error {
	switch doc := doc.(type) {
	case *setting.Lifecycle:
		size := q.Header.Get(transitionSize)
		switch size {
		case "":
			size = "all_storage_classes_128K"
		case "all_storage_classes_128K", "varies_by_storage_class":
		default:
			return invalid("Invalid value for the header x-amz-transition-default-minimum-object-size")
		}
		set[object.TransitionSize] = size
		q.w.Header().Set(transitionSize, size)
	case *setting.Ownership:
		return q.checkOwnership(doc)
	case *setting.Notification:
		return q.checkTopics(doc)
	case *setting.Logging:
		if doc.LoggingEnabled == nil {
			return nil
		}
		if _, err := q.h.Objects.Bucket(q.Context(), doc.LoggingEnabled.TargetBucket); err != nil {
			return fail(http.StatusBadRequest, "InvalidTargetBucketForLogging",
				"The target bucket for logging does not exist")
		}
	}
	return nil
}

// checkOwnership refuses to switch ACLs off in a bucket whose ACL grants something to others.
func (q *request) checkOwnership(doc *setting.Ownership) error {
	acl, ok, err := q.h.Objects.Setting(q.Context(), q.bucket, object.ACL)
	if err != nil {
		return err
	}
	if ok && acl != setting.Private && doc.Rules[0].ObjectOwnership == setting.OwnerEnforced {
		return fail(http.StatusBadRequest, "InvalidBucketAclWithObjectOwnership",
			"Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
	}
	return nil
}

// checkTopics has each topic of a notification told that it is one, as S3 does, so that a notification that could not
// be sent is not taken.
func (q *request) checkTopics(doc *setting.Notification) error {
	if strings.EqualFold(q.Header.Get("X-Amz-Skip-Destination-Validation"), "true") {
		return nil
	}
	for _, t := range doc.Topics {
		if q.h.Notify == nil {
			return fail(http.StatusNotImplemented, "NotImplemented", "This server has no topics of SNS.")
		}
		if err := q.h.Notify(q.Context(), q.bucket, t.Topic, testEvent(q.bucket, q.id, q.h.Now())); err != nil {
			return fail(http.StatusBadRequest, "InvalidArgument",
				"Unable to validate the following destination configurations: "+t.Topic+": "+err.Error())
		}
	}
	return nil
}

// whole reads a whole request that is not a large object.
func (q *request) whole() ([]byte, error) {
	b, err := q.body()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(b, maxXML+1))
	if err == nil && len(text) > maxXML {
		err = fail(http.StatusBadRequest, "MalformedXML", "The XML is larger than 2 MiB.")
	}
	return text, err
}

// configurations are the sub-resources of which a bucket may have several. It has none here.
var configurations = []struct{ name, action, list string }{
	{"analytics", "GetAnalyticsConfiguration", "ListBucketAnalyticsConfigurationResult"},
	{"inventory", "GetInventoryConfiguration", "ListInventoryConfigurationsResult"},
	{"metrics", "GetMetricsConfiguration", "ListMetricsConfigurationsResult"},
	{"intelligent-tiering", "GetIntelligentTieringConfiguration",
		"ListBucketIntelligentTieringConfigurationsOutput"},
}

// noConfigurations answers for one of them, or for the list.
func (q *request) noConfigurations(list string) error {
	if _, err := q.h.Objects.Bucket(q.Context(), q.bucket); err != nil {
		return err
	}
	if q.query.Has("id") {
		return notFound("NoSuchConfiguration", "The specified configuration does not exist.")
	}
	q.xml(http.StatusOK, struct {
		XMLName     xml.Name
		Xmlns       string `xml:"xmlns,attr"`
		IsTruncated bool
	}{XMLName: xml.Name{Local: list}, Xmlns: namespace})
	return nil
}

// ResourcePolicy is the policy of a bucket, for those who decide by it. arn may name the bucket or an object.
func (h *Handler) ResourcePolicy(ctx context.Context, arn string) (text string, ok bool, err error) {
	bucket, ok := bucketOf(arn)
	if !ok {
		return "", false, nil
	}
	return h.Objects.Setting(ctx, bucket, object.Policy)
}

// Tags are the tags of a bucket, or of the latest version of an object.
func (h *Handler) Tags(ctx context.Context, arn string) (map[string]string, error) {
	bucket, ok := bucketOf(arn)
	if !ok {
		return nil, nil
	}
	var tags []setting.Tag
	_, key, isObject := strings.Cut(strings.TrimPrefix(arn, bucketARN), "/")
	if isObject {
		o, err := h.Objects.Stat(ctx, bucket, key, "")
		if err != nil {
			return nil, nil // nothing is said of what is not there
		}
		tags = o.Meta.Tags
	} else if text, ok, err := h.Objects.Setting(ctx, bucket, object.Tagging); err != nil {
		return nil, err
	} else if ok {
		var t setting.Tagging
		if err := setting.Parse(text, &t); err != nil {
			return nil, err
		}
		tags = t.TagSet.Tag
	}
	all := make(map[string]string, len(tags))
	for _, t := range tags {
		all[t.Key] = t.Value
	}
	return all, nil
}

const bucketARN = "arn:aws:s3:::"

func bucketOf(arn string) (string, bool) {
	rest, ok := strings.CutPrefix(arn, bucketARN)
	bucket, _, _ := strings.Cut(rest, "/")
	return bucket, ok && bucket != ""
}
