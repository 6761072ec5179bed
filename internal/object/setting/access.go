package setting

import (
	"encoding/xml"
	"slices"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// PublicAccessBlock says which public access a bucket refuses whatever its ACL and its policy say.
type PublicAccessBlock struct {
	XMLName               xml.Name
	BlockPublicAcls       bool
	IgnorePublicAcls      bool
	BlockPublicPolicy     bool
	RestrictPublicBuckets bool
}

func (p *PublicAccessBlock) root() *xml.Name { return &p.XMLName }
func (*PublicAccessBlock) name() string      { return "PublicAccessBlockConfiguration" }

// Check implements Document.
func (*PublicAccessBlock) Check() error { return nil }

// Object ownership of a bucket. With Enforced there are no ACLs.
const (
	OwnerEnforced  = "BucketOwnerEnforced"
	OwnerPreferred = "BucketOwnerPreferred"
	ObjectWriter   = "ObjectWriter"
)

// OwnershipRule is the one rule of Ownership.
type OwnershipRule struct{ ObjectOwnership string }

// Ownership says to whom a bucket's objects belong, and whether ACLs count.
type Ownership struct {
	XMLName xml.Name
	Rules   []OwnershipRule `xml:"Rule"`
}

func (o *Ownership) root() *xml.Name { return &o.XMLName }
func (*Ownership) name() string      { return "OwnershipControls" }

// Check implements Document.
func (o *Ownership) Check() error {
	if len(o.Rules) != 1 || !slices.Contains([]string{OwnerEnforced, OwnerPreferred, ObjectWriter},
		o.Rules[0].ObjectOwnership) {
		return malformed("there must be one Rule, with the ObjectOwnership BucketOwnerEnforced, " +
			"BucketOwnerPreferred or ObjectWriter")
	}
	return nil
}

// Canned ACLs, by S3's names.
const (
	Private           = "private"
	PublicRead        = "public-read"
	PublicReadWrite   = "public-read-write"
	AuthenticatedRead = "authenticated-read"
	LogDeliveryWrite  = "log-delivery-write" // of buckets
	OwnerRead         = "bucket-owner-read"  // of objects, as the next
	OwnerFullControl  = "bucket-owner-full-control"
)

const (
	allUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	authenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	logDelivery        = "http://acs.amazonaws.com/groups/s3/LogDelivery"
	xsi                = "http://www.w3.org/2001/XMLSchema-instance"
)

// Grant is a right that a group has by an ACL.
type Grant struct{ Group, Permission string }

// canned are the grants of the canned ACLs besides the owner's FULL_CONTROL.
var canned = map[string][]Grant{
	Private:           nil,
	OwnerRead:         nil,
	OwnerFullControl:  nil,
	PublicRead:        {{allUsers, "READ"}},
	PublicReadWrite:   {{allUsers, "READ"}, {allUsers, "WRITE"}},
	AuthenticatedRead: {{authenticatedUsers, "READ"}},
	LogDeliveryWrite:  {{logDelivery, "WRITE"}, {logDelivery, "READ_ACP"}},
}

// IsCanned reports whether there is a canned ACL of a name, for a bucket or for an object.
func IsCanned(acl string, object bool) bool {
	_, ok := canned[acl]
	ofObject := acl == OwnerRead || acl == OwnerFullControl
	return ok && (!object || acl != LogDeliveryWrite) && (object || !ofObject)
}

// IsPublicACL reports whether a canned ACL grants something to others than the account.
func IsPublicACL(acl string) bool {
	return acl == PublicRead || acl == PublicReadWrite || acl == AuthenticatedRead
}

// IsPrivateACL reports whether a canned ACL means what is so anyway: the account has it.
func IsPrivateACL(acl string) bool {
	return acl == Private || acl == OwnerRead || acl == OwnerFullControl
}

// Owner owns a bucket or an object.
type Owner struct {
	ID          string
	DisplayName string `xml:",omitempty"`
}

// grantee is who has a grant, as it is answered.
type grantee struct {
	XSI         string `xml:"xmlns:xsi,attr"`
	Type        string `xml:"xsi:type,attr"`
	ID          string `xml:",omitempty"`
	DisplayName string `xml:",omitempty"`
	URI         string `xml:",omitempty"`
}

type grant struct {
	Grantee    grantee
	Permission string
}

// ACLText is the document of a canned ACL.
func ACLText(acl string, owner Owner) string {
	out := struct {
		XMLName xml.Name `xml:"AccessControlPolicy"`
		Xmlns   string   `xml:"xmlns,attr"`
		Owner   Owner
		Grants  []grant `xml:"AccessControlList>Grant"`
	}{Xmlns: Namespace, Owner: owner}
	out.Grants = append(out.Grants, grant{grantee{XSI: xsi, Type: "CanonicalUser", ID: owner.ID,
		DisplayName: owner.DisplayName}, "FULL_CONTROL"})
	for _, g := range canned[acl] {
		out.Grants = append(out.Grants, grant{grantee{XSI: xsi, Type: "Group", URI: g.Group}, g.Permission})
	}
	text, err := xml.Marshal(out)
	if err != nil {
		return ""
	}
	return string(text)
}

// ReadACL finds the canned ACL with the grants of a document. Grants that no canned ACL has are not done here.
func ReadACL(text []byte, owner string) (acl string, err error) {
	var in struct {
		XMLName xml.Name `xml:"AccessControlPolicy"`
		Owner   Owner
		Grants  []struct {
			Grantee struct {
				Type string `xml:"type,attr"`
				ID   string
				URI  string
			}
			Permission string
		} `xml:"AccessControlList>Grant"`
	}
	if err := xml.Unmarshal(text, &in); err != nil {
		return "", malformed("%v", err)
	}
	if in.Owner.ID != "" && in.Owner.ID != owner {
		return "", invalid("Invalid id: the owner of the bucket is %s", owner)
	}
	var grants []Grant
	for _, g := range in.Grants {
		switch {
		case g.Grantee.URI != "":
			grants = append(grants, Grant{g.Grantee.URI, g.Permission})
		case g.Grantee.ID == owner && g.Permission == "FULL_CONTROL":
		default:
			return "", notImplemented("ACLs with grants other than a canned ACL's: %s for %.100s", g.Permission,
				g.Grantee.ID)
		}
	}
	return cannedOf(grants)
}

// cannedOf finds the canned ACL with some grants to groups.
func cannedOf(grants []Grant) (string, error) {
	sorted := func(all []Grant) []Grant {
		all = slices.Clone(all)
		slices.SortFunc(all, func(a, b Grant) int {
			if a.Group+a.Permission < b.Group+b.Permission {
				return -1
			}
			return 1
		})
		return all
	}
	for _, acl := range []string{Private, PublicRead, PublicReadWrite, AuthenticatedRead, LogDeliveryWrite} {
		if slices.Equal(sorted(canned[acl]), sorted(grants)) {
			return acl, nil
		}
	}
	return "", notImplemented("ACLs with grants other than a canned ACL's")
}

// Creation is what a client says of a bucket that it creates.
type Creation struct {
	XMLName            xml.Name
	LocationConstraint string    `xml:",omitempty"`
	Tags               *TagSet   `xml:",omitempty"`
	Location           *struct{} `xml:",omitempty"` // of directory buckets, as the next
	Bucket             *struct{} `xml:",omitempty"`
}

func (c *Creation) root() *xml.Name { return &c.XMLName }
func (*Creation) name() string      { return "CreateBucketConfiguration" }

// Check implements Document.
func (c *Creation) Check() error {
	if c.Location != nil || c.Bucket != nil {
		return notImplemented("directory buckets")
	}
	if c.Tags != nil {
		return CheckTags(c.Tags.Tag, MaxBucketTags)
	}
	return nil
}
