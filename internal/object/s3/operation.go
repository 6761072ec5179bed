package s3

import "net/http"

type operation func(*request) error

// subresources of S3 that are not implemented. Each is refused by name.
var subresources = []string{"acl", "tagging", "policy", "cors", "lifecycle", "website", "logging", "notification",
	"replication", "encryption",
	"accelerate", "requestPayment", "object-lock", "retention", "legal-hold", "torrent", "select", "restore",
	"publicAccessBlock",
	"ownershipControls", "inventory", "analytics", "metrics", "intelligent-tiering", "attributes", "policyStatus"}

// operation returns IAM's name of what a request asks for, and the function that does it.
func (q *request) operation() (string, operation) {
	for _, s := range subresources {
		if q.query.Has(s) {
			return q.Method + " ?" + s, nil
		}
	}
	switch {
	case q.bucket == "":
		if q.Method == http.MethodGet {
			return "ListAllMyBuckets", (*request).listBuckets
		}
	case q.key == "":
		return q.bucketOperation()
	default:
		return q.objectOperation()
	}
	return q.Method + " /", nil
}

func (q *request) bucketOperation() (string, operation) {
	switch q.Method {
	case http.MethodGet:
		switch {
		case q.query.Has("location"):
			return "GetBucketLocation", (*request).bucketLocation
		case q.query.Has("versioning"):
			return "GetBucketVersioning", (*request).getVersioning
		case q.query.Has("uploads"):
			return "ListBucketMultipartUploads", (*request).listUploads
		case q.query.Has("versions"):
			return "ListBucketVersions", (*request).listVersions
		case q.query.Get("list-type") == "2":
			return "ListBucket", (*request).listV2
		}
		return "ListBucket", (*request).listV1
	case http.MethodHead:
		return "ListBucket", (*request).headBucket
	case http.MethodPut:
		if q.query.Has("versioning") {
			return "PutBucketVersioning", (*request).putVersioning
		}
		return "CreateBucket", (*request).createBucket
	case http.MethodDelete:
		return "DeleteBucket", (*request).deleteBucket
	case http.MethodPost:
		if q.query.Has("delete") {
			return "DeleteObject", (*request).deleteObjects
		}
	}
	return q.Method + " bucket", nil
}

func (q *request) objectOperation() (string, operation) {
	upload := q.query.Has("uploadId")
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		if upload {
			return "ListMultipartUploadParts", (*request).listParts
		}
		return "GetObject", (*request).getObject
	case http.MethodPut:
		if upload {
			return "PutObject", (*request).putPart
		}
		return "PutObject", (*request).putObject
	case http.MethodPost:
		if q.query.Has("uploads") {
			return "PutObject", (*request).startUpload
		}
		if upload {
			return "PutObject", (*request).finishUpload
		}
	case http.MethodDelete:
		if upload {
			return "AbortMultipartUpload", (*request).abortUpload
		}
		return "DeleteObject", (*request).deleteObject
	}
	return q.Method + " object", nil
}
