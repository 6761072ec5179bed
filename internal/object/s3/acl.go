package s3

import (
	"context"
	"net/http"

	"slipway/internal/object"
	"slipway/internal/object/setting"
)

// noACL is S3's answer for buckets whose objects all belong to the bucket's owner, as new ones do.
func noACL() error {
	return fail(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

func (q *request) aclOwner() setting.Owner {
	return setting.Owner{ID: q.h.Account, DisplayName: q.h.Account}
}

// otherGrants stands for grants in headers that no canned ACL has.
const otherGrants = "x-amz-grant-*"

// askedACL is the canned ACL that a request asks for, in a header; "" for none.
func (q *request) askedACL(object bool) (string, error) {
	for _, name := range []string{"Read", "Write", "Read-Acp", "Write-Acp", "Full-Control"} {
		if v := q.Header.Get("X-Amz-Grant-" + name); v != "" {
			if name == "Full-Control" && v == `id="`+q.h.Account+`"` || v == "id="+q.h.Account {
				return setting.Private, nil
			}
			return otherGrants, nil
		}
	}
	acl := q.Header.Get("X-Amz-Acl")
	if acl != "" && !setting.IsCanned(acl, object) {
		return "", invalid("The canned ACL " + acl + " is not one of those that S3 has here")
	}
	return acl, nil
}

// allowACL refuses an ACL that a bucket's ownership or its public access block does not allow.
func allowACL(set object.Settings, acl string) error {
	if acl == "" {
		return nil
	}
	var o setting.Ownership
	enforced := true
	if text, ok := set[object.Ownership]; ok {
		if err := setting.Parse(text, &o); err != nil {
			return err
		}
		enforced = len(o.Rules) > 0 && o.Rules[0].ObjectOwnership == setting.OwnerEnforced
	}
	if enforced && !setting.IsPrivateACL(acl) {
		return noACL()
	}
	if acl == otherGrants {
		return notImplemented(otherGrants + ": of ACLs, Slipway has the canned ones (x-amz-acl)")
	}
	var block setting.PublicAccessBlock
	if text, ok := set[object.PublicAccess]; ok {
		if err := setting.Parse(text, &block); err != nil {
			return err
		}
	}
	if block.BlockPublicAcls && setting.IsPublicACL(acl) {
		return fail(http.StatusForbidden, "AccessDenied",
			"The ACL "+acl+" is refused because public ACLs are blocked by the BlockPublicAcls setting of the "+
				"bucket's public access block.")
	}
	return nil
}

func (q *request) getBucketACL() error {
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	q.text(http.StatusOK, setting.ACLText(set[object.ACL], q.aclOwner()))
	return nil
}

// bodyACL is the ACL of a request that sets one: in a header or in its body.
func (q *request) bodyACL(object bool) (string, error) {
	acl, err := q.askedACL(object)
	if err != nil || acl != "" {
		return acl, err
	}
	text, err := q.whole()
	if err != nil {
		return "", err
	}
	if len(text) == 0 {
		return "", fail(http.StatusBadRequest, "MissingSecurityHeader",
			"Your request was missing a required header: x-amz-acl")
	}
	return setting.ReadACL(text, q.h.Account)
}

func (q *request) putBucketACL() error {
	acl, err := q.bodyACL(false)
	if err != nil {
		return err
	}
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	if err := allowACL(set, acl); err != nil {
		return err
	}
	if err := q.h.Objects.PutSettings(q.Context(), q.bucket, object.Settings{object.ACL: acl}); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// stat describes the version of an object that a request means. A delete marker is an error.
func (q *request) stat(ctx context.Context) (object.Object, error) {
	version := q.query.Get("versionId")
	o, err := q.h.Objects.Stat(ctx, q.bucket, q.key, version)
	switch {
	case err != nil:
		return o, err
	case o.Deleted && version == "":
		q.w.Header().Set("X-Amz-Delete-Marker", "true")
		return o, object.ErrNoKey
	case o.Deleted:
		return o, object.ErrMarker
	}
	return o, nil
}

func (q *request) getObjectACL() error {
	o, err := q.stat(q.Context())
	if err != nil {
		return err
	}
	q.version(o)
	q.text(http.StatusOK, setting.ACLText(o.Meta.ACL, q.aclOwner()))
	return nil
}

func (q *request) putObjectACL() error {
	acl, err := q.bodyACL(true)
	if err != nil {
		return err
	}
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	if err := allowACL(set, acl); err != nil {
		return err
	}
	o, err := q.h.Objects.PutACL(q.Context(), q.bucket, q.key, q.query.Get("versionId"), acl)
	if err != nil {
		return err
	}
	q.version(o)
	q.w.WriteHeader(http.StatusOK)
	return nil
}
