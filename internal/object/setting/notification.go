package setting

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// Notification says which topics are told of which changes of a bucket's objects.
type Notification struct {
	XMLName   xml.Name
	Topics    []TopicNotification `xml:"TopicConfiguration"`
	Queues    []OtherNotification `xml:"QueueConfiguration"`
	Functions []OtherNotification `xml:"CloudFunctionConfiguration"`
	Bus       *struct{}           `xml:"EventBridgeConfiguration,omitempty"`
}

// TopicNotification is what one topic is told.
type TopicNotification struct {
	ID     string              `xml:"Id,omitempty"`
	Topic  string              // an ARN
	Events []string            `xml:"Event"`
	Filter *NotificationFilter `xml:",omitempty"`
}

// OtherNotification is a notification that is refused.
type OtherNotification struct {
	ID            string              `xml:"Id,omitempty"`
	Queue         string              `xml:",omitempty"`
	CloudFunction string              `xml:",omitempty"`
	Events        []string            `xml:"Event"`
	Filter        *NotificationFilter `xml:",omitempty"`
}

// NotificationFilter chooses by the key of an object.
type NotificationFilter struct {
	Key struct {
		Rules []FilterRule `xml:"FilterRule"`
	} `xml:"S3Key"`
}

// FilterRule is a prefix or a suffix of keys.
type FilterRule struct{ Name, Value string }

func (n *Notification) root() *xml.Name { return &n.XMLName }
func (*Notification) name() string      { return "NotificationConfiguration" }

// events are those that Slipway tells of, without the s3: before them.
var events = []string{"ObjectCreated:*", "ObjectCreated:Put", "ObjectCreated:Post", "ObjectCreated:Copy",
	"ObjectCreated:CompleteMultipartUpload", "ObjectRemoved:*", "ObjectRemoved:Delete",
	"ObjectRemoved:DeleteMarkerCreated", "LifecycleExpiration:*", "LifecycleExpiration:Delete",
	"LifecycleExpiration:DeleteMarkerCreated", "ObjectTagging:*", "ObjectTagging:Put", "ObjectTagging:Delete"}

// Check implements Document. A notification without an ID gets one.
func (n *Notification) Check() error {
	switch {
	case len(n.Queues) > 0:
		return notImplemented("notifications to queues of SQS; an SNS topic can be told")
	case len(n.Functions) > 0:
		return notImplemented("notifications to functions of Lambda; an SNS topic can be told")
	case n.Bus != nil:
		return notImplemented("notifications to EventBridge; an SNS topic can be told")
	}
	seen := map[string]bool{}
	for i := range n.Topics {
		t := &n.Topics[i]
		if t.ID == "" {
			t.ID = "slipway-" + strconv.Itoa(i+1)
		}
		if seen[t.ID] {
			return invalid("Same ID used for multiple configurations. IDs must be unique")
		}
		seen[t.ID] = true
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

func (t *TopicNotification) check() error {
	if !strings.HasPrefix(t.Topic, "arn:") {
		return invalid("The ARN is not well formed")
	}
	if len(t.Events) == 0 {
		return malformed("a TopicConfiguration has an Event")
	}
	for _, e := range t.Events {
		known := false
		for _, k := range events {
			known = known || e == "s3:"+k
		}
		if !known {
			return notImplemented("notifications of the event %.60s", e)
		}
	}
	if t.Filter == nil {
		return nil
	}
	seen := map[string]bool{}
	for i := range t.Filter.Key.Rules {
		r := &t.Filter.Key.Rules[i]
		name := strings.ToLower(r.Name)
		if name != "prefix" && name != "suffix" {
			return invalid("filter rule name must be either prefix or suffix")
		}
		if seen[name] {
			return invalid("Cannot specify more than one %s rule in a filter.", name)
		}
		seen[name] = true
	}
	return nil
}

// Told are the notifications of an event (ObjectCreated:Put, …) of an object's key.
func (n *Notification) Told(event, key string) []TopicNotification {
	var told []TopicNotification
	for _, t := range n.Topics {
		if t.wants(event, key) {
			told = append(told, t)
		}
	}
	return told
}

func (t *TopicNotification) wants(event, key string) bool {
	group, _, _ := strings.Cut(event, ":")
	wanted := false
	for _, e := range t.Events {
		wanted = wanted || e == "s3:"+event || e == "s3:"+group+":*"
	}
	if !wanted || t.Filter == nil {
		return wanted
	}
	for _, r := range t.Filter.Key.Rules {
		has := strings.HasPrefix
		if strings.EqualFold(r.Name, "suffix") {
			has = strings.HasSuffix
		}
		if !has(key, r.Value) {
			return false
		}
	}
	return true
}
