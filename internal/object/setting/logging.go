package setting

import "encoding/xml"

// LoggingEnabled says where access logs would go.
type LoggingEnabled struct {
	TargetBucket          string
	TargetPrefix          string
	TargetObjectKeyFormat *KeyFormat `xml:",omitempty"`
}

// KeyFormat is how the keys of access logs are made.
type KeyFormat struct {
	SimplePrefix      *struct{}          `xml:",omitempty"`
	PartitionedPrefix *PartitionedPrefix `xml:",omitempty"`
}

// PartitionedPrefix parts access logs by date.
type PartitionedPrefix struct {
	PartitionDateSource string `xml:",omitempty"`
}

// Logging is a bucket's server access logging. It is kept, and no logs are written.
type Logging struct {
	XMLName        xml.Name
	LoggingEnabled *LoggingEnabled `xml:",omitempty"`
}

func (l *Logging) root() *xml.Name { return &l.XMLName }
func (*Logging) name() string      { return "BucketLoggingStatus" }

// Check implements Document.
func (l *Logging) Check() error {
	if l.LoggingEnabled != nil && l.LoggingEnabled.TargetBucket == "" {
		return malformed("LoggingEnabled has a TargetBucket")
	}
	return nil
}

// RequestPayment says who pays for requests: the owner of the bucket.
type RequestPayment struct {
	XMLName xml.Name
	Payer   string
}

func (r *RequestPayment) root() *xml.Name { return &r.XMLName }
func (*RequestPayment) name() string      { return "RequestPaymentConfiguration" }

// Check implements Document.
func (r *RequestPayment) Check() error {
	switch r.Payer {
	case "BucketOwner":
		return nil
	case "Requester":
		return notImplemented("requests that the requester pays")
	}
	return malformed("Payer is BucketOwner or Requester")
}

// Acceleration is a bucket's transfer acceleration, which is not here.
type Acceleration struct {
	XMLName xml.Name
	Status  string `xml:",omitempty"`
}

func (a *Acceleration) root() *xml.Name { return &a.XMLName }
func (*Acceleration) name() string      { return "AccelerateConfiguration" }

// Check implements Document.
func (a *Acceleration) Check() error {
	switch a.Status {
	case "Suspended":
		return nil
	case "Enabled":
		return notImplemented("transfer acceleration")
	}
	return malformed("Status is Enabled or Suspended")
}
