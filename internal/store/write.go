package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"slipway/internal/fault"
)

// ErrClosed is what a write gets when the store is closing.
var ErrClosed = errors.New("the database is closed")

// write is a closure on its way through the writer.
type write struct {
	ctx    context.Context
	f      func(Tx) error
	tx     *tx
	err    error
	panics any
	done   chan struct{}
}

// maxBatch bounds how many closures share a commit.
const maxBatch = 128

// Write runs f in a transaction and returns once its writes are durable. On SQLite closures run one after another and share
// commits; an error or a panic of f takes back its own writes alone. f does no I/O besides, and on PostgreSQL it may run
// again after a conflict.
func (s *Store) Write(ctx context.Context, f func(Tx) error) error {
	if s.postgres {
		return s.writePostgres(ctx, f)
	}
	w := &write{ctx: ctx, f: f, done: make(chan struct{})}
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return ErrClosed
	}
	select {
	case <-w.done:
	case <-s.closed:
		s.done.Wait() // the writer has ended: the write is done, or never will be
		select {
		case <-w.done:
		default:
			return ErrClosed
		}
	}
	if w.panics != nil {
		panic(w.panics) //nolint:forbidigo // the closure's own, passed on to who called Write
	}
	return w.err
}

// writer owns the one connection that writes.
func (s *Store) writer() {
	for {
		select {
		case <-s.closed:
			return
		case first := <-s.writes:
			batch := []*write{first}
			for more := true; more && len(batch) < maxBatch; {
				select {
				case w := <-s.writes:
					batch = append(batch, w)
				default:
					more = false
				}
			}
			s.commit(batch)
		}
	}
}

// commit runs a batch of closures, each under a savepoint, and commits them together.
func (s *Store) commit(batch []*write) {
	ctx := context.Background()
	t, err := s.db.BeginTx(ctx, nil)
	if err == nil {
		for _, w := range batch {
			if w.err = w.ctx.Err(); w.err == nil {
				w.tx = &tx{s: s, t: t}
				w.err = w.savepoint(ctx, t)
			}
		}
		fault.Point("store.before-commit")
		err = t.Commit()
		fault.Point("store.after-commit")
	}
	for _, w := range batch {
		if err != nil && w.err == nil && w.panics == nil {
			w.err = fmt.Errorf("commit: %w", err)
		}
		if w.err == nil && w.panics == nil {
			w.tx.committed()
		}
		close(w.done)
	}
}

// savepoint runs the closure so that its failure takes back its own writes alone.
func (w *write) savepoint(ctx context.Context, t *sql.Tx) error {
	if _, err := t.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	err := w.call()
	if err != nil || w.panics != nil {
		if _, rerr := t.ExecContext(ctx, "ROLLBACK TO one"); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	if _, rerr := t.ExecContext(ctx, "RELEASE one"); rerr != nil {
		err = errors.Join(err, rerr)
	}
	return err
}

func (w *write) call() (err error) {
	defer func() { w.panics = recover() }()
	return w.f(w.tx)
}

// retries bounds how often a transaction that met a conflict runs again.
const retries = 20

func (s *Store) writePostgres(ctx context.Context, f func(Tx) error) error {
	for attempt := range retries {
		err := s.oncePostgres(ctx, f)
		e, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || e.Code != "40001" && e.Code != "40P01" {
			return err
		}
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(time.Millisecond) << min(attempt, 7)))):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New("the transaction met conflicts again and again")
}

func (s *Store) oncePostgres(ctx context.Context, f func(Tx) error) error {
	t, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback() }() // does nothing after a commit
	x := &tx{s: s, t: t}
	if err := f(x); err != nil {
		return err
	}
	if len(x.kinds) > 0 {
		if _, err := t.ExecContext(ctx, `SELECT pg_notify('slipway_jobs', '')`); err != nil {
			return err
		}
	}
	if err := t.Commit(); err != nil {
		return err
	}
	x.committed()
	return nil
}

// tx implements Tx.
type tx struct {
	s     *Store
	t     *sql.Tx
	after []func()
	kinds map[string]time.Time // of the jobs enqueued, with when the first is due
}

func (x *tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return x.t.QueryContext(ctx, query, args...)
}

func (x *tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return x.t.QueryRowContext(ctx, query, args...)
}

func (x *tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return x.t.ExecContext(ctx, query, args...)
}

func (x *tx) AfterCommit(f func()) { x.after = append(x.after, f) }

func (x *tx) committed() {
	for _, f := range x.after {
		f()
	}
	for kind, due := range x.kinds {
		x.s.worker.wake(kind, due)
	}
}
