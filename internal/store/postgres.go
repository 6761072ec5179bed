package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// retries bounds how often a transaction that met a conflict runs again.
	retries = 20
	// transactionTime limits one transaction on PostgreSQL, even if its caller waits longer.
	transactionTime = 30 * time.Second
)

func (s *Store) writePostgres(ctx context.Context, f func(Tx) error) error {
	for attempt := range retries {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.oncePostgres(ctx, f)
		if !conflict(err) {
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

// conflict reports whether a transaction failed because of a concurrent one, and can run again.
func conflict(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// oncePostgres runs f in a transaction. If ctx ends, the wait for a connection ends, but a transaction that has begun
// continues.
func (s *Store) oncePostgres(ctx context.Context, f func(Tx) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	base, cancel := context.WithTimeout(context.WithoutCancel(ctx), transactionTime)
	defer cancel()
	t, err := conn.BeginTx(base, &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return err
	}
	defer func() { _ = t.Rollback() }() // does nothing after a commit
	x := &tx{s: s, t: t, base: base}
	if s.twice {
		if err := x.inVain(f); err != nil {
			return err
		}
	}
	if err := f(x); err != nil {
		return err
	}
	if err := x.notify(); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		if uncertain(err) {
			return fmt.Errorf("%w: commit: %w", ErrOutcomeUnknown, err)
		}
		return err
	}
	x.committed()
	return nil
}

// inVain runs f and rolls back its writes.
func (x *tx) inVain(f func(Tx) error) error {
	if _, err := x.t.ExecContext(x.base, "SAVEPOINT vain"); err != nil {
		return err
	}
	if err := f(x); conflict(err) {
		return err
	}
	x.after, x.kinds, x.notices = nil, nil, nil
	_, err := x.t.ExecContext(x.base, "ROLLBACK TO vain")
	return err
}

// uncertain reports whether a commit that failed may still have been made, because the database did not deny it.
func uncertain(err error) bool {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CONSTRAINT:
			return false
		}
		return true
	}
	_, said := errors.AsType[*pgconn.PgError](err)
	return !said && !errors.Is(err, sql.ErrTxDone)
}
