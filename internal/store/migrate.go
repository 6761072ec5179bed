package store

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// migrate brings each stage's tables up to date, in order.
func (s *Store) migrate(ctx context.Context, stages []Migrations) error {
	dialect := goose.DialectSQLite3
	if s.postgres {
		dialect = goose.DialectPostgres
		if err := s.checkCollation(ctx); err != nil {
			return err
		}
	}
	done := 0
	for i, m := range append([]Migrations{Tables("store", own)}, stages...) {
		versions, err := database.NewStore(dialect, "goose_"+m.Stage)
		if err != nil {
			return fmt.Errorf("migrate %s: %w", m.Stage, err)
		}
		p, err := goose.NewProvider("", s.db, m.FS, goose.WithStore(versions), goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return fmt.Errorf("migrate %s: %w", m.Stage, err)
		}
		before, err := p.GetDBVersion(ctx)
		if err != nil {
			return fmt.Errorf("migrate %s: %w", m.Stage, err)
		}
		if i == 0 {
			s.fresh = before == 0
		}
		results, err := p.Up(ctx)
		if err != nil {
			return fmt.Errorf("migrate %s: %w", m.Stage, err)
		}
		done += len(results)
	}
	if done > 0 {
		// The reader of migrations has taken buffers of 4 MiB, which nothing needs again. They are in a pool, which one
		// collection empties halfway.
		runtime.GC()
		debug.FreeOSMemory()
	}
	return nil
}

// checkCollation refuses a database that sorts names by the rules of a language, because lists would not have AWS's
// order.
func (s *Store) checkCollation(ctx context.Context) error {
	var collation string
	if err := s.db.QueryRowContext(ctx,
		`SELECT datcollate FROM pg_database WHERE datname = current_database()`).Scan(&collation); err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if collation != "C" && collation != "POSIX" && collation != "C.UTF-8" {
		return fmt.Errorf(
			"the PostgreSQL database sorts by %s; create it with LC_COLLATE 'C': CREATE DATABASE slipway TEMPLATE "+
				"template0 LC_COLLATE 'C'", collation)
	}
	return nil
}
