package build

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"

	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// WebhookPath begins the paths of payload URLs. What follows is a token of 256 random bits.
const WebhookPath = "/webhooks/codebuild/"

// webhook is one in the database.
type webhook struct {
	project       string
	token, secret string // the last part of its payload URL, and what its deliveries are signed with
	doc           cb.Webhook
	hook          string // its URL at the forge, if it was made there
	repository    string // the ID of its repository at the forge, once it is known
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func sealPlace(project string) string { return "codebuild webhook " + project }

// seal seals the token and the secret of a webhook.
func (s *Service) seal(w *webhook) (string, error) {
	text, err := json.Marshal([]string{w.token, w.secret})
	return s.Seal.Seal(text, sealPlace(w.project)), err
}

const webhookColumns = `SELECT project, sealed, doc, hook, repository FROM webhooks `

func (s *Service) webhooks(ctx context.Context, q store.Queryer, where string, args ...any) ([]*webhook, error) {
	return store.All(ctx, q, func(r *sql.Rows) (*webhook, error) {
		w := &webhook{}
		var sealed string
		if err := r.Scan(&w.project, &sealed, store.JSON(&w.doc), &w.hook, &w.repository); err != nil {
			return nil, err
		}
		text, err := s.Seal.Open(sealed, sealPlace(w.project))
		if err != nil {
			return nil, fmt.Errorf("webhook of %s: %w", w.project, err)
		}
		var x [2]string
		err = json.Unmarshal(text, &x)
		w.token, w.secret = x[0], x[1]
		return w, err
	}, webhookColumns+where, args...)
}

// webhookOf returns the webhook of a project, or nil.
func (s *Service) webhookOf(ctx context.Context, q store.Queryer, project string) (*webhook, error) {
	return first(s.webhooks(ctx, q, `WHERE project = $1`, project))
}

// webhookBy returns the webhook of a payload URL by its last part, or nil.
func (s *Service) webhookBy(ctx context.Context, token string) (*webhook, error) {
	return first(s.webhooks(ctx, s.db, `WHERE token_hash = $1`, tokenHash(token)))
}

func first[T any](all []*T, err error) (*T, error) {
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

func (s *Service) insertWebhook(ctx context.Context, tx store.Tx, w *webhook) error {
	sealed, err := s.seal(w)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO webhooks (project, token_hash, sealed, doc, hook) VALUES ($1, $2, $3, $4, $5)`,
		w.project, tokenHash(w.token), sealed, store.JSON(&w.doc), w.hook)
	s.Hints.Changed(tx, "builds")
	return err
}

func (s *Service) saveWebhook(ctx context.Context, tx store.Tx, w *webhook) error {
	sealed, err := s.seal(w)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE webhooks SET sealed = $2, doc = $3, hook = $4 WHERE project = $1`, w.project, sealed,
		store.JSON(&w.doc), w.hook)
	s.Hints.Changed(tx, "builds")
	return err
}

// deleteWebhook deletes the webhook of a project, with what is known of its deliveries.
func deleteWebhook(ctx context.Context, tx store.Tx, project string) error {
	for _, table := range []string{"webhooks", "webhook_deliveries", "webhook_seen"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE project = $1`, project); err != nil {
			return err
		}
	}
	return nil
}

// shownWebhook is a webhook as operations return it. As at AWS its secret is told when it is made, and never again.
func (s *Service) shownWebhook(w *webhook, secret bool) *cb.Webhook {
	d := w.doc
	d.PayloadUrl = new(s.URL + WebhookPath + w.token)
	if w.hook != "" {
		d.Url = &w.hook
	}
	if secret {
		d.Secret = &w.secret
	}
	return &d
}

// withWebhooks adds their webhooks to projects.
func (s *Service) withWebhooks(ctx context.Context, projects ...*cb.Project) error {
	byName := map[string]*cb.Project{}
	var names []any
	for _, p := range projects {
		byName[*p.Name] = p
		names = append(names, *p.Name)
	}
	all, err := s.webhooks(ctx, s.db, `WHERE project IN `+store.In(1, len(names)), names...)
	for _, w := range all {
		byName[w.project].Webhook = s.shownWebhook(w, false)
	}
	return err
}
