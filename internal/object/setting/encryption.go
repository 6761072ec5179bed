package setting

import (
	"encoding/xml"
	"slices"
)

// Algorithms of encryption at rest.
const (
	AES256  = "AES256"
	KMS     = "aws:kms"
	KMSDual = "aws:kms:dsse"
)

// DefaultEncryption is how objects are encrypted whose request says nothing of it.
type DefaultEncryption struct {
	SSEAlgorithm   string
	KMSMasterKeyID string `xml:",omitempty"`
}

// BlockedEncryption names ways of encryption that a bucket refuses.
type BlockedEncryption struct{ EncryptionType []string }

// EncryptionRule is the one rule of Encryption.
type EncryptionRule struct {
	Default          *DefaultEncryption `xml:"ApplyServerSideEncryptionByDefault,omitempty"`
	BucketKeyEnabled bool
	Blocked          *BlockedEncryption `xml:"BlockedEncryptionTypes,omitempty"`
}

// Encryption is the default encryption of a bucket.
type Encryption struct {
	XMLName xml.Name
	Rules   []EncryptionRule `xml:"Rule"`
}

func (e *Encryption) root() *xml.Name { return &e.XMLName }
func (*Encryption) name() string      { return "ServerSideEncryptionConfiguration" }

// Check implements Document.
func (e *Encryption) Check() error {
	if len(e.Rules) != 1 {
		return malformed("there must be one Rule")
	}
	r := e.Rules[0]
	if r.Blocked != nil { // encryption with the client's key is refused anyway
		for _, t := range r.Blocked.EncryptionType {
			if t != "SSE-C" && t != "NONE" {
				return malformed("EncryptionType is SSE-C or NONE")
			}
		}
	}
	d := r.Default
	switch {
	case d == nil:
		return nil
	case !slices.Contains([]string{AES256, KMS, KMSDual}, d.SSEAlgorithm):
		return malformed("SSEAlgorithm must be AES256, aws:kms or aws:kms:dsse")
	case d.SSEAlgorithm == KMSDual:
		return notImplemented("two layers of encryption (aws:kms:dsse)")
	case d.KMSMasterKeyID != "" && d.SSEAlgorithm == AES256:
		return invalid("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
	}
	return nil
}

// ByDefault is how an object is encrypted whose request says nothing.
func (e *Encryption) ByDefault() (d DefaultEncryption, bucketKey bool) {
	if len(e.Rules) == 0 || e.Rules[0].Default == nil {
		return DefaultEncryption{}, false
	}
	return *e.Rules[0].Default, e.Rules[0].BucketKeyEnabled
}
