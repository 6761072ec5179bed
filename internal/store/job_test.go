package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

// theJob waits until the only job is in a state, and returns it.
func theJob(t *testing.T, s *store.Store, state store.JobState) store.JobRow {
	t.Helper()
	for {
		jobs, err := s.Jobs(t.Context(), false, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) == 1 && jobs[0].State == state {
			return jobs[0]
		}
		select {
		case <-time.After(5 * time.Millisecond): // its state is written right after the handler's end
		case <-t.Context().Done():
			t.Fatalf("jobs are %+v, want one that is %s", jobs, state)
		}
	}
}

func jobDies(t *testing.T, s *store.Store) {
	var last []bool
	s.Handle("failing", store.Limits{Attempts: 2}, func(_ context.Context, j store.Running) (store.Outcome, error) {
		last = append(last, j.Last)
		if j.Attempt == 1 {
			panic("first")
		}
		return store.Done, errors.New("second\nline")
	})
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "failing", Key: "a"})
	j := theJob(t, s, store.JobDead)
	if fmt.Sprint(last) != "[false true]" || j.Attempt != 2 || len(j.Failures) != 2 {
		t.Fatalf("last %v, job %+v; want two failures, the second being the last", last, j)
	}
	if f := j.Failures[0]; f.Error != "panic: first" || !strings.Contains(f.Stack, "store_test.jobDies") {
		t.Errorf("first failure %+v; want the panic with its stack", f)
	}
	if f := j.Failures[1]; f.Error != "second line" || f.Stack != "" || f.At.IsZero() {
		t.Errorf("second failure %+v", f)
	}
}

func deadJob(t *testing.T, s *store.Store) {
	ctx := t.Context()
	ran := make(chan struct{}, 10)
	s.Handle("hopeless", store.Limits{}, func(context.Context, store.Running) (store.Outcome, error) {
		ran <- struct{}{}
		return store.Dead("there is nothing to do it with"), nil
	})
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "hopeless", Key: "a"})
	<-ran
	if j := theJob(t, s, store.JobDead); j.Failures[0].Error != "there is nothing to do it with" {
		t.Errorf("%+v", j)
	}
	if n, err := s.DeadJobs(ctx); n != 1 || err != nil {
		t.Errorf("%d dead, %v", n, err)
	}
	if ok, err := s.RetryJob(ctx, "hopeless", "a"); !ok || err != nil {
		t.Errorf("retry: %v, %v", ok, err)
	}
	<-ran
	theJob(t, s, store.JobDead)
	enqueue(t, s, store.Job{Kind: "hopeless", Key: "a"}) // whoever wants it anew gets it anew
	<-ran
	theJob(t, s, store.JobDead)
	if ok, err := s.DiscardJob(ctx, "hopeless", "a"); !ok || err != nil {
		t.Errorf("discard: %v, %v", ok, err)
	}
	if ok, err := s.RetryJob(ctx, "hopeless", "a"); ok || err != nil {
		t.Errorf("retry of none: %v, %v", ok, err)
	}
	idle(t, s, nil)
}

func jobTimeLimit(t *testing.T, s *store.Store) {
	s.Handle("slow",
		store.Limits{Time: time.Millisecond,
			Attempts: 1}, func(ctx context.Context, _ store.Running) (store.Outcome, error) {
			<-ctx.Done()
			return store.Done, ctx.Err()
		})
	storetest.Work(t, s)
	enqueue(t, s, store.Job{Kind: "slow", Key: "a"})
	if j := theJob(t, s, store.JobDead); !strings.Contains(j.Failures[0].Error, "longer than a job of its kind may") {
		t.Errorf("%+v; want the time limit as the reason", j.Failures)
	}
}

// callersGiveUp lets callers give up at random moments among others who do not: who is told that a write was made finds
// it, who is told that it was not does not find it.
func callersGiveUp(t *testing.T, s *store.Store) {
	const writers, each = 50, 200
	type answer struct {
		name string
		err  error
	}
	var mu sync.Mutex
	var answers []answer
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for n := range each {
				ctx, cancel := context.WithCancel(t.Context())
				if i%2 == 0 {
					time.AfterFunc(time.Duration(n)*20*time.Microsecond, cancel)
				}
				name := fmt.Sprintf("%d-%d", i, n)
				err := s.Write(ctx, func(tx store.Tx) error { return insert(ctx, tx, name) })
				cancel()
				mu.Lock()
				answers = append(answers, answer{name, err})
				mu.Unlock()
			}
		})
	}
	all.Wait()
	names, err := store.Strings(t.Context(), s, `SELECT name FROM things`)
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, n := range names {
		made[n] = true
	}
	refused := 0
	for _, a := range answers {
		if errors.Is(a.err, store.ErrOutcomeUnknown) {
			continue
		}
		if made[a.name] != (a.err == nil) {
			t.Fatalf("%s: the caller was told %v, made is %v", a.name, a.err, made[a.name])
		}
		if a.err != nil {
			refused++
			if !errors.Is(a.err, context.Canceled) {
				t.Errorf("%s: %v", a.name, a.err)
			}
		}
	}
	t.Logf("%d of %d writes were withdrawn", refused, writers*each)
}

func afterCommitPanics(t *testing.T, s *store.Store) {
	ctx := t.Context()
	err := s.Write(ctx, func(tx store.Tx) error {
		tx.AfterCommit(func() { panic("after") })
		return insert(ctx, tx, "a")
	})
	if err != nil || count(t, s) != 1 {
		t.Errorf("err %v, %d rows; the write was made", err, count(t, s))
	}
}

// TestBrokenTransaction lets a closure end the transaction that others share: it alone fails, and they are durable.
func TestBrokenTransaction(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, tables)
	ctx := t.Context()
	held, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() { // holds the writer until the others wait for it
		if err := s.Write(
			ctx, func(store.Tx) error { once.Do(func() { close(held) }); <-goOn; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	var broken error
	ready := make(chan struct{}, 3)
	for i, statement := range []string{`INSERT INTO things (name, n) VALUES ('a', 1)`, `ROLLBACK`,
		`INSERT INTO things (name, n) VALUES ('b', 1)`} {
		all.Go(func() {
			ready <- struct{}{}
			err := s.Write(ctx, func(tx store.Tx) error { _, err := tx.Exec(ctx, statement); return err })
			if i == 1 {
				broken = err
			} else if err != nil {
				t.Errorf("%s: %v", statement, err)
			}
		})
	}
	for range 3 {
		<-ready
	}
	close(goOn)
	all.Wait()
	if broken == nil || count(t, s) != 2 {
		t.Errorf("the closure that broke the transaction got %v; %d rows of 2", broken, count(t, s))
	}
}
