package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	"slipway/internal/store"
)

// waiting is a delivery as its job keeps it: the message, or what it was encrypted to.
type waiting struct {
	Subscription string   `json:"subscription"`
	Message      *message `json:"message,omitempty"`
	Sealed       []byte   `json:"sealed,omitempty"`
}

// delivery makes the job of a delivery. The message is encrypted if its topic names a key.
func (s *Service) delivery(ctx context.Context, t *topic, x *subscription, m message) (store.Job, error) {
	w := waiting{Subscription: x.id, Message: &m}
	if key := t.attributes[attributeKey]; key != "" && s.Keys != nil {
		text, err := json.Marshal(m)
		if err != nil {
			return store.Job{}, err
		}
		if w.Sealed, err = s.Keys.SealBytes(ctx, key, text, s.bound(x.topic)); err != nil {
			return store.Job{}, keyError(err)
		}
		w.Message = nil
	}
	return store.Job{Kind: deliverJob, Key: m.ID + "/" + x.id, Payload: w}, nil
}

// keyError is an error of KMS as SNS words it: NotFoundException as KMSNotFound.
func keyError(err error) error {
	code := awsproto.Code(err)
	if code == "" {
		return fmt.Errorf("encrypt message: %w", err)
	}
	code = "KMS" + strings.TrimPrefix(strings.TrimSuffix(code, "Exception"), "KMS")
	return &awsproto.Error{Code: code, Message: err.Error()}
}

// bound is the encryption context of a topic's messages.
func (s *Service) bound(topic string) map[string]string {
	return map[string]string{"aws:sns:topicArn": s.arn(topic)}
}

// enqueue asks for the delivery of a message that is not a secret.
func (s *Service) enqueue(ctx context.Context, tx store.Tx, x *subscription, m message) error {
	return tx.Enqueue(ctx, store.Job{Kind: deliverJob, Key: m.ID + "/" + x.id,
		Payload: waiting{Subscription: x.id, Message: &m}})
}

// deliver brings a message to a subscriber. A failure is tried again later; one that will not change ends it at once.
func (s *Service) deliver(ctx context.Context, j store.Running) (store.Outcome, error) {
	var w waiting
	if err := j.Decode(&w); err != nil {
		return store.Undecodable(err), nil
	}
	x, err := s.subscription(ctx, s.db, w.Subscription)
	if awsproto.Code(err) == "NotFound" {
		return store.Done, nil // it was ended meanwhile
	}
	if err != nil {
		return store.Done, err
	}
	m := w.Message
	if m == nil {
		text, err := s.Keys.OpenBytes(ctx, w.Sealed, s.bound(x.topic))
		if err != nil {
			return store.Done, fmt.Errorf("decrypt message: %w", err)
		}
		m = &message{}
		if err := json.Unmarshal(text, m); err != nil {
			return store.Undecodable(err), nil
		}
	}
	t, err := s.topic(ctx, s.db, x.topic)
	if err != nil {
		return store.Done, err
	}
	if isMail(x.protocol) {
		return s.mail(ctx, t, x, m)
	}
	return s.post(ctx, t, x, m)
}

// contentType is what SNS says of its bodies.
const contentType = "text/plain; charset=UTF-8"

// post sends a message to a web address.
func (s *Service) post(ctx context.Context, t *topic, x *subscription, m *message) (store.Outcome, error) {
	raw := x.attributes[attributeRaw] == "true" && m.Type == typeNotify
	body := []byte(m.Text)
	if !raw {
		e := s.envelope(x, m)
		if err := s.sign(ctx, e, t.attributes[attributeSignature]); err != nil {
			return store.Done, err
		}
		var err error
		if body, err = e.encode(); err != nil {
			return store.Done, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, x.endpoint, bytes.NewReader(body))
	if err != nil {
		return store.Dead("the endpoint is malformed: " + err.Error()), nil
	}
	h := r.Header
	h.Set("Content-Type", contentType)
	h.Set("User-Agent", "Amazon Simple Notification Service Agent")
	h.Set("X-Amz-Sns-Message-Type", m.Type)
	h.Set("X-Amz-Sns-Message-Id", m.ID)
	h.Set("X-Amz-Sns-Topic-Arn", s.arn(x.topic))
	if m.Type == typeNotify {
		h.Set("X-Amz-Sns-Subscription-Arn", s.subscriptionARN(x.topic, x.id))
	}
	if raw {
		h.Set("X-Amz-Sns-Rawdelivery", "true")
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return store.Done, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer) // so that the connection can serve again
	return answered(x.endpoint, resp.StatusCode)
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 64 << 10

// answered tells what an answer of an endpoint means, as SNS takes it: what the client is to blame for is not tried
// again, but for too many requests.
func answered(endpoint string, status int) (store.Outcome, error) {
	switch {
	case status >= 200 && status < 300:
		return store.Done, nil
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
		return store.Dead(fmt.Sprintf("%s answered %d %s", endpoint, status, http.StatusText(status))), nil
	case status >= 300 && status < 400:
		return store.Dead(fmt.Sprintf("%s answered %d: redirects are not followed", endpoint, status)), nil
	}
	return store.Done, fmt.Errorf("%s answered %d %s", endpoint, status, http.StatusText(status))
}
