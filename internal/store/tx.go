package store

import (
	"context"
	"database/sql"
	"time"

	"slipway/internal/fault"
)

// tx implements Tx. Its statements run under the transaction's own context. If a caller's context interrupted one,
// SQLite would roll back the whole transaction, including the writes of other callers.
type tx struct {
	s       *Store
	t       *sql.Tx
	base    context.Context //nolint:containedctx // the transaction's
	after   []func()
	notices []Notice
	kinds   map[string]time.Time // of the jobs enqueued, with when the first is due
}

func (x *tx) Query(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	fault.Statement(query)
	return x.t.QueryContext(x.base, query, args...)
}

func (x *tx) QueryRow(_ context.Context, query string, args ...any) *sql.Row {
	fault.Statement(query)
	return x.t.QueryRowContext(x.base, query, args...)
}

func (x *tx) Exec(_ context.Context, query string, args ...any) (sql.Result, error) {
	fault.Statement(query)
	return x.t.ExecContext(x.base, query, args...)
}

func (x *tx) AfterCommit(f func()) { x.after = append(x.after, f) }
