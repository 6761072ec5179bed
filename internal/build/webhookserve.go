package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"slipway/internal/build/hook"
)

const (
	// maxDelivery bounds a delivery in bytes: GitHub sends none that is larger.
	maxDelivery = 25 << 20
	// maxDeliveries bounds how many deliveries are read at a time, and with it the memory that strangers can take.
	maxDeliveries = 4
	// deliveryTime bounds how long a delivery may take to arrive. Forges wait ten seconds for the answer.
	deliveryTime = 10 * time.Second
)

// Webhooks serves the payload URLs of webhooks.
type Webhooks struct {
	service *Service
	reading chan struct{}
}

// NewWebhooks returns the handler of payload URLs.
func NewWebhooks(s *Service) *Webhooks {
	return &Webhooks{service: s, reading: make(chan struct{}, maxDeliveries)}
}

// Accepts reports whether a request is for a payload URL.
func (*Webhooks) Accepts(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, WebhookPath) }

// refusal is an answer to a delivery that starts nothing.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }

func refused(status int, format string, args ...any) error {
	return &refusal{status, fmt.Errorf(format, args...)}
}

// ServeHTTP takes a delivery. Nothing of it is parsed before its proof was checked, and its body is read only for those
// who know the payload URL. Builds are durable before the answer.
func (h *Webhooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	told, err := h.take(w, r)
	status, message := http.StatusOK, strings.Join(told, "\n")
	if err != nil {
		status, message = http.StatusInternalServerError, "The delivery failed inside the server; its log says why."
		if x, ok := errors.AsType[*refusal](err); ok {
			status, message = x.status, x.Error()
		} else {
			h.service.Log.Error("delivery to a webhook", "error", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (h *Webhooks) take(w http.ResponseWriter, r *http.Request) ([]string, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, refused(http.StatusMethodNotAllowed, "a forge delivers by POST")
	}
	of, err := h.service.webhookBy(r.Context(), strings.TrimPrefix(r.URL.Path, WebhookPath))
	switch {
	case err != nil:
		return nil, err
	case of == nil:
		return nil, refused(http.StatusNotFound, "there is no such webhook")
	}
	forge := hook.ForgeOf(r.Header)
	if forge == "" {
		return nil, refused(http.StatusBadRequest,
			"the delivery has no header of GitHub, GitLab, Gitea or Bitbucket that says what it is")
	}
	body, err := h.proven(w, r, of, forge)
	if err != nil {
		h.service.noteRefusal(r.Context(), of, forge, err)
		return nil, err
	}
	return h.service.deliver(r.Context(), of, forge, r.Header, body)
}

// proven reads the body of a delivery and checks its proof.
func (h *Webhooks) proven(w http.ResponseWriter, r *http.Request, of *webhook, forge hook.Forge) ([]byte, error) {
	done, err := forge.Early(r.Header, of.secret)
	if err != nil {
		return nil, &refusal{http.StatusUnauthorized, err}
	}
	if r.ContentLength > maxDelivery {
		return nil, tooLarge()
	}
	ctx, cancel := context.WithTimeout(r.Context(), deliveryTime)
	defer cancel()
	select {
	case h.reading <- struct{}{}:
		defer func() { <-h.reading }()
	case <-ctx.Done():
		return nil, refused(http.StatusServiceUnavailable, "too many deliveries arrive at the same time; send it again")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(deliveryTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDelivery))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, refused(http.StatusBadRequest, "the delivery did not arrive: %w", err)
	}
	if !done {
		if err := forge.Proof(r.Header, body, of.secret, h.service.Now()); err != nil {
			return nil, &refusal{http.StatusUnauthorized, err}
		}
	}
	return body, nil
}

func tooLarge() error {
	return refused(http.StatusRequestEntityTooLarge, "the delivery is larger than %d MB", maxDelivery>>20)
}
