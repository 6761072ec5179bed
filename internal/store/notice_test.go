package store_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"slipway/internal/contain"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

// peers opens two stores on one PostgreSQL, as two servers do. Those who get a chance to register before they work.
func peers(t *testing.T, register func(name string, s *store.Store)) (dsn string, one, two *store.Store) {
	t.Helper()
	dsn = storetest.Postgres(t).Database(t)
	open := func(name string) *store.Store {
		s := storetest.OpenDSN(t, dsn, tables)
		register(name, s)
		storetest.Work(t, s)
		return s
	}
	return dsn, open("one"), open("two")
}

const patience = 20 * time.Second

func receive[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s does not come", what)
	}
	return v
}

func TestNoticesReachTheOthers(t *testing.T) {
	t.Parallel()
	heard, gaps := make(chan string, 1000), make(chan struct{}, 10)
	dsn, one, two := peers(t, func(name string, s *store.Store) {
		s.OnNotice("news", func(text string) { heard <- name + ":" + text })
		if name == "two" {
			s.OnGap(func() { gaps <- struct{}{} })
		}
	})
	receive(t, gaps, "the gap of the first connection") // two listens

	one.Notify("nobody's topic", "x")
	one.Notify("news", "now")
	if got := receive(t, heard, "a notice outside of a transaction"); got != "two:now" {
		t.Errorf("heard %q", got)
	}
	failed := one.Write(t.Context(), func(tx store.Tx) error {
		tx.Notify("news", "never")
		return sql.ErrNoRows
	})
	if failed == nil {
		t.Error("the write did not fail")
	}
	// More than one NOTIFY takes comes in several.
	if err := one.Write(t.Context(), func(tx store.Tx) error {
		for range 300 {
			tx.Notify("news", strings.Repeat("y", 100))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		if got := receive(t, heard, "one of many notices"); got != "two:"+strings.Repeat("y", 100) {
			t.Fatalf("heard %q", got)
		}
	}
	// What is too long for any NOTIFY, and a lost connection, are gaps.
	one.Notify("news", strings.Repeat("z", 10_000))
	receive(t, gaps, "the gap of a notice that is too long")
	cut(t, dsn)
	receive(t, gaps, "the gap after a connection was lost")
	if err := two.Write(t.Context(), func(tx store.Tx) error { tx.Notify("news", "back"); return nil }); err != nil {
		t.Fatal(err)
	}
	for got := ""; got != "one:back"; {
		got = receive(t, heard, "a notice the other way, after the connections were cut")
	}
}

// cut ends all other connections of a database, as a network does.
func cut(t *testing.T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'`); err != nil {
		t.Fatal(err)
	}
}

// Of two processes one does what Alone guards; the other takes its place when it stops.
func TestAlone(t *testing.T) {
	t.Parallel()
	_, one, two := peers(t, func(string, *store.Store) {})
	var running atomic.Int32
	begun := make(chan string, 10)
	alone := func(ctx context.Context, name string, s *store.Store) <-chan error {
		done := make(chan error, 1)
		go func() {
			done <- s.Alone(ctx, "clock", func(ctx context.Context) error {
				if running.Add(1) > 1 {
					t.Error("two do it at once")
				}
				defer running.Add(-1)
				begun <- name
				<-ctx.Done()
				return nil
			})
		}()
		return done
	}
	first, stop := context.WithCancel(t.Context())
	ended := alone(first, "one", one)
	if got := receive(t, begun, "the first"); got != "one" {
		t.Fatalf("%s begins", got)
	}
	second, end := context.WithCancel(t.Context())
	last := alone(second, "two", two)
	stop()
	if err := receive(t, ended, "the end of the first"); err != nil {
		t.Error(err)
	}
	if got := receive(t, begun, "the second"); got != "two" {
		t.Fatalf("%s begins", got)
	}
	end()
	if err := receive(t, last, "the end of the second"); err != nil {
		t.Error(err)
	}
}

// A panic of what is done alone is its error, and lets another process take over.
func TestAlonePanics(t *testing.T) {
	t.Parallel()
	_, one, two := peers(t, func(string, *store.Store) {})
	err := one.Alone(t.Context(), "clock", func(context.Context) error { panic("broken") })
	if _, panicked := errors.AsType[*contain.Panic](err); !panicked {
		t.Errorf("the error is %v", err)
	}
	errDone := errors.New("done")
	if err := two.Alone(t.Context(), "clock", func(context.Context) error { return errDone }); !errors.Is(err, errDone) {
		t.Errorf("the other process does not do it: %v", err)
	}
}

func TestTwoHandlersOfOneKind(t *testing.T) {
	s := storetest.Open(t)
	for range 2 {
		s.Handle("push", store.Limits{},
			func(context.Context, store.Running) (store.Outcome, error) { return store.Done, nil })
	}
	if err := s.Work(t.Context()); err == nil || !strings.Contains(err.Error(), "push") {
		t.Errorf("a second handler is taken: %v", err)
	}
}
