package connection

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/forge"
	"slipway/internal/store"
)

const (
	// deliveryLife is how long a delivery is known. GitHub delivers again for three days.
	deliveryLife = 7 * 24 * time.Hour
	// eventLife is how long an event is known: two hooks tell of it within moments. Later the same may happen again,
	// such as a branch that is set back and forth.
	eventLife = 10 * time.Minute
)

// arrival is an event of a connection's repository on its way to the pipelines.
type arrival struct {
	connection string // its ID
	event      forge.Event
	delivery   slipway.ConnectionDelivery
	keys       map[string]time.Duration // by which it is known again, and how long
	// marks are keys by which a look knows an event that a delivery told of.
	marks map[string]time.Duration
}

// deliver takes the events of a delivery, and returns what it did in words for people.
func (s *Service) deliver(ctx context.Context, c *connection, d forge.Delivery) (told []string, err error) {
	events, err := d.Forge.Parse(d.Header, d.Body)
	if err != nil {
		return nil, forge.Refuse(http.StatusBadRequest, "%w", err)
	}
	id := d.Forge.DeliveryID(d.Header)
	id = id[:min(len(id), 100)]
	if len(events) == 0 {
		const why = "The webhook is connected."
		ping := slipway.ConnectionDelivery{Id: given(id), Event: new("ping"), Reason: new(why)}
		return []string{why}, s.db.Write(ctx, func(tx store.Tx) error {
			_, err := s.note(ctx, tx, c.id, ping, ignored)
			return err
		})
	}
	for i := range events {
		a := &arrival{connection: c.id, event: events[i]}
		a.describe(id)
		if id != "" {
			a.keys[hashOf("delivery\x00"+id+"#"+strconv.Itoa(i))] = deliveryLife
		}
		say, err := s.arrive(ctx, a)
		if err != nil {
			return told, err
		}
		told = append(told, say)
	}
	return told, nil
}

// describe fills in what is shown of a delivery, and the key of its event.
func (a *arrival) describe(id string) {
	e := &a.event
	a.delivery = slipway.ConnectionDelivery{Id: given(id), Event: new(cmp.Or(string(e.Kind), e.What)),
		Ref: given(e.Ref), Commit: given(e.After), Actor: given(e.Actor), Repository: given(e.Repository.Name)}
	if e.Number != "" {
		a.delivery.Ref = new("pr/" + e.Number)
	}
	a.keys = map[string]time.Duration{hashOf("event\x00" + e.Key()): eventLife}
	a.marks = map[string]time.Duration{}
	if e.Kind == forge.Push {
		moved := strings.Join([]string{"push", strings.ToLower(e.Repository.Name), e.Ref, e.After}, "\x00")
		a.marks[hashOf(moved)] = eventLife
	}
}

// arrive records an event, and tells the pipelines of it in the same transaction.
func (s *Service) arrive(ctx context.Context, a *arrival) (say string, err error) {
	err = s.db.Write(ctx, func(tx store.Tx) error {
		say, err = s.record(ctx, tx, a)
		return err
	})
	return say, err
}

func (s *Service) record(ctx context.Context, tx store.Tx, a *arrival) (string, error) {
	d := a.delivery
	ignore := func(outcome, why string) (string, error) {
		d.Reason = &why
		_, err := s.note(ctx, tx, a.connection, d, outcome)
		return why, err
	}
	e := &a.event
	if e.Kind != forge.Push && !e.Kind.OfPull() {
		return ignore(ignored, "The event "+e.What+" starts no pipelines.")
	}
	known, err := s.known(ctx, tx, a)
	if err != nil {
		return "", err
	}
	if known {
		return ignore(duplicate, "The same event or delivery was taken before.")
	}
	if e.Kind == forge.Push {
		same, err := s.seenRef(ctx, tx, a.connection, e)
		if err != nil {
			return "", err
		}
		if same {
			return ignore(duplicate, "A look at the repository has found this push before its delivery came.")
		}
	}
	if e.After == "" {
		return ignore(ignored, e.Ref+" was deleted: there is nothing to run.")
	}
	seq, err := s.note(ctx, tx, a.connection, d, received)
	if err != nil || seq == 0 {
		return "The connection was deleted.", err
	}
	e.Files, e.Message = nil, nil // neither is asked, and both may be long
	key := a.connection + "/" + strconv.FormatInt(seq, 10)
	change := event.RepositoryChange{Connection: a.connection, Delivery: seq, Event: *e}
	return fmt.Sprintf("Taken as number %d; the connection's page tells which pipelines it starts.", seq),
		event.RepositoryChanged.Publish(ctx, tx, key, change)
}

// known reports whether an event or its delivery was taken before, and remembers it.
func (s *Service) known(ctx context.Context, tx store.Tx, a *arrival) (bool, error) {
	now := s.Now()
	if _, err := tx.Exec(ctx, `DELETE FROM connection_seen WHERE expires <= $1`, now.UnixMilli()); err != nil {
		return false, err
	}
	keys := maps.Clone(a.keys) // a transaction may run twice
	for key := range keys {
		var n int
		seen, err := store.Find(ctx, tx, []any{&n}, `SELECT 1 FROM connection_seen WHERE connection = $1 AND key = $2`,
			a.connection, key)
		if err != nil || seen {
			return seen, err
		}
	}
	maps.Copy(keys, a.marks)
	for key, life := range keys {
		if _, err := tx.Exec(ctx, `INSERT INTO connection_seen (connection, key, expires) VALUES ($1, $2, $3)
			ON CONFLICT (connection, key) DO UPDATE SET expires = excluded.expires`, a.connection, key,
			now.Add(life).UnixMilli()); err != nil {
			return false, err
		}
	}
	return false, nil
}
