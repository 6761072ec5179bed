package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"slipway/internal/contain"
	"slipway/internal/fault"
)

// ErrClosed is what a write gets when the store is closing. Nothing was written.
var ErrClosed = errors.New("the database is closed")

// ErrOutcomeUnknown is returned when a write may or may not have been made. A caller that needs to know reads it back.
var ErrOutcomeUnknown error = outcomeUnknown{}

// outcomeUnknown answers an API call, too.
type outcomeUnknown struct{}

func (outcomeUnknown) Error() string {
	return "The database did not say whether the change was made. Read it back before you try again."
}

// ErrorCode and HTTPStatus are those of a failure of the service.
func (outcomeUnknown) ErrorCode() string { return "InternalFailure" }

func (outcomeUnknown) HTTPStatus() int { return http.StatusInternalServerError }

// States of a write. A caller that gives up withdraws a waiting write, which then has no effect.
const (
	writeWaits int32 = iota
	writeTaken
	writeWithdrawn
)

// write is a closure on its way through the writer.
type write struct {
	f      func(Tx) error
	tx     *tx
	state  atomic.Int32
	err    error
	panics any
	done   chan struct{} // closed once the outcome is known
}

// maxBatch bounds how many closures share a commit.
const maxBatch = 128

// Write runs f in a transaction and returns once its writes are durable. On SQLite closures run one after another and
// share commits. An error or a panic of f rolls back its own writes only. f must not do other I/O or have side effects,
// because it may run again after a conflict on PostgreSQL or a broken transaction.
//
// If ctx ends while a write waits, the write is withdrawn, nothing is written, and the error is ctx's. Once f runs,
// nothing interrupts it, and Write returns its outcome. It returns ErrOutcomeUnknown if the database does not know the
// outcome either.
func (s *Store) Write(ctx context.Context, f func(Tx) error) error {
	if err := ctx.Err(); err != nil { // or the writer might be quicker than we are to see it
		return err
	}
	if s.postgres {
		return s.writePostgres(ctx, f)
	}
	w := &write{f: f, done: make(chan struct{})}
	select {
	case s.writes <- w:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return ErrClosed
	}
	if err := s.await(ctx, w); err != nil {
		return err
	}
	if w.panics != nil {
		panic(w.panics) //nolint:forbidigo // the closure's own, passed on to who called Write
	}
	return w.err
}

// await returns once the outcome of w is known, or with the error of a caller that withdrew it.
func (s *Store) await(ctx context.Context, w *write) error {
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		if w.state.CompareAndSwap(writeWaits, writeWithdrawn) {
			return ctx.Err()
		}
	case <-s.closed:
	}
	select {
	case <-w.done:
		return nil
	case <-s.closed:
		s.done.Wait() // the writer has ended: the write is done, or never will be
	}
	select {
	case <-w.done:
		return nil
	default:
		return ErrClosed
	}
}

// writer owns the one connection that writes.
func (s *Store) writer() {
	for {
		select {
		case <-s.closed:
			return
		case first := <-s.writes:
			batch := append(make([]*write, 0, 8), first)
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

// commit makes the writes of a batch in one transaction. If SQLite rolls back all of it (a full disk, an I/O error),
// every closure runs again in a transaction of its own, so that each fails for its own reason.
func (s *Store) commit(batch []*write) {
	taken := batch[:0]
	for _, w := range batch {
		if w.state.CompareAndSwap(writeWaits, writeTaken) {
			taken = append(taken, w)
		}
	}
	if len(taken) == 0 {
		return
	}
	err := s.together(taken)
	if s.full != nil && anyFull(taken, err) && s.full() {
		err = s.together(taken)
	}
	if errors.Is(err, errBroken) && len(taken) > 1 {
		for _, w := range taken {
			s.finish([]*write{w}, s.together([]*write{w}))
		}
		return
	}
	s.finish(taken, err)
}

// anyFull reports whether the disk was full for one of the writes, or for the commit.
func anyFull(batch []*write, err error) bool {
	for _, w := range batch {
		err = errors.Join(err, w.err)
	}
	full, ok := errors.AsType[*sqlite.Error](err)
	return ok && full.Code()&0xff == sqlite3.SQLITE_FULL
}

// errBroken says that a transaction was taken back as a whole.
var errBroken = errors.New("the database took the transaction back")

// together runs closures, each under a savepoint, and commits them together.
func (s *Store) together(batch []*write) error {
	ctx := context.Background()
	t, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for _, w := range batch {
		w.tx, w.err, w.panics = &tx{s: s, t: t, base: ctx}, nil, nil
		if err := w.savepoint(s.twice); err != nil {
			return errors.Join(errBroken, err, w.err, t.Rollback())
		}
	}
	fault.Point("store.before-commit")
	if err := t.Commit(); err != nil {
		if uncertain(err) {
			return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
		}
		return fmt.Errorf("commit: %w", err)
	}
	fault.Point("store.after-commit")
	return nil
}

// finish tells the callers of a batch its outcome.
func (s *Store) finish(batch []*write, err error) {
	for _, w := range batch {
		good := w.err == nil && w.panics == nil
		if good && err != nil {
			w.err = err
		} else if good {
			w.tx.committed()
		}
		close(w.done)
	}
}

// savepoint runs the closure so that its failure rolls back its own writes only. An error means that the whole
// transaction is broken.
func (w *write) savepoint(twice bool) error {
	const begin, undo, end = "SAVEPOINT one", "ROLLBACK TO one", "RELEASE one"
	t, ctx := w.tx.t, w.tx.base
	if _, err := t.ExecContext(ctx, begin); err != nil {
		return err
	}
	if twice {
		w.call()
		if _, err := t.ExecContext(ctx, undo); err != nil {
			return err
		}
		w.tx.after, w.tx.kinds, w.err, w.panics = nil, nil, nil, nil
	}
	w.call()
	if w.err != nil || w.panics != nil {
		if _, err := t.ExecContext(ctx, undo); err != nil {
			return err
		}
	}
	_, err := t.ExecContext(ctx, end)
	return err
}

// call runs the closure. Its panic is kept, for the caller.
func (w *write) call() {
	defer func() { w.panics = recover() }()
	w.err = w.f(w.tx)
}

// committed runs the functions that were given to AfterCommit. A panic of one must not end the writer.
func (x *tx) committed() {
	for _, f := range x.after {
		if err := contain.Do(func() error { f(); return nil }); err != nil {
			x.s.log.Error("after a commit", "error", err, "stack", stackOf(err))
		}
	}
	for kind, due := range x.kinds {
		x.s.worker.wake(kind, due)
	}
}

func stackOf(err error) string {
	if p, ok := errors.AsType[*contain.Panic](err); ok {
		return p.Stack
	}
	return ""
}
