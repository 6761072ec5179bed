package s3

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/internal/object"
)

// Right is a right that a request needs, by IAM's name without "s3:". Key is "" for one on the bucket, and Bucket too
// for one on all buckets.
type Right struct {
	Action               string
	Bucket, Key, Version string
	Keys                 []awsproto.Key    // condition keys of S3
	Tags                 map[string]string // that the request gives
}

// ARN is the resource of the right.
func (r Right) ARN() string {
	switch {
	case r.Bucket == "":
		return "*"
	case r.Key == "":
		return "arn:aws:s3:::" + r.Bucket
	}
	return "arn:aws:s3:::" + r.Bucket + "/" + r.Key
}

// versioned are the actions that have a name of their own for one version of an object.
var versioned = map[string]string{
	"GetObject":           "GetObjectVersion",
	"DeleteObject":        "DeleteObjectVersion",
	"GetObjectAcl":        "GetObjectVersionAcl",
	"PutObjectAcl":        "PutObjectVersionAcl",
	"GetObjectTagging":    "GetObjectVersionTagging",
	"PutObjectTagging":    "PutObjectVersionTagging",
	"DeleteObjectTagging": "DeleteObjectVersionTagging",
	"GetObjectAttributes": "GetObjectVersionAttributes",
}

// also are the rights that headers of a request ask for besides, by the operation that takes them.
var also = map[string][][2]string{
	"PutObject": {
		{"X-Amz-Tagging", "PutObjectTagging"},
		{"X-Amz-Acl", "PutObjectAcl"},
		{"X-Amz-Grant-Read", "PutObjectAcl"},
		{"X-Amz-Grant-Full-Control", "PutObjectAcl"},
	},
	"CreateBucket": {
		{"X-Amz-Acl", "PutBucketAcl"},
		{"X-Amz-Object-Ownership", "PutBucketOwnershipControls"},
	},
}

// authorize refuses a request that its caller may not make. The objects of a DeleteObjects are asked for one by one,
// when they are read.
func (q *request) authorize(action string) error {
	if action == "DeleteObject" && q.key == "" {
		return nil
	}
	if err := q.mayKey(action, q.bucket, q.key, q.query.Get("versionId")); err != nil {
		return err
	}
	for _, x := range also[action] {
		if q.Header.Get(x[0]) == "" {
			continue
		}
		if err := q.mayKey(x[1], q.bucket, q.key, ""); err != nil {
			return err
		}
	}
	return nil
}

// mayKey asks for a right on an object, or a bucket.
func (q *request) mayKey(action, bucket, key, version string) error {
	if version != "" {
		if name, ok := versioned[action]; ok {
			action = name
		}
	}
	err := q.h.Authorize(q.Context(), Right{action, bucket, key, version, q.conditions(version), q.givenTags()})
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[awsproto.ServiceError](err); !refused {
		return err
	}
	return fail(http.StatusForbidden, "AccessDenied", err.Error())
}

// conditionHeaders are the headers that are condition keys by their name.
var conditionHeaders = []string{"x-amz-acl", "x-amz-copy-source", "x-amz-metadata-directive",
	"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class",
	"x-amz-content-sha256", "x-amz-object-ownership"}

// conditions are the condition keys of S3 that the request has. See
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
func (q *request) conditions(version string) []awsproto.Key {
	var keys []awsproto.Key
	add := func(name, value string) {
		if value != "" {
			keys = append(keys, awsproto.Key{Name: "s3:" + name, Values: []string{value}})
		}
	}
	for _, name := range []string{"prefix", "delimiter", "max-keys"} {
		if q.key == "" && q.query.Has(name) {
			keys = append(keys, awsproto.Key{Name: "s3:" + name, Values: []string{q.query.Get(name)}})
		}
	}
	for _, name := range conditionHeaders {
		add(name, q.Header.Get(name))
	}
	add("versionid", version)
	if q.sig != nil {
		add("signatureversion", "AWS4-HMAC-SHA256")
		kind := "REST-HEADER"
		if q.query.Has("X-Amz-Signature") {
			kind = "REST-QUERY-STRING"
		}
		add("authtype", kind)
	}
	return append(keys, q.tagKeys()...)
}

// givenTags are the tags in the header of a request that writes an object.
func (q *request) givenTags() map[string]string {
	values, err := url.ParseQuery(q.Header.Get("X-Amz-Tagging"))
	if err != nil || len(values) == 0 {
		return nil
	}
	tags := make(map[string]string, len(values))
	for k := range values {
		tags[k] = values.Get(k)
	}
	return tags
}

func (q *request) tagKeys() []awsproto.Key {
	tags := q.givenTags()
	if len(tags) == 0 {
		return nil
	}
	all := awsproto.Key{Name: "s3:requestobjecttagkeys"}
	var keys []awsproto.Key
	for k, v := range tags {
		all.Values = append(all.Values, k)
		keys = append(keys, awsproto.Key{Name: "s3:requestobjecttag/" + strings.ToLower(k), Values: []string{v}})
	}
	return append(keys, all)
}

// hide answers that access is denied if an object does not exist and the caller may not list the bucket: who may not
// list must not learn which keys there are.
func (q *request) hide(err error) error {
	if !errors.Is(err, object.ErrNoKey) || q.key == "" || q.h.May == nil {
		return err
	}
	if q.h.May(q.Context(), Right{Action: "ListBucket", Bucket: q.bucket}) {
		return err
	}
	return fail(http.StatusForbidden, "AccessDenied", "Access Denied")
}

// Authorizer answers whether the caller in ctx has a right. It returns an error if not.
type Authorizer func(ctx context.Context, r Right) error
