package notify

import (
	"encoding/xml"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/sns"
)

// Links serves what subscribers open without a signature: the links of messages, and the certificate that messages are
// signed with.
type Links struct{ *Service }

// Accepts reports whether a request is one of these.
func (Links) Accepts(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if strings.HasPrefix(r.URL.Path, certificatePath) {
		return true
	}
	action := r.URL.Query().Get("Action")
	return r.URL.Path == "/" && (action == "ConfirmSubscription" || action == "Unsubscribe")
}

func (l Links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("Cache-Control", "no-store")
	if strings.HasPrefix(r.URL.Path, certificatePath) {
		l.certificate(w, r)
		return
	}
	q := r.URL.Query()
	if q.Get("Action") == "Unsubscribe" {
		arn := q.Get("SubscriptionArn")
		l.answer(w, "Unsubscribe", "", l.end(r, arn))
		return
	}
	topic, token := q.Get("TopicArn"), q.Get("Token")
	out, err := l.ConfirmSubscription(r.Context(), &sns.ConfirmSubscriptionInput{TopicArn: &topic, Token: &token})
	if err != nil {
		l.answer(w, "ConfirmSubscription", "", err)
		return
	}
	l.answer(w, "ConfirmSubscription", *out.SubscriptionArn, nil)
}

// end ends a subscription, unless only a signed request may.
func (l Links) end(r *http.Request, arn string) error {
	id, err := l.subscriptionOf(arn)
	if err != nil {
		return err
	}
	x, err := l.subscription(r.Context(), l.db, id)
	if err == nil && x.guarded {
		return &sns.AuthorizationErrorException{Message: "This subscription is ended by a signed request alone."}
	}
	if awsproto.Code(err) != "NotFound" && err != nil {
		return err
	}
	_, err = l.Unsubscribe(r.Context(), &sns.UnsubscribeInput{SubscriptionArn: &arn})
	return err
}

func (l Links) certificate(w http.ResponseWriter, r *http.Request) {
	g, err := l.signing(r.Context())
	switch {
	case err != nil:
		l.Log.Error("certificate of notifications", "error", err)
		http.Error(w, "The request failed inside the server; its log says why.", http.StatusInternalServerError)
	case r.URL.Path != g.path():
		http.NotFound(w, r)
	default:
		w.Header().Set("Content-Type", "application/x-pem-file")
		_, _ = w.Write([]byte(g.certificate))
	}
}

// answer writes the outcome of a link in SNS's form.
func (l Links) answer(w http.ResponseWriter, action, arn string, err error) {
	w.Header().Set("Content-Type", "text/xml")
	if err != nil {
		status, code := http.StatusInternalServerError, "InternalFailure"
		message := "The request failed inside the server."
		if e, ok := err.(awsproto.ServiceError); ok {
			status, code, message = e.HTTPStatus(), e.ErrorCode(), e.Error()
		} else {
			l.Log.Error("link of a notification", "action", action, "error", err)
		}
		w.WriteHeader(status)
		_ = xml.NewEncoder(w).Encode(struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Code    string   `xml:"Error>Code"`
			Message string   `xml:"Error>Message"`
		}{Code: code, Message: message})
		return
	}
	_ = xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name
		Xmlns   string `xml:"xmlns,attr"`
		Result  struct {
			XMLName         xml.Name
			SubscriptionArn string `xml:",omitempty"`
		}
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}{
		XMLName: xml.Name{Local: action + "Response"},
		Xmlns:   "http://sns.amazonaws.com/doc/2010-03-31/",
		Result: struct {
			XMLName         xml.Name
			SubscriptionArn string `xml:",omitempty"`
		}{xml.Name{Local: action + "Result"}, arn},
		RequestID: awsproto.NewRequestID(),
	})
}
