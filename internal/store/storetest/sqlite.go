// Package storetest opens databases for tests.
package storetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"slipway/internal/store"
)

// Open returns a fresh SQLite database with the tables given, closed when the test ends.
func Open(t testing.TB, migrations ...store.Migrations) *store.Store {
	t.Helper()
	return OpenDSN(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"), migrations...)
}

// OpenDSN opens a database.
func OpenDSN(t testing.TB, dsn string, migrations ...store.Migrations) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(),
		store.Options{DSN: dsn, Migrations: migrations, Twice: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Work does the jobs of s until the test ends.
func Work(t testing.TB, s *store.Store) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = s.Work(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
}
