package connection

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/forge"
	"slipway/internal/store"
)

// keptDeliveries is how many deliveries of a connection are remembered, the newest.
const keptDeliveries = 200

// What came of a delivery.
const (
	received  = "RECEIVED" // the pipelines have not decided yet
	started   = "STARTED"
	ignored   = "IGNORED"
	duplicate = "DUPLICATE"
	refusedIt = "REFUSED"
)

// note writes a delivery, forgets the oldest, and returns its number: 0 if the connection was deleted meanwhile.
func (s *Service) note(ctx context.Context, tx store.Tx, id string, d slipway.ConnectionDelivery,
	outcome string) (int64, error) {
	now := s.Now()
	d.Time, d.Outcome = awsproto.At(now), &outcome
	var seq int64
	ok, err := store.Find(ctx, tx, []any{&seq},
		`UPDATE connections SET last_seq = last_seq + 1 WHERE id = $1 RETURNING last_seq`, id)
	if err != nil || !ok {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO connection_deliveries (connection, seq, received, doc)
		VALUES ($1, $2, $3, $4)`, id, seq, now.UnixMilli(), store.JSON(&d)); err != nil {
		return 0, err
	}
	s.Hints.Changed(tx, "connections", "connection/"+id)
	_, err = tx.Exec(ctx, `DELETE FROM connection_deliveries WHERE connection = $1 AND seq <= $2 AND seq > 0`, id,
		seq-keptDeliveries)
	return seq, err
}

// Decided writes which pipelines a delivery started, and which it did not and why.
func (s *Service) Decided(ctx context.Context, tx store.Tx, id string, seq int64,
	all []slipway.DeliveredPipeline) error {
	d, err := store.Document[slipway.ConnectionDelivery](ctx, tx,
		`SELECT doc FROM connection_deliveries WHERE connection = $1 AND seq = $2`, id, seq)
	if err != nil || d == nil {
		return err
	}
	d.Outcome, d.Reason, d.Pipelines = new(ignored), nil, all
	if len(all) == 0 {
		d.Reason = new("No pipeline has this repository of the connection as a source.")
	}
	for _, p := range all {
		if p.PipelineExecutionId != nil {
			d.Outcome = new(started)
		}
	}
	s.Hints.Changed(tx, "connections", "connection/"+id)
	_, err = tx.Exec(ctx, `UPDATE connection_deliveries SET doc = $3 WHERE connection = $1 AND seq = $2`, id, seq,
		store.JSON(d))
	return err
}

// refusalPause is how long after a refused delivery of a connection the next one is not remembered.
const refusalPause = 10 * time.Second

// refusals are when the last refused delivery of each connection was remembered.
type refusals struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (r *refusals) due(id string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.last[id]; ok && now.Sub(at) < refusalPause {
		return false
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[id] = now
	return true
}

// noteRefusal remembers the newest delivery that was refused, in the place of the one before.
func (s *Service) noteRefusal(ctx context.Context, c *connection, by forge.Forge, why error) {
	now := s.Now()
	if !s.refusals.due(c.id, now) {
		return
	}
	d := slipway.ConnectionDelivery{Id: new("refused"), Time: awsproto.At(now), Event: new(string(by)),
		Outcome: new(refusedIt), Reason: new(why.Error())}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		s.Hints.Changed(tx, "connections", "connection/"+c.id)
		_, err := tx.Exec(ctx, `INSERT INTO connection_deliveries (connection, seq, received, doc) VALUES ($1, 0, $2, $3)
			ON CONFLICT (connection, seq) DO UPDATE SET received = excluded.received, doc = excluded.doc`,
			c.id, now.UnixMilli(), store.JSON(&d))
		return err
	})
	if err != nil {
		s.Log.Error("note a refused delivery", "connection", c.id, "error", err)
	}
}

// ListConnectionDeliveries implements slipway:ListConnectionDeliveries: the newest first.
func (s *Service) ListConnectionDeliveries(ctx context.Context,
	in *slipway.ConnectionInput) (*slipway.ListConnectionDeliveriesOutput, error) {
	c, err := s.named(ctx, s.db, *in.ConnectionArn)
	if err != nil {
		return nil, err
	}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (d slipway.ConnectionDelivery, err error) {
		return d, r.Scan(store.JSON(&d))
	}, `SELECT doc FROM connection_deliveries WHERE connection = $1 ORDER BY received DESC, seq DESC LIMIT $2`,
		c.id, keptDeliveries+1)
	return &slipway.ListConnectionDeliveriesOutput{Deliveries: append([]slipway.ConnectionDelivery{}, all...)}, err
}
