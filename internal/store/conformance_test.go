package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

var tables = store.Migrations{Stage: "test", FS: fstest.MapFS{"0001_test.sql": {Data: []byte(
	"-- +goose Up\nCREATE TABLE things (name TEXT PRIMARY KEY, n BIGINT NOT NULL, doc TEXT NOT NULL DEFAULT '{}');\n")}}}

// TestConformance holds what every stage relies on, on both databases.
func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		conformance(t, func(t testing.TB) *store.Store { return storetest.Open(t, tables) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := storetest.Postgres(t)
		conformance(t, func(t testing.TB) *store.Store { return storetest.OpenDSN(t, server.Database(t), tables) })
	})
}

// TestLeasesOfTheDead lets a process of the same name take over at once what its predecessor was doing, and no other.
func TestLeasesOfTheDead(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t).Database(t)
	named := func(name string) *store.Store {
		s, err := store.Open(t.Context(), store.Options{DSN: dsn, Name: name, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	leased := func(s *store.Store) (n int) {
		if err := s.QueryRow(t.Context(), `SELECT COUNT(*) FROM jobs WHERE leased_until > 0`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	dead := named("a")
	began, end := make(chan struct{}), make(chan struct{})
	dead.Handle("k", store.Limits{}, func(context.Context, store.Running) (store.Outcome, error) {
		close(began)
		<-end
		return store.Done, nil
	})
	storetest.Work(t, dead)
	t.Cleanup(func() { close(end) })
	enqueue(t, dead, store.Job{Kind: "k", Key: "a"})
	<-began
	if n := leased(named("b")); n != 1 {
		t.Errorf("another process took the lease away")
	}
	if n := leased(named("")); n != 1 {
		t.Errorf("a process without a name took the lease away")
	}
	if n := leased(named("a")); n != 0 {
		t.Errorf("the next process of the name has to wait for the lease's end")
	}
}

func conformance(t *testing.T, open func(testing.TB) *store.Store) {
	for name, test := range map[string]func(*testing.T, *store.Store){
		"placeholders by number":        byNumber,
		"writes are there, errors not":  writes,
		"a panic comes back":            panics,
		"after commit":                  afterCommit,
		"documents":                     documents,
		"tokens":                        idempotency,
		"a job runs once":               jobOnce,
		"a job enqueued while it runs":  jobWhileRunning,
		"a failing job is tried again":  jobFails,
		"a job that can't be done dies": jobDies,
		"a dead job is retried by hand": deadJob,
		"a job has a time limit":        jobTimeLimit,
		"a caller gives up":             callersGiveUp,
		"after a commit, a panic":       afterCommitPanics,
		"a job can be moved, cancelled": jobMoved,
		"a job ends with its writes":    jobEndsWithItsWrites,
		"many writers":                  manyWriters,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// byNumber pins that $2 is the second argument wherever it stands: one driver binds by first appearance.
func byNumber(t *testing.T, s *store.Store) {
	var a, b, c string
	if err := s.QueryRow(t.Context(), `SELECT CAST($2 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT)`, "one",
		"two").Scan(&a, &b, &c); err != nil || a+b+c != "twoonetwo" {
		t.Errorf("%s %s %s, %v", a, b, c, err)
	}
}

func insert(ctx context.Context, tx store.Tx, name string) error {
	_, err := tx.Exec(ctx, `INSERT INTO things (name, n) VALUES ($1, $2)`, name, 1)
	return err
}

func count(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	if err := s.QueryRow(t.Context(), `SELECT COUNT(*) FROM things`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func writes(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if err := s.Write(ctx, func(tx store.Tx) error { return insert(ctx, tx, "a") }); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := s.Write(ctx, func(tx store.Tx) error { return errors.Join(insert(ctx, tx, "b"), refused) }); !errors.Is(
		err, refused) {
		t.Errorf("err = %v", err)
	}
	if err := s.Write(ctx, func(tx store.Tx) error { return insert(ctx, tx, "a") }); err == nil {
		t.Error("a second a was taken")
	}
	if n := count(t, s); n != 1 {
		t.Errorf("%d things, want 1", n)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Write(done, func(tx store.Tx) error { return insert(ctx, tx, "c") }); !errors.Is(err,
		context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func panics(t *testing.T, s *store.Store) {
	ctx := t.Context()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		_ = s.Write(ctx, func(tx store.Tx) error { _ = insert(ctx, tx, "a"); panic("boom") })
	}()
	if n := count(t, s); n != 0 {
		t.Errorf("%d things after a panic", n)
	}
}

func afterCommit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var ran []string
	_ = s.Write(ctx, func(tx store.Tx) error {
		tx.AfterCommit(func() { ran = append(ran, "refused") })
		return errors.New("refused")
	})
	if err := s.Write(ctx, func(tx store.Tx) error {
		tx.AfterCommit(func() { ran = append(ran, fmt.Sprint(count(t, s))) })
		return insert(ctx, tx, "a")
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(ran) != "[1]" {
		t.Errorf("ran %v; want once, seeing the write", ran)
	}
}

func documents(t *testing.T, s *store.Store) {
	ctx := t.Context()
	type doc struct{ A, B string }
	if err := s.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO things (name, n, doc) VALUES ('x', 1, $1)`, store.JSON(doc{"1", "ü\"'"}))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	got, err := store.Document[doc](ctx, s, `SELECT doc FROM things WHERE name = $1`, "x")
	if err != nil || *got != (doc{"1", "ü\"'"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := store.Document[doc](ctx, s, `SELECT doc FROM things WHERE name = $1`, "y"); got != nil ||
		err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	names, err := store.All(ctx, s, func(r *sql.Rows) (n string, err error) { return n, r.Scan(&n) },
		`SELECT name FROM things`)
	if err != nil || fmt.Sprint(names) != "[x]" {
		t.Errorf("%v, %v", names, err)
	}
}

func idempotency(t *testing.T, s *store.Store) {
	ctx := t.Context()
	once := func(token, request string) (string, error) {
		var response string
		err := s.Write(ctx, func(tx store.Tx) error {
			return s.Once(ctx, tx, "Start", token, request, &response, time.Now().Add(time.Minute), func() error {
				response = "did it"
				_, err := tx.Exec(ctx, `INSERT INTO things (name, n) VALUES ('once', 1)`) // a second time is refused
				return err
			})
		})
		return response, err
	}
	first, err1 := once("t", "r")
	second, err2 := once("t", "r")
	if first != "did it" || second != first || err1 != nil || err2 != nil {
		t.Errorf("%q %v, %q %v", first, err1, second, err2)
	}
	if _, err := once("t", "other"); !errors.Is(err, store.ErrTokenMismatch) {
		t.Errorf("with another request: %v", err)
	}
}

func enqueue(t *testing.T, s *store.Store, j store.Job) {
	t.Helper()
	if err := s.Write(t.Context(), func(tx store.Tx) error { return tx.Enqueue(t.Context(), j) }); err != nil {
		t.Fatal(err)
	}
}

// idle waits until no job is left.
func idle(t *testing.T, s *store.Store, ended <-chan struct{}) {
	t.Helper()
	for {
		var n int
		if err := s.QueryRow(t.Context(), `SELECT COUNT(*) FROM jobs`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Millisecond): // the row goes right after the handler's end
		}
	}
}

func jobOnce(t *testing.T, s *store.Store) {
	ran := make(chan struct{}, 100)
	var payload atomic.Value
	s.Handle("k", store.Limits{Parallel: 4}, func(_ context.Context, j store.Running) (store.Outcome, error) {
		var p string
		if err := j.Decode(&p); err != nil {
			return store.Undecodable(err), nil
		}
		payload.Store(j.Key + p)
		ran <- struct{}{}
		return store.Done, nil
	})
	enqueue(t, s, store.Job{Kind: "k", Key: "a", Payload: "1"})
	enqueue(t, s, store.Job{Kind: "k", Key: "a", Payload: "2"}) // in its place
	storetest.Work(t, s)
	<-ran
	idle(t, s, ran)
	if payload.Load() != "a2" || len(ran) != 0 {
		t.Errorf("%v, and %d more", payload.Load(), len(ran))
	}
	enqueue(t, s, store.Job{Kind: "k", Key: "b", Payload: ""})
	<-ran
}

func jobWhileRunning(t *testing.T, s *store.Store) {
	started, goOn := make(chan struct{}), make(chan struct{})
	var at, most atomic.Int32
	s.Handle("k", store.Limits{Parallel: 4}, func(context.Context, store.Running) (store.Outcome, error) {
		if n := at.Add(1); n > most.Load() {
			most.Store(n)
		}
		defer at.Add(-1)
		started <- struct{}{}
		<-goOn
		return store.Done, nil
	})
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "k", Key: "a"})
	<-started
	enqueue(t, s, store.Job{Kind: "k", Key: "a"})
	goOn <- struct{}{}
	<-started // it runs again
	goOn <- struct{}{}
	if most.Load() != 1 {
		t.Errorf("%d at the same time", most.Load())
	}
}

// jobEndsWithItsWrites: what is written together with the job's end happens once, even if the handler then fails.
func jobEndsWithItsWrites(t *testing.T, s *store.Store) {
	runs := make(chan int, 10)
	s.Handle("ending", store.Limits{}, func(ctx context.Context, j store.Running) (store.Outcome, error) {
		err := s.Write(ctx, func(tx store.Tx) error {
			if err := insert(ctx, tx, "ending"+j.Key); err != nil {
				return err
			}
			return store.End(ctx, tx)
		})
		if err != nil {
			t.Error(err)
		}
		runs <- j.Attempt
		if j.Key == "a" {
			return store.Done, errors.New("too late to be tried again")
		}
		return store.Done, nil
	})
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "ending", Key: "a"})
	enqueue(t, s, store.Job{Kind: "ending", Key: "b"})
	<-runs
	<-runs
	idle(t, s, nil)
	if n := count(t, s); n != 2 {
		t.Errorf("%d rows; each job should have written one", n)
	}
	if err := s.Write(t.Context(), func(tx store.Tx) error { return store.End(t.Context(), tx) }); err != nil {
		t.Errorf("End outside a handler: %v", err)
	}
}

func jobFails(t *testing.T, s *store.Store) {
	attempts := make(chan int, 10)
	s.Handle("k", store.Limits{}, func(_ context.Context, j store.Running) (store.Outcome, error) {
		attempts <- j.Attempt
		if j.Attempt == 1 {
			panic("once")
		}
		return store.Done, nil
	})
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "k", Key: "a"})
	if a, b := <-attempts, <-attempts; a != 1 || b != 2 {
		t.Errorf("attempts %d, %d", a, b)
	}
	idle(t, s, nil)
}

func jobMoved(t *testing.T, s *store.Store) {
	ran := make(chan string, 10)
	s.Handle("k", store.Limits{}, func(_ context.Context, j store.Running) (store.Outcome, error) {
		ran <- j.Key
		return store.Done, nil
	})
	enqueue(t, s, store.Job{Kind: "k", Key: "later", RunAt: time.Now().Add(time.Hour)})
	enqueue(t, s, store.Job{Kind: "k", Key: "never", RunAt: time.Now().Add(time.Hour)})
	if err := s.Write(
		t.Context(), func(tx store.Tx) error { return tx.Cancel(t.Context(), "k", "never") }); err != nil {
		t.Fatal(err)
	}
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "k", Key: "later"}) // now
	if key := <-ran; key != "later" {
		t.Errorf("ran %s", key)
	}
	idle(t, s, nil)
}

func manyWriters(t *testing.T, s *store.Store) {
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for j := range 5 {
				if err := s.Write(
					t.Context(), func(tx store.Tx) error {
						return insert(t.Context(), tx,
							fmt.Sprintf("%d-%d", i, j))
					}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := count(t, s); n != 200 {
		t.Errorf("%d of 200", n)
	}
}
