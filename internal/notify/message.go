package notify

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// Types of messages.
const (
	typeNotify  = "Notification"
	typeConfirm = "SubscriptionConfirmation"
)

// message is what goes to a subscriber, as a job keeps it.
type message struct {
	ID         string               `json:"id"`
	Type       string               `json:"type"`
	At         int64                `json:"at"` // in milliseconds
	Subject    string               `json:"subject,omitempty"`
	Text       string               `json:"text"`
	Token      string               `json:"token,omitempty"` // of a confirmation
	Attributes map[string]attribute `json:"attributes,omitempty"`
}

// attribute is an attribute of a message. A binary value is in base64.
type attribute struct {
	Type  string `json:"Type"`
	Value string `json:"Value"`
}

// envelope is a message in the form in which subscribers get it.
type envelope struct {
	Type              string
	MessageId         string
	Token             string `json:",omitempty"`
	TopicArn          string
	Subject           string `json:",omitempty"`
	Message           string
	SubscribeURL      string `json:",omitempty"`
	Timestamp         string
	SignatureVersion  string
	Signature         string
	SigningCertURL    string
	UnsubscribeURL    string               `json:",omitempty"`
	MessageAttributes map[string]attribute `json:",omitempty"`
}

// envelope makes the form of a message for a subscriber, not yet signed.
func (s *Service) envelope(x *subscription, m *message) *envelope {
	e := &envelope{
		Type:      m.Type,
		MessageId: m.ID,
		TopicArn:  s.arn(x.topic),
		Subject:   m.Subject,
		Message:   m.Text,
		Timestamp: time.UnixMilli(m.At).UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	if m.Type == typeConfirm {
		e.Token, e.SubscribeURL = m.Token, s.link("ConfirmSubscription", url.Values{
			"TopicArn": {e.TopicArn}, "Token": {m.Token}})
		return e
	}
	e.UnsubscribeURL = s.link("Unsubscribe", url.Values{"SubscriptionArn": {s.subscriptionARN(x.topic, x.id)}})
	e.MessageAttributes = m.Attributes
	return e
}

// link is the address of an action that a subscriber takes without a signature.
func (s *Service) link(action string, query url.Values) string {
	query.Set("Action", action)
	return strings.TrimSuffix(s.URL, "/") + "/?" + query.Encode()
}

// toSign is what the signature of a message is of: its members by name, each with its value in a line of its own
// ("Verifying the signatures of Amazon SNS messages").
func (e *envelope) toSign() []byte {
	var b strings.Builder
	add := func(name, value string) { b.WriteString(name + "\n" + value + "\n") }
	add("Message", e.Message)
	add("MessageId", e.MessageId)
	if e.Type == typeConfirm {
		add("SubscribeURL", e.SubscribeURL)
	} else if e.Subject != "" {
		add("Subject", e.Subject)
	}
	add("Timestamp", e.Timestamp)
	if e.Type == typeConfirm {
		add("Token", e.Token)
	}
	add("TopicArn", e.TopicArn)
	add("Type", e.Type)
	return []byte(b.String())
}

// encode is the envelope as JSON, indented as SNS does, without escapes for HTML.
func (e *envelope) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(e)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func encoded(binary []byte) string { return base64.StdEncoding.EncodeToString(binary) }
