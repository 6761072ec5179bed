package build

import (
	"context"
	"database/sql"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// keptDeliveries is how many deliveries of a webhook are remembered, the newest.
const keptDeliveries = 100

// refusedID is the ID of the one delivery that stands for all that were refused: whoever knows the payload URL can send
// any number of them.
const refusedID = "refused"

// noted writes what came of a delivery that started nothing.
func (s *Service) noted(ctx context.Context, a *arrival, outcome, why string) error {
	d := a.delivery
	d.Reason = &why
	return s.db.Write(ctx, func(tx store.Tx) error { return s.note(ctx, tx, a.webhook.project, d, outcome) })
}

// note writes what came of a delivery, and forgets the oldest. A webhook that was deleted meanwhile has none.
func (s *Service) note(ctx context.Context, tx store.Tx, project string, d slipway.WebhookDelivery,
	outcome string) error {
	now := s.Now()
	d.Time, d.Outcome = awsproto.At(now), &outcome
	var seq int64
	ok, err := store.Find(ctx, tx, []any{&seq},
		`UPDATE webhooks SET last_seq = last_seq + 1 WHERE project = $1 RETURNING last_seq`, project)
	if err != nil || !ok {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO webhook_deliveries (project, seq, received, doc) VALUES ($1, $2, $3, $4)`,
		project, seq, now.UnixMilli(), store.JSON(&d)); err != nil {
		return err
	}
	s.Hints.Changed(tx, "builds")
	_, err = tx.Exec(ctx, `DELETE FROM webhook_deliveries WHERE project = $1 AND seq <= $2 AND seq > 0`, project,
		seq-keptDeliveries)
	return err
}

// noteRefusal remembers the newest delivery that was refused, in place of the one before, at most once in ten seconds.
func (s *Service) noteRefusal(ctx context.Context, w *webhook, by forge.Forge, why error) {
	now := s.Now()
	if !s.refusals.due(w.project, now) {
		return
	}
	d := slipway.WebhookDelivery{Id: new(refusedID), Time: awsproto.At(now), Event: new(string(by)),
		Outcome: new(deliveryRefused), Reason: new(why.Error())}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		s.Hints.Changed(tx, "builds")
		_, err := tx.Exec(ctx, `INSERT INTO webhook_deliveries (project, seq, received, doc) VALUES ($1, 0, $2, $3)
			ON CONFLICT (project, seq) DO UPDATE SET received = excluded.received, doc = excluded.doc`,
			w.project, now.UnixMilli(), store.JSON(&d))
		return err
	})
	if err != nil {
		s.Log.Error("note a refused delivery", "project", w.project, "error", err)
	}
}

// ListWebhookDeliveries implements slipway:ListWebhookDeliveries: the newest first.
func (s *Service) ListWebhookDeliveries(ctx context.Context,
	in *slipway.ListWebhookDeliveriesInput) (*slipway.ListWebhookDeliveriesOutput, error) {
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (d slipway.WebhookDelivery, err error) {
		return d, r.Scan(store.JSON(&d))
	}, `SELECT doc FROM webhook_deliveries WHERE project = $1 ORDER BY received DESC, seq DESC LIMIT $2`,
		*in.ProjectName, keptDeliveries+1)
	return &slipway.ListWebhookDeliveriesOutput{Deliveries: append([]slipway.WebhookDelivery{}, all...)}, err
}
