package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

const (
	// maxDelivery bounds a delivery in bytes: GitHub sends none that is larger.
	maxDelivery = 25 << 20
	// maxDeliveries bounds how many deliveries are read at a time, and with it the memory that strangers can take.
	maxDeliveries = 4
	// deliveryTime bounds how long a delivery may take to arrive. Forges wait ten seconds for the answer.
	deliveryTime = 10 * time.Second
)

// Delivery is one whose proof was checked.
type Delivery struct {
	Forge  Forge
	Header http.Header
	Body   []byte
}

// Receiver reads deliveries of webhooks. Nothing of one is parsed before its proof was checked, and its body is read
// only for those who know the payload URL.
type Receiver struct {
	reading chan struct{}
	log     *slog.Logger
}

// NewReceiver returns a Receiver that logs what fails inside the server.
func NewReceiver(log *slog.Logger) *Receiver {
	return &Receiver{reading: make(chan struct{}, maxDeliveries), log: log}
}

// Refusal is an answer to a delivery that starts nothing.
type Refusal struct {
	Status int
	err    error
}

// Error implements error.
func (r *Refusal) Error() string { return r.err.Error() }

// Refuse returns a Refusal.
func Refuse(status int, format string, args ...any) error {
	return &Refusal{status, fmt.Errorf(format, args...)}
}

// Serve answers a delivery with what take says of it, in words for people.
func (h *Receiver) Serve(w http.ResponseWriter, r *http.Request, take func() ([]string, error)) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	var told []string
	var err error
	if r.Method == http.MethodPost {
		told, err = take()
	} else {
		w.Header().Set("Allow", http.MethodPost)
		err = Refuse(http.StatusMethodNotAllowed, "a forge delivers by POST")
	}
	status, message := http.StatusOK, strings.Join(told, "\n")
	if err != nil {
		status, message = http.StatusInternalServerError, "The delivery failed inside the server; its log says why."
		if x, ok := errors.AsType[*Refusal](err); ok {
			status, message = x.Status, x.Error()
		} else {
			h.log.Error("delivery to a webhook", "error", err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

// Read reads a delivery and checks its proof. Its errors are Refusals. The forge is told also of one that is refused,
// if it is known.
func (h *Receiver) Read(w http.ResponseWriter, r *http.Request, secret string, now time.Time) (Delivery, error) {
	d := Delivery{Forge: ForgeOf(r.Header), Header: r.Header}
	if d.Forge == "" {
		return d, Refuse(http.StatusBadRequest,
			"the delivery has no header of GitHub, GitLab, Gitea or Bitbucket that says what it is")
	}
	done, err := d.Forge.Early(r.Header, secret)
	if err != nil {
		return d, &Refusal{http.StatusUnauthorized, err}
	}
	if d.Body, err = h.Body(w, r); err != nil || done {
		return d, err
	}
	if err := d.Forge.Proof(r.Header, d.Body, secret, now); err != nil {
		return d, &Refusal{http.StatusUnauthorized, err}
	}
	return d, nil
}

// Body reads a delivery whose proof is the caller's to check, of which a few are read at a time. Its errors are
// Refusals.
func (h *Receiver) Body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxDelivery {
		return nil, tooLarge()
	}
	ctx, cancel := context.WithTimeout(r.Context(), deliveryTime)
	defer cancel()
	select {
	case h.reading <- struct{}{}:
		defer func() { <-h.reading }()
	case <-ctx.Done():
		return nil, Refuse(http.StatusServiceUnavailable, "too many deliveries arrive at the same time; send it again")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(deliveryTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDelivery))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, Refuse(http.StatusBadRequest, "the delivery did not arrive: %w", err)
	}
	return body, nil
}

func tooLarge() error {
	return Refuse(http.StatusRequestEntityTooLarge, "the delivery is larger than %d MB", maxDelivery>>20)
}
