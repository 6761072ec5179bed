// Package store is the database: SQLite in the data folder, or PostgreSQL, with the same SQL. All writes go through
// Write. Jobs are rows of one leased table. A queue library was considered; those that support both databases have no
// keys with which jobs coalesce and timers can be moved or cancelled.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"slipway/internal/fault"
)

//go:embed migrations/*.sql
var own embed.FS

// Options say where the database is and what it holds.
type Options struct {
	DSN        string // sqlite:PATH or postgres://…
	Migrations []Migrations
	// Name identifies this process among those that share a PostgreSQL database. One process at a time may have a name,
	// and it must have the same name after a restart. A restarted process then resumes its jobs at once, rather than
	// when their leases expire.
	Name string
	Log  *slog.Logger
	Now  func() time.Time // nil for time.Now
	// Full, if set, is called when the disk of a SQLite database is full. If it returns true, some was freed, and the
	// write is tried again.
	Full func() bool
	// Inspect leaves the tables and the leases unchanged, for callers that only read.
	Inspect bool
	// Twice runs each closure of Write twice and rolls back the first run. PostgreSQL may run a closure again, so tests
	// use this to find side effects.
	Twice bool
}

// Migrations are the tables of one stage: files NNNN_name.sql in goose's form at the root of FS. Each stage has its own
// numbers. Files are only ever added.
type Migrations struct {
	Stage string
	FS    fs.FS
}

// Tables returns the Migrations of a stage that has its files embedded in a folder named migrations.
func Tables(stage string, embedded fs.FS) Migrations {
	sub, _ := fs.Sub(embedded, "migrations") // fails for a malformed path alone
	return Migrations{stage, sub}
}

// Queryer reads. A Store reads what was committed last, a Tx also reads its own writes.
type Queryer interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a transaction inside Write.
type Tx interface {
	Queryer
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	// Enqueue adds a job, or changes the one of the same kind and key; see Job.
	Enqueue(ctx context.Context, j Job) error
	// EnqueueAll adds a job for every kind that has a handler and begins with a prefix.
	EnqueueAll(ctx context.Context, prefix, key string, payload any) error
	// Cancel removes a waiting job. It does not stop a running one.
	Cancel(ctx context.Context, kind, key string) error
	// Notify tells the other processes that work on the database something, once the writes are durable. It does
	// nothing on SQLite, where there are none.
	Notify(topic, text string)
	// AfterCommit runs f once the writes of this closure are durable, and never if they are rolled back.
	AfterCommit(f func())
}

// Store is an open database.
type Store struct {
	db       *sql.DB // writes
	read     *sql.DB
	postgres bool
	twice    bool
	full     func() bool
	fresh    bool // its tables were made when it was opened
	name     string
	log      *slog.Logger
	now      func() time.Time
	writes   chan *write
	closed   chan struct{}
	done     sync.WaitGroup
	worker   worker
	notices  notices
	process  string // its ID among those that work on the database
}

// Open opens the database and brings its tables up to date.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{
		name:    o.Name,
		log:     o.Log,
		now:     o.Now,
		twice:   o.Twice,
		full:    o.Full,
		closed:  make(chan struct{}),
		process: rand.Text(),
		writes:  make(chan *write, 256),
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.worker.init()
	s.notices.init()
	if err := s.connect(o.DSN); err != nil {
		return nil, err
	}
	if !o.Inspect {
		if err := s.prepare(ctx, o.Migrations); err != nil {
			_ = s.Close()
			return nil, err
		}
	}
	if !s.postgres {
		s.done.Go(s.writer)
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context, stages []Migrations) error {
	if err := s.migrate(ctx, stages); err != nil {
		return err
	}
	if err := s.releaseLeft(ctx); err != nil {
		return fmt.Errorf("release jobs: %w", err)
	}
	return nil
}

// releaseLeft releases the leases of a process that has ended. On SQLite this process is the only one, so it releases
// all leases.
func (s *Store) releaseLeft(ctx context.Context) error {
	if !s.postgres {
		_, err := s.db.ExecContext(ctx, `UPDATE jobs SET leased_until = 0, lease = '' WHERE leased_until > 0`)
		return err
	}
	if s.name == "" {
		return nil
	}
	_, err := s.db.ExecContext(ctx,
		`UPDATE jobs SET leased_until = 0, lease = '', run_at = $2 WHERE leased_until > 0 AND leased_by = $1`,
		s.name, s.now().UnixMilli())
	return err
}

func (s *Store) connect(dsn string) (err error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		pragmas := "_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)" +
			"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
		if s.db, err = sql.Open("sqlite", "file:"+path+"?"+pragmas+"&_txlock=immediate"); err != nil {
			return err
		}
		s.db.SetMaxOpenConns(1)
		if s.read, err = sql.Open("sqlite", "file:"+path+"?"+pragmas+"&_pragma=query_only(1)"); err != nil {
			return err
		}
		s.read.SetMaxOpenConns(max(4, runtime.NumCPU()))
		s.read.SetMaxIdleConns(4)
		return nil
	}
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return fmt.Errorf("the database must be sqlite:PATH or postgres://…, not %.20q", dsn)
	}
	s.postgres = true
	if s.db, err = sql.Open("pgx", dsn); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(16)
	s.db.SetMaxIdleConns(16)
	s.read = s.db
	return nil
}

// Close ends the writer and closes the database. Writes that wait get an error.
func (s *Store) Close() error {
	select {
	case <-s.closed:
		return nil
	default:
		close(s.closed)
	}
	s.done.Wait()
	err := s.db.Close()
	if s.read != s.db && s.read != nil {
		if rerr := s.read.Close(); err == nil {
			err = rerr
		}
	}
	return err
}

// Query implements Queryer.
func (s *Store) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	fault.Statement(query)
	return s.read.QueryContext(ctx, query, args...)
}

// QueryRow implements Queryer.
func (s *Store) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	fault.Statement(query)
	return s.read.QueryRowContext(ctx, query, args...)
}
