package build

import (
	"net/http"
	"strings"

	"slipway/internal/forge"
)

// Webhooks serves the payload URLs of webhooks.
type Webhooks struct {
	service  *Service
	receiver *forge.Receiver
}

// NewWebhooks returns the handler of payload URLs.
func NewWebhooks(s *Service) *Webhooks { return &Webhooks{s, forge.NewReceiver(s.Log)} }

// Accepts reports whether a request is for a payload URL.
func (*Webhooks) Accepts(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, WebhookPath) }

// ServeHTTP takes a delivery. Builds are durable before the answer.
func (h *Webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.receiver.Serve(w, r, func() ([]string, error) { return h.take(w, r) })
}

func (h *Webhooks) take(w http.ResponseWriter, r *http.Request) ([]string, error) {
	of, err := h.service.webhookBy(r.Context(), strings.TrimPrefix(r.URL.Path, WebhookPath))
	switch {
	case err != nil:
		return nil, err
	case of == nil:
		return nil, forge.Refuse(http.StatusNotFound, "there is no such webhook")
	}
	d, err := h.receiver.Read(w, r, of.secret, h.service.Now())
	if err != nil {
		if d.Forge != "" {
			h.service.noteRefusal(r.Context(), of, d.Forge, err)
		}
		return nil, err
	}
	return h.service.deliver(r.Context(), of, d)
}
