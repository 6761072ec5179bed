package identity

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"slipway/internal/store"
)

const (
	// notice is the topic by which servers tell each other that documents changed.
	notice = "identity"
	// rereadAfter is how long to wait before documents are read again after the database failed.
	rereadAfter = time.Second
	// tombstones are kept so long, for servers that were cut off.
	tombstones = 24 * time.Hour
)

// change does one change of documents. f decides by what it reads in the view, and may run several times.
func (s *Service) change(ctx context.Context, f func(v *view) error) error {
	err := s.db.Write(ctx, func(tx store.Tx) error { return s.changeIn(ctx, tx, f) })
	if err != nil {
		return err
	}
	return s.Reload(ctx)
}

// changeIn is change within a caller's transaction. The model has the change once that is committed. On PostgreSQL
// another server may have changed something in between: then Reload, or the notice of the commit, brings both in.
func (s *Service) changeIn(ctx context.Context, tx store.Tx, f func(v *view) error) error {
	var before int64
	if err := tx.QueryRow(ctx, `SELECT revision FROM identity_revision WHERE one = 1`).Scan(&before); err != nil {
		return err
	}
	v, err := s.viewAt(ctx, tx, before)
	if err != nil {
		return err
	}
	if err := f(v); err != nil || len(v.own) == 0 {
		return err
	}
	after := before + 1
	if _, err := tx.Exec(ctx, `UPDATE identity_revision SET revision = $1 WHERE one = 1`, after); err != nil {
		return err
	}
	changes := make([]change, 0, len(v.own))
	for _, r := range v.own {
		c := change{r.kind, r.id, v.overlay[r], after}
		if err := s.write(ctx, tx, c); err != nil {
			return err
		}
		changes = append(changes, c)
	}
	tx.Notify(notice, strconv.FormatInt(after, 10))
	tx.AfterCommit(func() {
		if !s.model.apply(before, after, changes) {
			s.stale()
		}
	})
	return nil
}

// viewAt is a view of what a transaction sees. Closures that share a commit with it may have made changes that are not
// in the model yet.
func (s *Service) viewAt(ctx context.Context, tx store.Tx, revision int64) (*view, error) {
	v := s.view()
	s.model.mu.RLock()
	known := s.model.revision
	s.model.mu.RUnlock()
	if known >= revision {
		return v, nil
	}
	newer, err := changesSince(ctx, tx, known)
	v.overlay = map[ref]document{}
	for _, c := range newer {
		v.overlay[ref{c.kind, c.id}] = c.document
	}
	return v, err
}

func (s *Service) write(ctx context.Context, tx store.Tx, c change) error {
	text := ""
	if c.document != nil {
		encoded, err := json.Marshal(c.document)
		if err != nil {
			return err
		}
		text = string(encoded)
	}
	_, err := tx.Exec(ctx, `INSERT INTO identity_documents (kind, id, document, revision, changed)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document,
		revision = excluded.revision, changed = excluded.changed`,
		string(c.kind), c.id, text, c.revision, s.Now().UnixMilli())
	return err
}

func changesSince(ctx context.Context, q store.Queryer, revision int64) ([]change, error) {
	return store.All(ctx, q, func(r *sql.Rows) (c change, err error) {
		var text string
		if err := r.Scan(&c.kind, &c.id, &text, &c.revision); err != nil || text == "" {
			return c, err
		}
		if c.document = newDocument(c.kind); c.document == nil {
			return c, nil // of a newer version
		}
		if err := json.Unmarshal([]byte(text), c.document); err != nil {
			return c, fmt.Errorf("document %s %s: %w", c.kind, c.id, err)
		}
		return c, nil
	}, `SELECT kind, id, document, revision FROM identity_documents WHERE revision > $1 ORDER BY revision`, revision)
}

// Reload reads what changed since it was last read. It continues when ctx ends, because a deleted key must not stay in
// memory.
func (s *Service) Reload(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	var now int64
	if s.db.Shared() {
		if err := s.db.QueryRow(ctx, `SELECT revision FROM identity_revision WHERE one = 1`).Scan(&now); err != nil {
			return err
		}
		if s.known() >= now {
			return nil
		}
	} else if !s.behind.Swap(false) {
		return nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	changes, err := changesSince(ctx, s.db, s.known())
	if err != nil {
		s.stale()
		return err
	}
	s.model.advance(changes)
	return nil
}

func (s *Service) known() int64 {
	s.model.mu.RLock()
	defer s.model.mu.RUnlock()
	return s.model.revision
}

// stale says that the model must be read again.
func (s *Service) stale() {
	s.behind.Store(true)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// follow reads what other servers changed, until ctx ends.
func (s *Service) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		for s.Reload(ctx) != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(rereadAfter):
			}
		}
	}
}

// load reads all documents for the first time, and forgets what was deleted long ago.
func (s *Service) load(ctx context.Context) error {
	changes, err := changesSince(ctx, s.db, -1)
	if err != nil {
		return err
	}
	s.model.advance(changes)
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM identity_documents WHERE document = '' AND changed < $1`,
			s.Now().Add(-tombstones).UnixMilli())
		return err
	})
}
