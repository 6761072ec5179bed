package connection

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// WebhookPath begins the paths of payload URLs. What follows is a token of 256 random bits.
const WebhookPath = "/webhooks/connections/"

func (s *Service) payloadURL(c *connection) string { return s.URL + WebhookPath + c.path }

// RotateConnectionWebhook implements slipway:RotateConnectionWebhook. It makes the secret of the connection's webhook,
// or a new one, and returns it for the only time. The payload URL stays as it is.
func (s *Service) RotateConnectionWebhook(ctx context.Context,
	in *slipway.ConnectionInput) (*slipway.RotateConnectionWebhookOutput, error) {
	var c *connection
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if c, err = s.named(ctx, tx, *in.ConnectionArn); err != nil {
			return err
		}
		c.secret = rand.Text() + rand.Text()
		return s.saveWebhook(ctx, tx, c)
	})
	if err != nil {
		return nil, err
	}
	return &slipway.RotateConnectionWebhookOutput{PayloadUrl: new(s.payloadURL(c)), Secret: &c.secret}, nil
}

// saveWebhook writes the secret of a webhook, and makes its payload URL the first time.
func (s *Service) saveWebhook(ctx context.Context, tx store.Tx, c *connection) error {
	if c.path == "" {
		c.path = rand.Text() + rand.Text()
	}
	sealed, err := s.sealPair(webhookPlace(c.id), c.path, c.secret)
	if err != nil {
		return err
	}
	s.Hints.Changed(tx, "connections", "connection/"+c.id)
	_, err = tx.Exec(ctx, `UPDATE connections SET webhook = $2, token_hash = $3 WHERE id = $1`, c.id, sealed,
		hashOf(c.path))
	return err
}

// RegisterConnectionWebhook implements slipway:RegisterConnectionWebhook: it makes the connection's webhook at the
// forge, for a repository, with the connection's token.
func (s *Service) RegisterConnectionWebhook(ctx context.Context,
	in *slipway.RegisterConnectionWebhookInput) (*slipway.RegisterConnectionWebhookOutput, error) {
	if err := checkRepository(*in.FullRepositoryId); err != nil {
		return nil, err
	}
	c, err := s.available(ctx, *in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	a := s.api(c)
	if a == nil {
		return nil, refuse("A connection of the type %s has no API to make a webhook with. Make it at the forge, with "+
			"the payload URL and the secret of slipway connections webhook.", c.doc.ProviderType)
	}
	if c.secret == "" {
		err := s.db.Write(ctx, func(tx store.Tx) (err error) {
			if c, err = s.named(ctx, tx, *in.ConnectionArn); err != nil || c.secret != "" {
				return err
			}
			c.secret = rand.Text() + rand.Text()
			return s.saveWebhook(ctx, tx, c)
		})
		if err != nil {
			return nil, err
		}
	}
	_, err = a.CreateHook(ctx, a.HooksPath(*in.FullRepositoryId, ""), forge.Webhook{
		URL:         s.payloadURL(c),
		Secret:      c.secret,
		Description: "Pipelines of the connection " + *c.doc.ConnectionName,
		Pushes:      true,
		Pulls:       true,
	})
	if refused, ok := errors.AsType[*forge.CallError](err); ok {
		return nil, refuse("The webhook of %s could not be made at the forge (%v). The token needs the right to "+
			"manage webhooks. Or make the webhook there, with the payload URL and the secret of slipway connections "+
			"webhook.",
			*in.FullRepositoryId, refused)
	}
	return &slipway.RegisterConnectionWebhookOutput{PayloadUrl: new(s.payloadURL(c))}, err
}

// Accepts reports whether a request is for a payload URL.
func (*Service) Accepts(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, WebhookPath) }

// ServeHTTP takes a delivery. What it starts is durable before the answer.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.receiver.Serve(w, r, func() ([]string, error) { return s.take(w, r) })
}

func (s *Service) take(w http.ResponseWriter, r *http.Request) ([]string, error) {
	token := strings.TrimPrefix(r.URL.Path, WebhookPath)
	all, err := s.connections(r.Context(), s.db, `WHERE c.token_hash = $1`, hashOf(token))
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, forge.Refuse(http.StatusNotFound, "there is no such webhook")
	}
	c := all[0]
	d, err := s.receiver.Read(w, r, c.secret, s.Now())
	if err != nil {
		if d.Forge != "" {
			s.noteRefusal(r.Context(), c, d.Forge, err)
		}
		return nil, err
	}
	return s.deliver(r.Context(), c, d)
}
