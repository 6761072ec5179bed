// Package storetest opens databases for tests.
package storetest

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"slipway/internal/store"
)

// repeats are the servers of tests that repeat others on PostgreSQL, by the names of these tests.
var repeats sync.Map

// OnPostgres repeats tests, by their names, on PostgreSQL: Open gives each of them a database of one server.
func OnPostgres(t *testing.T, tests map[string]func(*testing.T)) {
	t.Helper()
	repeats.Store(t.Name(), Postgres(t))
	t.Cleanup(func() { repeats.Delete(t.Name()) })
	for name, test := range tests {
		t.Run(name, test)
	}
}

// Open returns a fresh SQLite database with the tables given, closed when the test ends. For tests that OnPostgres
// repeats it is one of PostgreSQL.
func Open(t testing.TB, migrations ...store.Migrations) *store.Store {
	t.Helper()
	root, _, _ := strings.Cut(t.Name(), "/")
	if server, ok := repeats.Load(root); ok {
		return OpenDSN(t, server.(*Server).Database(t), migrations...)
	}
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
