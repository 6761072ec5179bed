package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// seenFor is how long a signed delivery that started an execution starts no other.
const seenFor = 7 * 24 * time.Hour

// Handler serves the URLs of webhooks.
type Handler struct {
	service  *Service
	receiver *forge.Receiver
}

// NewHandler returns the handler of the URLs of webhooks.
func NewHandler(s *Service) *Handler { return &Handler{s, forge.NewReceiver(s.Log)} }

// Accepts reports whether a request is for the URL of a webhook.
func (*Handler) Accepts(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, Path) }

// ServeHTTP takes a delivery. Nothing of it is parsed before its proof was checked, and its body is read only for those
// who know the URL. The execution is durable before the answer.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.receiver.Serve(w, r, func() ([]string, error) { return h.take(w, r) })
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request) ([]string, error) {
	s, ctx := h.service, r.Context()
	of, err := first(s.read(ctx, s.db, `WHERE token_hash = $1`, tokenHash(strings.TrimPrefix(r.URL.Path, Path))))
	switch {
	case err != nil:
		return nil, err
	case of == nil:
		return nil, forge.Refuse(http.StatusNotFound, "there is no such webhook")
	}
	told, err := h.deliver(w, r, of)
	return []string{told}, s.note(ctx, of, err)
}

func (h *Handler) deliver(w http.ResponseWriter, r *http.Request, of *webhook) (string, error) {
	if err := of.early(r.Header, awsproto.PeerOf(r.Context()).Address); err != nil {
		return "", forge.Refuse(http.StatusForbidden, "%w", err)
	}
	body, err := h.receiver.Body(w, r)
	if err != nil {
		return "", err
	}
	if err := of.proof(r.Header, body); err != nil {
		return "", forge.Refuse(http.StatusForbidden, "%w", err)
	}
	return h.service.deliver(r.Context(), of, body)
}

// codes are what ListWebhooks says of refused deliveries. What may pass by itself is not told.
var codes = map[int]string{
	http.StatusForbidden:             "AuthenticationFailed",
	http.StatusRequestEntityTooLarge: "InvalidRequest",
	http.StatusConflict:              "InvalidTarget",
}

// note remembers why a delivery was refused, for ListWebhooks.
func (s *Service) note(ctx context.Context, of *webhook, err error) error {
	x, ok := errors.AsType[*forge.Refusal](err)
	if !ok || codes[x.Status] == "" || of.fault == x.Error() {
		return err
	}
	return errors.Join(err, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE pipeline_webhooks SET error_code = $2, error = $3 WHERE name = $1`,
			*of.definition.Name, codes[x.Status], x.Error())
		return err
	}))
}

// deliver starts the pipeline of a webhook, if the delivery fits its filters.
func (s *Service) deliver(ctx context.Context, of *webhook, body []byte) (string, error) {
	d := &of.definition
	p, err := s.Pipelines.Definition(ctx, s.db, *d.TargetPipeline)
	if err != nil {
		return "", err
	}
	target := sourceOf(p, *d.TargetAction)
	if target == nil {
		return "", forge.Refuse(http.StatusConflict, "the pipeline %s has no source action %s any more",
			*d.TargetPipeline, *d.TargetAction)
	}
	if ok, why := decide(d.Filters, target, body); !ok {
		return "the pipeline was not started: " + why, nil
	}
	var started struct{ ID string }
	err = s.db.Write(ctx, func(tx store.Tx) error {
		return s.db.Once(ctx, tx, "webhook "+*d.Name, of.once(body), "", &started, s.Now().Add(seenFor), func() error {
			if err := s.mark(ctx, tx, of); err != nil {
				return err
			}
			started.ID, err = s.Pipelines.Trigger(ctx, tx, *d.TargetPipeline, cp.ExecutionTrigger{
				TriggerType:   cp.TriggerTypeWebhook,
				TriggerDetail: new(s.arn(*d.Name)),
			})
			return err
		})
	})
	return "the pipeline " + *d.TargetPipeline + " was started: execution " + started.ID, err
}

// once is what a delivery is recognised by when it comes again; "" for one that nothing tells from another. A signed
// body has in it what happened, so that the same body is the same event.
func (w *webhook) once(body []byte) string {
	if w.definition.Authentication != cp.WebhookAuthenticationTypeGithubHmac {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (s *Service) mark(ctx context.Context, tx store.Tx, of *webhook) error {
	_, err := tx.Exec(ctx, `UPDATE pipeline_webhooks SET triggered = $2, error_code = '', error = '' WHERE name = $1`,
		*of.definition.Name, s.Now().UnixMilli())
	return err
}
