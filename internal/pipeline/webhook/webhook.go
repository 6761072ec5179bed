// Package webhook has the webhooks of pipelines: URLs to which anything that speaks HTTP posts JSON, and that start a
// pipeline if the request proves itself and fits the webhook's filters. Source: the operation PutWebhook and its types
// in the CodePipeline API reference.
package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/pipeline"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

// Path begins the paths of the URLs of webhooks. What follows is a token of 256 random bits.
const Path = "/webhooks/codepipeline/"

// maxWebhooks is the quota of webhooks of an account in a region ("Quotas in CodePipeline").
const maxWebhooks = 300

// Config is what the service needs to know of where it runs, and what it works with.
type Config struct {
	Region, Account string
	URL             string // of the server
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Seal            *seal.Sealer
	Hints           *event.Hints
	Pipelines       *pipeline.Service
	Forges          *http.Client // calls GitHub
	GitHub          string       // the base of its API
}

// Service implements the operations of webhooks, and takes what is delivered to them.
type Service struct {
	Config
	db *store.Store
}

// New returns the service.
func New(db *store.Store, c Config) *Service { return &Service{c, db} }

func (s *Service) arn(name string) string {
	return "arn:aws:codepipeline:" + s.Region + ":" + s.Account + ":" + pipeline.WebhookPrefix + name
}

func invalid(format string, args ...any) error {
	return &cp.ValidationException{Message: fmt.Sprintf(format, args...)}
}

// PutWebhook implements codepipeline:PutWebhook. A webhook that is there already keeps its URL, and its secret if the
// mask that stands for it is given.
func (s *Service) PutWebhook(ctx context.Context, in *cp.PutWebhookInput) (*cp.PutWebhookOutput, error) {
	d := *in.Webhook
	if err := checkAuthentication(&d); err != nil {
		return nil, err
	}
	target, err := s.target(ctx, &d)
	if err != nil {
		return nil, err
	}
	if err := checkFilters(d.Filters, target); err != nil {
		return nil, err
	}
	token, err := newToken()
	if err != nil {
		return nil, err
	}
	var w *webhook
	err = s.db.Write(ctx, func(tx store.Tx) error {
		before, err := byName(ctx, s, tx, *d.Name)
		if err != nil {
			return err
		}
		w = &webhook{definition: d, token: token}
		if before != nil {
			w.token = before.token
		} else if err := mayCreate(ctx, tx); err != nil {
			return err
		}
		if err := w.takeSecret(before); err != nil {
			return err
		}
		if err := s.write(ctx, tx, w); err != nil {
			return err
		}
		return pipeline.TagWebhook(ctx, tx, *d.Name, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	shown := s.shown(w)
	shown.Tags = in.Tags
	return &cp.PutWebhookOutput{Webhook: shown}, nil
}

func mayCreate(ctx context.Context, tx store.Tx) error {
	var n int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM pipeline_webhooks`).Scan(&n); err != nil || n < maxWebhooks {
		return err
	}
	return &cp.LimitExceededException{
		Message: fmt.Sprintf("This account has %d webhooks already, the most that it may have", n),
	}
}

// target is the source action that a webhook names.
func (s *Service) target(ctx context.Context, d *cp.WebhookDefinition) (*cp.ActionDeclaration, error) {
	p, err := s.Pipelines.Definition(ctx, s.db, *d.TargetPipeline)
	if err != nil {
		return nil, err
	}
	a := sourceOf(p, *d.TargetAction)
	if a == nil {
		return nil, invalid("The pipeline '%s' has no source action '%s'", *d.TargetPipeline, *d.TargetAction)
	}
	return a, nil
}

// sourceOf finds a source action of a pipeline by its name, or returns nil.
func sourceOf(p *cp.PipelineDeclaration, name string) *cp.ActionDeclaration {
	for i := range p.Stages[0].Actions {
		if a := &p.Stages[0].Actions[i]; *a.Name == name {
			return a
		}
	}
	return nil
}

// DeleteWebhook implements codepipeline:DeleteWebhook. One that is not there is no error.
func (s *Service) DeleteWebhook(ctx context.Context, in *cp.DeleteWebhookInput) (*cp.DeleteWebhookOutput, error) {
	return &cp.DeleteWebhookOutput{}, s.db.Write(ctx, func(tx store.Tx) error {
		return pipeline.DeleteWebhooks(ctx, tx, `name = $1`, *in.Name)
	})
}

const (
	webhooksAPage = 100
	selectTags    = `SELECT webhook, key, value FROM pipeline_webhook_tags WHERE webhook > $1 AND webhook <= $2
		ORDER BY webhook, key`
)

// ListWebhooks implements codepipeline:ListWebhooks, by name.
func (s *Service) ListWebhooks(ctx context.Context, in *cp.ListWebhooksInput) (*cp.ListWebhooksOutput, error) {
	after := ""
	if !s.Pager.Place("ListWebhooks", nil, in.NextToken, &after) {
		return nil, &cp.InvalidNextTokenException{
			Message: "The next token is not valid: it was not made for this list",
		}
	}
	limit := webhooksAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	all, err := s.read(ctx, s.db, `WHERE name > $1 ORDER BY name LIMIT $2`, after, limit+1)
	if err != nil {
		return nil, err
	}
	out := &cp.ListWebhooksOutput{Webhooks: []cp.ListWebhookItem{}}
	if len(all) > limit {
		all = all[:limit]
		out.NextToken = s.Pager.Token("ListWebhooks", nil, *all[limit-1].definition.Name)
	}
	if len(all) == 0 {
		return out, nil
	}
	tags, err := tagsOf(ctx, s.db, after, *all[len(all)-1].definition.Name)
	for _, w := range all {
		item := s.shown(w)
		item.Tags = tags[*w.definition.Name]
		out.Webhooks = append(out.Webhooks, *item)
	}
	return out, err
}
