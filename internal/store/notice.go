package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"slipway/internal/contain"
)

const (
	// channel is where the processes that work on one PostgreSQL notify each other.
	channel = "slipway"
	// maxNotice bounds the text of one NOTIFY, in bytes. PostgreSQL takes 8,000.
	maxNotice = 7900
	// noticesWaiting bounds how many notices of Store.Notify wait for the database. More than that are a gap.
	noticesWaiting = 4096
	// reconnectAfter is how long a listener waits after it lost its connection.
	reconnectAfter = time.Second
)

// Notice is a message of one process to all others that work on the database. It may be lost; see OnGap.
type Notice struct {
	Topic string `json:"t"`
	Text  string `json:"x"`
}

// envelope is what one NOTIFY carries.
type envelope struct {
	Origin  string   `json:"o"`           // the process that sent it, which ignores it
	Part    int      `json:"p,omitempty"` // PostgreSQL delivers equal texts of one transaction once
	Kinds   []string `json:"k,omitempty"` // of jobs that were enqueued
	Notices []Notice `json:"n,omitempty"`
	Gap     bool     `json:"g,omitempty"` // the sender had more to tell than it could
}

// OnNotice calls f for each notice of a topic that another process sent. Before Work. f must not block.
func (s *Store) OnNotice(topic string, f func(text string)) { s.notices.topics[topic] = f }

// OnGap registers f, which is called when notices of other processes may have been lost, because the connection to the
// database was interrupted. It must be called before Work. f must not block.
func (s *Store) OnGap(f func()) { s.notices.gaps = append(s.notices.gaps, f) }

// notices sends notices to other processes and receives theirs.
type notices struct {
	topics map[string]func(text string)
	gaps   []func()
	out    chan Notice
	full   flag // some of out were dropped
}

func (n *notices) init() {
	n.topics, n.out = map[string]func(string){}, make(chan Notice, noticesWaiting)
}

// Notify implements Tx.
func (x *tx) Notify(topic, text string) {
	if x.s.postgres {
		x.notices = append(x.notices, Notice{topic, text})
	}
}

// Notify tells the other processes something outside of a transaction. It does not wait for the database.
func (s *Store) Notify(topic, text string) {
	if !s.postgres {
		return
	}
	select {
	case s.notices.out <- Notice{topic, text}:
	default:
		s.notices.full.set()
	}
}

// envelopes packs notices into as few texts as the database takes. One that is too long alone becomes a gap.
func (s *Store) envelopes(kinds []string, all []Notice) []string {
	var texts []string
	for first := true; first || len(all) > 0; first = false {
		e := envelope{Origin: s.process, Part: len(texts), Kinds: kinds, Notices: all}
		text, _ := json.Marshal(e) // strings alone
		for len(text) > maxNotice && len(e.Notices) > 1 {
			e.Notices = e.Notices[:(len(e.Notices)+1)/2]
			text, _ = json.Marshal(e)
		}
		if len(text) > maxNotice {
			text, _ = json.Marshal(envelope{Origin: s.process, Kinds: kinds, Gap: true})
		}
		texts = append(texts, string(text))
		all, kinds = all[len(e.Notices):], nil
	}
	return texts
}

// notify sends what a transaction has to tell. It takes effect with the commit.
func (x *tx) notify() error {
	if len(x.kinds) == 0 && len(x.notices) == 0 {
		return nil
	}
	kinds := make([]string, 0, len(x.kinds))
	for k := range x.kinds {
		kinds = append(kinds, k)
	}
	for _, text := range x.s.envelopes(kinds, x.notices) {
		if _, err := x.t.ExecContext(x.base, `SELECT pg_notify($1, $2)`, channel, text); err != nil {
			return err
		}
	}
	return nil
}

// tell sends the notices of Store.Notify until ctx ends.
func (s *Store) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.notices.out:
			all := []Notice{first}
			for len(s.notices.out) > 0 && len(all) < 256 {
				all = append(all, <-s.notices.out)
			}
			texts := s.envelopes(nil, all)
			if s.notices.full.take() {
				text, _ := json.Marshal(envelope{Origin: s.process, Gap: true})
				texts = append(texts, string(text))
			}
			for _, text := range texts {
				if _, err := s.db.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, text); err != nil {
					s.notices.full.set()
				}
			}
		}
	}
}

// listen hears what other processes commit and tell, until ctx ends.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.listenOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("listen to other servers", "error", err)
			select {
			case <-time.After(reconnectAfter):
			case <-ctx.Done():
			}
		}
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		if _, err := c.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
			return err
		}
		s.gap() // nobody listened until now
		for {
			n, err := c.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			if err := contain.Do(func() error { return s.hear(n.Payload) }); err != nil {
				s.log.Error("hear from another server", "error", err, "stack", stackOf(err))
			}
		}
	})
}

func (s *Store) hear(text string) error {
	var e envelope
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	if e.Origin == s.process {
		return nil
	}
	for _, kind := range e.Kinds {
		s.worker.wake(kind, s.now())
	}
	for _, n := range e.Notices {
		if f := s.notices.topics[n.Topic]; f != nil {
			f(n.Text)
		}
	}
	if e.Gap {
		s.gap()
	}
	return nil
}

// gap says that anything may have happened at other processes.
func (s *Store) gap() {
	for _, kind := range s.Kinds() {
		s.worker.wake(kind, s.now())
	}
	for _, f := range s.notices.gaps {
		f()
	}
}
