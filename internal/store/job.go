package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"slipway/internal/fault"
)

// Job is something to do, at least once. Kind and Key name it: enqueuing it again while it waits replaces its payload and keeps the
// earlier time; while it runs, it runs once more afterwards. One job never runs twice at the same time.
type Job struct {
	Kind, Key string
	Payload   any       // kept as JSON; nil for none
	RunAt     time.Time // zero for now
}

// Running is a job in the hands of its handler.
type Running struct {
	Kind, Key  string
	Attempt    int // from 1
	payload    string
	generation int64
}

// Decode reads the payload.
func (r Running) Decode(v any) error { return json.Unmarshal([]byte(r.payload), v) }

// Handler does a job. With an error the job is tried again later; see also Drop and Again.
type Handler func(ctx context.Context, j Running) error

type dropError struct{ error }

// Drop makes an error final: the job is not tried again.
func Drop(err error) error { return dropError{err} }

type again struct{ at time.Time }

func (again) Error() string { return "again" }

// Again lets the job run once more at a later time, without counting as a failure.
func Again(at time.Time) error { return again{at} }

const (
	lease     = 30 * time.Second
	pollEvery = 5 * time.Second // a safety net: commits wake the worker
	firstWait = 250 * time.Millisecond
	lastWait  = time.Minute
)

// worker runs the jobs of all kinds that have a handler.
type worker struct {
	mu    sync.Mutex
	kinds map[string]*kind

	// On SQLite this process is the only one, so that a lease need not be durable: it is an entry here.
	leases  sync.Mutex
	running map[jobName]bool
}

type jobName struct{ kind, key string }

func (w *worker) isRunning(name jobName) bool {
	w.leases.Lock()
	defer w.leases.Unlock()
	return w.running[name]
}

// leased is isRunning as SQL takes it.
func (w *worker) leased(j Job) int64 {
	if w.isRunning(jobName{j.Kind, j.Key}) {
		return 1
	}
	return 0
}

func (w *worker) release(name jobName) {
	w.leases.Lock()
	delete(w.running, name)
	w.leases.Unlock()
}

type kind struct {
	name        string
	concurrency int
	handler     Handler
	signal      chan time.Time
}

func (w *worker) init() { w.kinds, w.running = map[string]*kind{}, map[jobName]bool{} }

func (w *worker) wake(name string, due time.Time) {
	w.mu.Lock()
	k := w.kinds[name]
	w.mu.Unlock()
	if k == nil {
		return
	}
	for {
		select {
		case k.signal <- due:
			return
		case other := <-k.signal: // merge with the one that waits
			if other.Before(due) {
				due = other
			}
		}
	}
}

// Handle says how jobs of a kind are done, and how many at a time. Before Work.
func (s *Store) Handle(name string, concurrency int, h Handler) {
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	s.worker.kinds[name] = &kind{name, concurrency, h, make(chan time.Time, 1)}
}

// Work does jobs until ctx ends, and returns once the running ones have returned.
func (s *Store) Work(ctx context.Context) error {
	var all sync.WaitGroup
	s.worker.mu.Lock()
	for _, k := range s.worker.kinds {
		all.Go(func() { s.serve(ctx, k) })
	}
	s.worker.mu.Unlock()
	if s.postgres {
		all.Go(func() { s.listen(ctx) })
	}
	all.Wait()
	return nil
}

// serve claims and runs the jobs of one kind.
func (s *Store) serve(ctx context.Context, k *kind) {
	free := make(chan struct{}, k.concurrency)
	var running sync.WaitGroup
	defer running.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	next := s.now()
	for {
		select {
		case <-ctx.Done():
			return
		case due := <-k.signal:
			if due.Before(next) {
				next = due
				timer.Reset(max(0, next.Sub(s.now())))
			}
			continue
		case <-timer.C:
		}
		for {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			j, due, err := s.claim(ctx, k.name)
			if err != nil && ctx.Err() == nil {
				s.log.Error("claim job", "kind", k.name, "error", err)
			}
			if j == nil {
				<-free
				next = s.now().Add(pollEvery)
				if !due.IsZero() && due.Before(next) {
					next = due
				}
				break
			}
			running.Go(func() {
				defer func() { <-free }()
				s.run(ctx, k, *j)
			})
		}
		timer.Reset(max(0, next.Sub(s.now())))
	}
}

// claim leases a job that is due; without one it tells when the next is.
func (s *Store) claim(ctx context.Context, name string) (*Running, time.Time, error) {
	if s.postgres {
		return s.claimPostgres(ctx, name)
	}
	w := &s.worker
	// The lock is held over the query: a job leaves the leases only after its end is committed.
	w.leases.Lock()
	defer w.leases.Unlock()
	mine := 0
	for r := range w.running {
		if r.kind == name {
			mine++
		}
	}
	rows, err := s.Query(ctx, `SELECT key, payload, attempt, generation, run_at FROM jobs WHERE kind = $1 ORDER BY run_at LIMIT $2`, name, mine+1)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer rows.Close()
	for rows.Next() {
		j := Running{Kind: name}
		var at int64
		if err := rows.Scan(&j.Key, &j.payload, &j.Attempt, &j.generation, &at); err != nil {
			return nil, time.Time{}, err
		}
		if w.running[jobName{name, j.Key}] {
			continue
		}
		if due := time.UnixMilli(at); due.After(s.now()) {
			return nil, due, nil
		}
		j.Attempt++
		w.running[jobName{name, j.Key}] = true
		return &j, time.Time{}, nil
	}
	return nil, time.Time{}, rows.Err()
}

func (s *Store) claimPostgres(ctx context.Context, name string) (*Running, time.Time, error) {
	now := s.now()
	var due *int64
	if err := s.QueryRow(ctx, `SELECT MIN(CASE WHEN leased_until > run_at THEN leased_until ELSE run_at END) FROM jobs WHERE kind = $1`, name).Scan(&due); err != nil || due == nil {
		return nil, time.Time{}, err
	}
	if *due > now.UnixMilli() {
		return nil, time.UnixMilli(*due), nil
	}
	var j *Running
	err := s.Write(ctx, func(tx Tx) error {
		r := Running{Kind: name}
		err := tx.QueryRow(ctx, `UPDATE jobs SET leased_until = $1, leased_by = $4, attempt = attempt + 1 WHERE kind = $2 AND key =
			(SELECT key FROM jobs WHERE kind = $2 AND run_at <= $3 AND leased_until <= $3 ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
			RETURNING key, payload, attempt, generation`, now.Add(lease).UnixMilli(), name, now.UnixMilli(), s.name).
			Scan(&r.Key, &r.payload, &r.Attempt, &r.generation)
		if isNoRows(err) {
			return nil
		}
		j = &r
		return err
	})
	return j, now, err
}

// current is the job that a handler's context belongs to.
type current struct {
	Running
	ended bool
}

type currentKey struct{}

// ErrJobGone says that a job that runs here is another's by now, or done.
var ErrJobGone = errors.New("the job is gone")

// End ends the job that ctx belongs to, with the writes of tx: what a handler writes together with End happens exactly once.
// Outside a handler, or once more after
// it took effect, it does nothing.
func End(ctx context.Context, tx Tx) error {
	c, ok := ctx.Value(currentKey{}).(*current)
	if !ok || c.ended {
		return nil
	}
	tx.AfterCommit(func() { c.ended = true })
	left, err := remove(ctx, tx, c.Running)
	if err == nil && left == 0 {
		err = ErrJobGone
	}
	return err
}

// remove takes away a job that is done, unless it was enqueued anew meanwhile; it tells whether there was such a job.
func remove(ctx context.Context, tx Tx, j Running) (int64, error) {
	r, err := tx.Exec(ctx, `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND generation = $3`, j.Kind, j.Key, j.generation)
	if err != nil {
		return 0, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return n, err
	}
	// Enqueued anew meanwhile, it keeps the time it was given then.
	if r, err = tx.Exec(ctx, `UPDATE jobs SET leased_until = 0, attempt = 0, last_error = '' WHERE kind = $1 AND key = $2`, j.Kind, j.Key); err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *Store) run(ctx context.Context, k *kind, j Running) {
	stop := make(chan struct{})
	var renewal sync.WaitGroup
	if s.postgres {
		renewal.Go(func() { s.renew(ctx, j, stop) })
	}
	c := &current{Running: j}
	err := call(context.WithValue(ctx, currentKey{}, c), k.handler, j)
	close(stop)
	renewal.Wait()
	if ctx.Err() != nil && err != nil {
		err = Again(s.now()) // interrupted: it is due at once when somebody works again
	}
	fault.Point("store.before-job-end")
	if !c.ended {
		// The end is recorded even while the server stops.
		if err := s.end(context.WithoutCancel(ctx), j, err); err != nil {
			s.log.Error("end job", "kind", j.Kind, "key", j.Key, "error", err)
		}
	} else if err != nil {
		s.log.Error("job failed after its end", "kind", j.Kind, "key", j.Key, "error", err)
	}
	s.worker.release(jobName{j.Kind, j.Key})
	s.worker.wake(j.Kind, s.now()) // it may have been enqueued anew while it ran
	fault.Point("store.after-job-end")
}

func call(ctx context.Context, h Handler, j Running) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return h(ctx, j)
}

func (s *Store) renew(ctx context.Context, j Running, stop <-chan struct{}) {
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			err := s.Write(context.WithoutCancel(ctx), func(tx Tx) error {
				_, err := tx.Exec(ctx, `UPDATE jobs SET leased_until = $3 WHERE kind = $1 AND key = $2 AND leased_until > 0`, j.Kind, j.Key, s.now().Add(lease).UnixMilli())
				return err
			})
			if err != nil {
				s.log.Error("renew job", "kind", j.Kind, "key", j.Key, "error", err)
			}
		}
	}
}

// end removes a job that is done, or says when it runs again.
func (s *Store) end(ctx context.Context, j Running, err error) error {
	at, attempt, message := s.now(), 0, ""
	later, isAgain := errors.AsType[again](err)
	_, drop := errors.AsType[dropError](err)
	switch {
	case isAgain:
		at = later.at
	case err != nil:
		wait := min(lastWait, firstWait<<min(j.Attempt-1, 10))
		at, attempt, message = at.Add(wait/2+time.Duration(rand.Int64N(int64(wait)))), j.Attempt, err.Error()
		s.log.Warn("job failed", "kind", j.Kind, "key", j.Key, "attempt", j.Attempt, "final", drop, "error", err)
	}
	return s.Write(ctx, func(tx Tx) error {
		if err == nil || drop {
			_, err := remove(ctx, tx, j)
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE jobs SET leased_until = 0, attempt = $4, last_error = $5,
			run_at = CASE WHEN generation = $3 THEN $6 ELSE run_at END WHERE kind = $1 AND key = $2`,
			j.Kind, j.Key, j.generation, attempt, message, at.UnixMilli())
		tx.(enqueuer).enqueued(j.Kind, s.now())
		return err
	})
}

func (x *tx) enqueued(kind string, due time.Time) {
	if x.kinds == nil {
		x.kinds = map[string]time.Time{}
	}
	if at, ok := x.kinds[kind]; !ok || due.Before(at) {
		x.kinds[kind] = due
	}
}

type enqueuer interface {
	enqueued(kind string, due time.Time)
}

func (x *tx) Enqueue(ctx context.Context, j Job) error {
	payload, err := json.Marshal(j.Payload)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.Kind, err)
	}
	at := j.RunAt
	if at.IsZero() {
		at = x.s.now()
	}
	// A running job's run_at lies in the past and is spent: the new one counts.
	_, err = x.Exec(ctx, `INSERT INTO jobs (kind, key, payload, run_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, generation = jobs.generation + 1, attempt = 0,
		run_at = CASE WHEN jobs.leased_until > 0 OR $5 = 1 OR jobs.run_at > excluded.run_at THEN excluded.run_at ELSE jobs.run_at END`,
		j.Kind, j.Key, string(payload), at.UnixMilli(), x.s.worker.leased(j))
	x.enqueued(j.Kind, at)
	return err
}

func (x *tx) Cancel(ctx context.Context, kind, key string) error {
	if x.s.worker.isRunning(jobName{kind, key}) {
		return nil
	}
	_, err := x.Exec(ctx, `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND leased_until <= $3`, kind, key, x.s.now().UnixMilli())
	return err
}
