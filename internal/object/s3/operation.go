package s3

import "net/http"

type operation func(*request) error

// refusedParts are the parts of objects and buckets that are not implemented. Each is refused by name.
var refusedParts = []string{"torrent", "select", "restore", "metadataTable", "metadataConfiguration", "abac", "session",
	"renameObject", "metadataInventoryTable", "metadataJournalTable"}

// operation returns IAM's name of what a request asks for, and the function that does it.
func (q *request) operation() (string, operation) {
	for _, s := range refusedParts {
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
		if name, do := q.partOfBucket(); name != "" {
			return name, do
		}
		return q.bucketOperation()
	default:
		if name, do := q.partOfObject(); name != "" {
			return name, do
		}
		return q.objectOperation()
	}
	return q.Method + " /", nil
}

// method is what a method does.
type method struct {
	action string
	do     operation
}

// partsOfBucket are the parts of a bucket that are no documents of package setting, by their name in the query.
var partsOfBucket = map[string]map[string]method{
	"acl": {
		http.MethodGet: {"GetBucketAcl", (*request).getBucketACL},
		http.MethodPut: {"PutBucketAcl", (*request).putBucketACL},
	},
	"policy": {
		http.MethodGet:    {"GetBucketPolicy", (*request).getPolicy},
		http.MethodPut:    {"PutBucketPolicy", (*request).putPolicy},
		http.MethodDelete: {"DeleteBucketPolicy", (*request).deletePolicy},
	},
	"policyStatus": {http.MethodGet: {"GetBucketPolicyStatus", (*request).policyStatus}},
}

var partsOfObject = map[string]map[string]method{
	"acl": {
		http.MethodGet: {"GetObjectAcl", (*request).getObjectACL},
		http.MethodPut: {"PutObjectAcl", (*request).putObjectACL},
	},
	"tagging": {
		http.MethodGet:    {"GetObjectTagging", (*request).getObjectTagging},
		http.MethodPut:    {"PutObjectTagging", (*request).putObjectTagging},
		http.MethodDelete: {"DeleteObjectTagging", (*request).deleteObjectTagging},
	},
	"attributes": {http.MethodGet: {"GetObjectAttributes", (*request).getAttributes}},
	"retention":  {http.MethodGet: {"GetObjectRetention", (*request).noLock}},
	"legal-hold": {http.MethodGet: {"GetObjectLegalHold", (*request).noLock}},
	"encryption": {},
}

// partOfBucket finds the part of a bucket that a request names. It returns "" if it names none.
func (q *request) partOfBucket() (string, operation) {
	for i := range subresources {
		if s := &subresources[i]; q.query.Has(s.name) {
			return s.operation(q.Method)
		}
	}
	for _, c := range configurations {
		if !q.query.Has(c.name) {
			continue
		}
		if q.Method == http.MethodGet {
			return c.action, func(q *request) error { return q.noConfigurations(c.list) }
		}
		return q.Method + " ?" + c.name, nil
	}
	return q.part(partsOfBucket)
}

// partOfObject finds the part of an object that a request names. It returns "" if it names none.
func (q *request) partOfObject() (string, operation) { return q.part(partsOfObject) }

func (q *request) part(of map[string]map[string]method) (string, operation) {
	for name, methods := range of {
		if !q.query.Has(name) {
			continue
		}
		if m, ok := methods[q.Method]; ok {
			return m.action, m.do
		}
		return q.Method + " ?" + name, nil
	}
	return "", nil
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
