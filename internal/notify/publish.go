package notify

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/sns"
	"slipway/internal/store"
)

const (
	maxText    = 256 << 10 // bytes of a message with its attributes, and of a batch
	maxSubject = 100       // characters
	maxBatch   = 10
)

// publication is a message that is published. Texts has the text of each protocol; "default" is for the others.
type publication struct {
	subject    string
	texts      map[string]string
	attributes map[string]attribute
	size       int
}

// newPublication reads and checks what is published.
func newPublication(text, subject, structure *string,
	attributes map[string]sns.MessageAttributeValue) (*publication, error) {
	p := &publication{subject: awsproto.Value(subject), texts: map[string]string{"default": *text}}
	p.size = len(*text)
	switch {
	case *text == "":
		return nil, invalid("Empty message")
	case subject != nil && !isSubject(*subject):
		return nil, invalid("Subject")
	}
	if structure != nil {
		if *structure != "json" {
			return nil, invalid("Message Structure - it is json, or absent")
		}
		var texts map[string]any
		if err := json.Unmarshal([]byte(*text), &texts); err != nil {
			return nil, invalid("Message Structure - JSON message body failed to parse")
		}
		p.texts = map[string]string{}
		for k, v := range texts {
			if t, ok := v.(string); ok {
				p.texts[k] = t
			}
		}
		if _, ok := p.texts["default"]; !ok {
			return nil, invalid("Message Structure - No default entry in JSON message body")
		}
	}
	if err := p.setAttributes(attributes); err != nil {
		return nil, err
	}
	if p.size > maxText {
		return nil, invalid("Message too long")
	}
	return p, nil
}

// isSubject reports whether a text can be the subject of a mail: one line, which begins with a letter, digit or
// punctuation.
func isSubject(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	fits := text != "" && utf8.RuneCountInString(text) <= maxSubject
	return fits && utf8.ValidString(text) && !unicode.IsSpace(first) && !strings.ContainsFunc(text, unicode.IsControl)
}

var attributeForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_.-]{1,256}$`) })

func (p *publication) setAttributes(given map[string]sns.MessageAttributeValue) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v := given[name]
		if !attributeForm().MatchString(name) {
			return &sns.InvalidParameterValueException{Message: "The message attribute name '" + name + "' is invalid."}
		}
		kind, _, _ := strings.Cut(*v.DataType, ".")
		a := attribute{Type: *v.DataType}
		switch {
		case kind == "Binary" && v.BinaryValue != nil:
			a.Value = encoded(v.BinaryValue)
		case (kind == "String" || kind == "Number") && v.StringValue != nil && *v.StringValue != "":
			a.Value = *v.StringValue
		default:
			return &sns.InvalidParameterValueException{Message: "The message attribute '" + name +
				"' must have a value of its type: String, String.Array, Number or Binary."}
		}
		if _, err := strconv.ParseFloat(a.Value, 64); kind == "Number" && err != nil {
			return &sns.InvalidParameterValueException{Message: "The message attribute '" + name +
				"' is a Number, and its value is none."}
		}
		if p.attributes == nil {
			p.attributes = map[string]attribute{}
		}
		p.attributes[name] = a
		p.size += len(name) + len(a.Type) + len(a.Value)
	}
	return nil
}

// text is what goes to a protocol's endpoints.
func (p *publication) text(protocol string) string {
	if t, ok := p.texts[protocol]; ok {
		return t
	}
	return p.texts["default"]
}

// Publish implements sns:Publish. The message's deliveries are durable when it returns.
func (s *Service) Publish(ctx context.Context, in *sns.PublishInput) (*sns.PublishOutput, error) {
	arn := in.TopicArn
	switch {
	case in.PhoneNumber != nil:
		return nil, refused("messages to telephones")
	case in.TopicArn == nil && in.TargetArn == nil:
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	case in.TopicArn == nil:
		if strings.Contains(*in.TargetArn, ":endpoint/") {
			return nil, refused("messages to mobile devices")
		}
		arn = in.TargetArn
	}
	name, err := s.topicOf(*arn)
	if err != nil {
		return nil, err
	}
	if in.MessageDeduplicationId != nil {
		return nil, invalid("The MessageDeduplicationId is for FIFO topics")
	}
	p, err := newPublication(in.Message, in.Subject, in.MessageStructure, in.MessageAttributes)
	if err != nil {
		return nil, err
	}
	ids, err := s.publish(ctx, name, p)
	if err != nil {
		return nil, err
	}
	return &sns.PublishOutput{MessageId: &ids[0]}, nil
}

var entryID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`) })

// PublishBatch implements sns:PublishBatch. A message that cannot be published does not keep the others back.
func (s *Service) PublishBatch(ctx context.Context, in *sns.PublishBatchInput) (*sns.PublishBatchOutput, error) {
	name, err := s.topicOf(*in.TopicArn)
	if err != nil {
		return nil, err
	}
	if err := checkEntries(in.PublishBatchRequestEntries); err != nil {
		return nil, err
	}
	out := &sns.PublishBatchOutput{Successful: []sns.PublishBatchResultEntry{}, Failed: []sns.BatchResultErrorEntry{}}
	var publications []*publication
	size := 0
	for _, e := range in.PublishBatchRequestEntries {
		p, err := newPublication(e.Message, e.Subject, e.MessageStructure, e.MessageAttributes)
		if err == nil && e.MessageDeduplicationId != nil {
			err = invalid("The MessageDeduplicationId is for FIFO topics")
		}
		if err != nil {
			out.Failed = append(out.Failed, sns.BatchResultErrorEntry{Id: e.Id, Code: new(awsproto.Code(err)),
				Message: new(err.Error()), SenderFault: new(true)})
			continue
		}
		size += p.size
		publications = append(publications, p)
		out.Successful = append(out.Successful, sns.PublishBatchResultEntry{Id: e.Id})
	}
	if size > maxText {
		return nil, &sns.BatchRequestTooLongException{Message: "The messages of a batch have at most 256 KB."}
	}
	ids, err := s.publish(ctx, name, publications...)
	if err != nil {
		return nil, err
	}
	for i := range out.Successful {
		out.Successful[i].MessageId = &ids[i]
	}
	return out, nil
}

func checkEntries(entries []sns.PublishBatchRequestEntry) error {
	switch n := len(entries); {
	case n == 0:
		return &sns.EmptyBatchRequestException{Message: "The batch request doesn't contain any entries."}
	case n > maxBatch:
		return &sns.TooManyEntriesInBatchRequestException{Message: "The batch request contains more entries than 10."}
	}
	seen := map[string]bool{}
	for _, e := range entries {
		if !entryID().MatchString(*e.Id) {
			return &sns.InvalidBatchEntryIdException{
				Message: "The Id of a batch entry doesn't abide by the specification."}
		}
		if seen[*e.Id] {
			return &sns.BatchEntryIdsNotDistinctException{Message: "Two or more batch entries have the same Id."}
		}
		seen[*e.Id] = true
	}
	return nil
}

// publish asks for the deliveries of messages to all who want them, and returns the IDs of the messages.
func (s *Service) publish(ctx context.Context, name string, all ...*publication) (ids []string, err error) {
	for range all {
		ids = append(ids, uuid.NewString())
	}
	t, err := s.topic(ctx, s.db, name)
	if err != nil {
		return nil, err
	}
	subscribers, err := store.All(ctx, s.db, scanSubscription, subscriptionColumns+`WHERE topic = $1 AND confirmed = 1`,
		name)
	if err != nil {
		return nil, err
	}
	// Messages are encrypted before the transaction: a transaction does nothing else.
	jobs := []store.Job{}
	for i, p := range all {
		for _, x := range subscribers {
			m := message{ID: ids[i], Type: typeNotify, At: s.Now().UnixMilli(), Subject: p.subject,
				Text: p.text(x.protocol), Attributes: p.attributes}
			if !x.wanted(&m) {
				continue
			}
			j, err := s.delivery(ctx, t, x, m)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j)
		}
	}
	return ids, s.db.Write(ctx, func(tx store.Tx) error {
		for _, j := range jobs {
			if err := tx.Enqueue(ctx, j); err != nil {
				return err
			}
		}
		return store.End(ctx, tx) // of the job that publishes, if one does
	})
}

// Tell publishes a message of another part of the server. An ARN that is no topic's of this server is an error with
// SNS's code.
func (s *Service) Tell(ctx context.Context, topicARN, subject, text string) error {
	name, err := s.topicOf(topicARN)
	if err != nil {
		return err
	}
	_, err = s.publish(ctx, name, &publication{subject: subject, texts: map[string]string{"default": text}})
	return err
}
