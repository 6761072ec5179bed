package webhook

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

// webhook is one in the database.
type webhook struct {
	definition     cp.WebhookDefinition // without its secret
	token, secret  string               // the last part of its URL, and what its deliveries are signed with
	triggered      *int64               // when it last started its pipeline, in Unix milliseconds
	errCode, fault string               // of its last delivery
	hook           string               // its URL at the forge, if it was registered there
}

func newToken() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func place(name string) string { return "codepipeline webhook " + name }

// takeSecret moves the secret out of the definition. The mask stands for the secret of the webhook before.
func (w *webhook) takeSecret(before *webhook) error {
	c := *w.definition.AuthenticationConfiguration
	w.definition.AuthenticationConfiguration = &c
	if c.SecretToken == nil {
		return nil
	}
	w.secret, c.SecretToken = *c.SecretToken, nil
	if w.secret != mask {
		return nil
	}
	if before == nil || before.secret == "" {
		return &cp.InvalidWebhookAuthenticationParametersException{
			Message: "The SecretToken **** stands for the secret of a webhook that has one, and this one has none",
		}
	}
	w.secret = before.secret
	return nil
}

// mask is what is shown instead of a secret.
const mask = "****"

const columns = `SELECT name, sealed, doc, triggered, error_code, error, hook FROM pipeline_webhooks `

func (s *Service) read(ctx context.Context, q store.Queryer, where string, args ...any) ([]*webhook, error) {
	return store.All(ctx, q, func(r *sql.Rows) (*webhook, error) {
		w := &webhook{}
		var name, sealed string
		err := r.Scan(&name, &sealed, store.JSON(&w.definition), &w.triggered, &w.errCode, &w.fault, &w.hook)
		if err != nil {
			return nil, err
		}
		text, err := s.Seal.Open(sealed, place(name))
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", name, err)
		}
		var x [2]string
		err = json.Unmarshal(text, &x)
		w.token, w.secret = x[0], x[1]
		return w, err
	}, columns+where, args...)
}

// byName returns a webhook, or nil.
func byName(ctx context.Context, s *Service, q store.Queryer, name string) (*webhook, error) {
	return first(s.read(ctx, q, `WHERE name = $1`, name))
}

func first(all []*webhook, err error) (*webhook, error) {
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

const upsert = `INSERT INTO pipeline_webhooks (name, pipeline, token_hash, sealed, doc) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (name) DO UPDATE SET pipeline = excluded.pipeline, sealed = excluded.sealed, doc = excluded.doc,
		error_code = '', error = ''`

func (s *Service) write(ctx context.Context, tx store.Tx, w *webhook) error {
	text, err := json.Marshal([]string{w.token, w.secret})
	if err != nil {
		return err
	}
	d := &w.definition
	_, err = tx.Exec(ctx, upsert, *d.Name, *d.TargetPipeline, tokenHash(w.token), s.Seal.Seal(text, place(*d.Name)),
		store.JSON(d))
	s.Hints.Changed(tx, "pipeline/"+*d.TargetPipeline)
	return err
}

// shown is a webhook as operations return it: its secret is masked.
func (s *Service) shown(w *webhook) *cp.ListWebhookItem {
	d := w.definition
	if w.secret != "" {
		c := *d.AuthenticationConfiguration
		c.SecretToken = new(mask)
		d.AuthenticationConfiguration = &c
	}
	item := &cp.ListWebhookItem{Definition: &d, Url: new(s.URL + Path + w.token), Arn: new(s.arn(*d.Name))}
	if w.triggered != nil {
		item.LastTriggered = awsproto.At(time.UnixMilli(*w.triggered))
	}
	if w.errCode != "" {
		item.ErrorCode, item.ErrorMessage = &w.errCode, &w.fault
	}
	return item
}

// tagsOf are the tags of the webhooks after one name and up to another.
func tagsOf(ctx context.Context, q store.Queryer, after, last string) (map[string][]cp.Tag, error) {
	type tag struct{ webhook, key, value string }
	scan := func(r *sql.Rows) (t tag, err error) { return t, r.Scan(&t.webhook, &t.key, &t.value) }
	all, err := store.All(ctx, q, scan, selectTags, after, last)
	tags := map[string][]cp.Tag{}
	for _, t := range all {
		tags[t.webhook] = append(tags[t.webhook], cp.Tag{Key: &t.key, Value: &t.value})
	}
	return tags, err
}
