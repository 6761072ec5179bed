package s3

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"slipway/internal/object"
	"slipway/internal/object/setting"
)

type xmlTime time.Time

// MarshalText is ISO 8601 with milliseconds.
func (t xmlTime) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

type owner struct{ ID, DisplayName string }

func (q *request) owner() owner { return owner{q.h.Account, q.h.Account} }

// bucketName is S3's rule for general purpose buckets.
var bucketName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
})

func (q *request) createBucket() error {
	if !bucketName().MatchString(q.bucket) || strings.Contains(q.bucket, "..") {
		return fail(http.StatusBadRequest, "InvalidBucketName",
			"The specified bucket is not valid: 3 to 63 of a-z, 0-9, '.' and '-', with a letter or digit at both ends.")
	}
	set, err := q.newSettings()
	if err != nil {
		return err
	}
	if err := q.h.Objects.CreateBucket(q.Context(), q.bucket, set); err != nil {
		return err
	}
	q.w.Header().Set("Location", "/"+q.bucket)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// newSettings are the settings of a bucket that is created. As at S3, its public access is blocked, and ACLs are off
// unless the request says otherwise.
func (q *request) newSettings() (object.Settings, error) {
	acl, err := q.askedACL(false)
	if err != nil {
		return nil, err
	}
	owner := cmp.Or(q.Header.Get("X-Amz-Object-Ownership"), setting.OwnerEnforced)
	ownership := &setting.Ownership{Rules: []setting.OwnershipRule{{ObjectOwnership: owner}}}
	if err := ownership.Check(); err != nil {
		return nil, invalid("x-amz-object-ownership must be BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter")
	}
	if acl != "" && !setting.IsPrivateACL(acl) {
		if owner == setting.OwnerEnforced {
			return nil, fail(http.StatusBadRequest, "InvalidBucketAclWithObjectOwnership",
				"Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
		}
		if setting.IsPublicACL(acl) {
			return nil, fail(http.StatusBadRequest, "InvalidBucketAclWithBlockPublicAccessError",
				"Bucket cannot have public ACLs set with BlockPublicAccess enabled")
		}
	}
	set := object.Settings{
		object.Ownership: setting.Text(ownership),
		object.PublicAccess: setting.Text(&setting.PublicAccessBlock{
			BlockPublicAcls:       true,
			IgnorePublicAcls:      true,
			BlockPublicPolicy:     true,
			RestrictPublicBuckets: true,
		}),
	}
	if acl != "" {
		set[object.ACL] = acl
	}
	return set, q.creation(set)
}

// creation reads the body of CreateBucket. It refuses to make a bucket in a region other than the one that the request
// was signed for, or this server's.
func (q *request) creation(set object.Settings) error {
	if q.ContentLength == 0 {
		return nil
	}
	text, err := q.whole()
	if err != nil || len(text) == 0 {
		return err
	}
	var in setting.Creation
	if err := setting.Read(text, &in); err != nil {
		return err
	}
	if at := in.LocationConstraint; at != "" && at != q.h.Region && (q.sig == nil || at != q.sig.Region) {
		return fail(http.StatusBadRequest, "IllegalLocationConstraintException",
			"The "+at+" location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	if in.Tags != nil && len(in.Tags.Tag) > 0 {
		set[object.Tagging] = setting.Text(&setting.Tagging{TagSet: *in.Tags})
	}
	return nil
}

func malformed(err error) error {
	return fail(http.StatusBadRequest, "MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema: "+err.Error())
}

func (q *request) headBucket() error {
	if _, err := q.h.Objects.Bucket(q.Context(), q.bucket); err != nil {
		return err
	}
	q.w.Header().Set("X-Amz-Bucket-Region", q.h.Region)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func (q *request) deleteBucket() error {
	if err := q.h.Objects.DeleteBucket(q.Context(), q.bucket); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (q *request) bucketLocation() error {
	if _, err := q.h.Objects.Bucket(q.Context(), q.bucket); err != nil {
		return err
	}
	q.xml(http.StatusOK, struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		Xmlns   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{Xmlns: namespace, Region: q.h.Region})
	return nil
}

type versioning struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Xmlns     string   `xml:"xmlns,attr"`
	Status    string   `xml:",omitempty"`
	MfaDelete string   `xml:",omitempty"`
}

func (q *request) getVersioning() error {
	b, err := q.h.Objects.Bucket(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	q.xml(http.StatusOK, versioning{Xmlns: namespace, Status: b.Versioning})
	return nil
}

func (q *request) putVersioning() error {
	var v versioning
	if err := q.small(&v); err != nil {
		return err
	}
	if v.Status != "Enabled" && v.Status != "Suspended" {
		return fail(http.StatusBadRequest, "MalformedXML", "Status must be Enabled or Suspended.")
	}
	if v.MfaDelete == "Enabled" {
		return fail(http.StatusNotImplemented, "NotImplemented", "Slipway does not implement MfaDelete.")
	}
	if err := q.h.Objects.SetVersioning(q.Context(), q.bucket, v.Status); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}
