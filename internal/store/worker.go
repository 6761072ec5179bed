package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"slipway/internal/contain"
)

const (
	lease     = 30 * time.Second
	pollEvery = 5 * time.Second // a safety net: commits wake the worker
)

// worker runs the jobs of all kinds that have a handler.
type worker struct {
	mu    sync.Mutex
	kinds map[string]*kind
	twice []string // kinds that were given a second handler

	// On SQLite this process is the only one. Leases need not be durable and are entries here.
	leases  sync.Mutex
	running map[jobName]bool
}

type jobName struct{ kind, key string }

// flag can be set by the writer while a handler looks at it.
type flag struct{ v atomic.Bool }

func (f *flag) set()        { f.v.Store(true) }
func (f *flag) isSet() bool { return f.v.Load() }
func (f *flag) take() bool  { return f.v.Swap(false) }

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
	name    string
	limits  Limits
	handler Handler
	signal  chan time.Time
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

// Handle registers the handler and limits of a kind of jobs. It must be called before Work, which returns an error if a
// kind has two handlers.
func (s *Store) Handle(name string, l Limits, h Handler) {
	l.Parallel = max(l.Parallel, 1)
	if l.Time == 0 {
		l.Time = defaultTime
	}
	if l.Attempts == 0 {
		l.Attempts = defaultAttempts
	}
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	if s.worker.kinds[name] != nil {
		s.worker.twice = append(s.worker.twice, name)
	}
	s.worker.kinds[name] = &kind{name, l, h, make(chan time.Time, 1)}
}

// under are the kinds whose names begin with a prefix, in the order of their names.
func (w *worker) under(prefix string) []*kind {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*kind
	for name, k := range w.kinds {
		if strings.HasPrefix(name, prefix) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b *kind) int { return strings.Compare(a.name, b.name) })
	return all
}

// Kinds are the kinds of jobs that have a handler.
func (s *Store) Kinds() []string {
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	names := make([]string, 0, len(s.worker.kinds))
	for name := range s.worker.kinds {
		names = append(names, name)
	}
	return names
}

// Work does jobs until ctx ends, and returns once the running ones have returned.
func (s *Store) Work(ctx context.Context) error {
	if twice := s.worker.twice; len(twice) > 0 {
		return fmt.Errorf("jobs have more than one handler: %s", strings.Join(twice, ", "))
	}
	s.warnOfUnhandled(ctx)
	var all sync.WaitGroup
	s.worker.mu.Lock()
	for _, k := range s.worker.kinds {
		all.Go(func() { s.serve(ctx, k) })
	}
	s.worker.mu.Unlock()
	if s.postgres {
		all.Go(func() { s.listen(ctx) })
		all.Go(func() { s.tell(ctx) })
	}
	all.Wait()
	return nil
}

// warnOfUnhandled logs the kinds of waiting jobs that have no handler here. They belong to another version, or a
// handler was forgotten.
func (s *Store) warnOfUnhandled(ctx context.Context) {
	kinds, err := Strings(ctx, s, `SELECT DISTINCT kind FROM jobs WHERE state = 'waiting'`)
	if err != nil {
		s.log.Warn("look for jobs that nobody does", "error", err)
		return
	}
	known := s.Kinds()
	for _, kind := range kinds {
		if !slices.Contains(known, kind) {
			s.log.Warn("jobs wait that this server cannot do", "kind", kind)
		}
	}
}

// serve claims and runs the jobs of one kind.
func (s *Store) serve(ctx context.Context, k *kind) {
	free := make(chan struct{}, k.limits.Parallel)
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
			j, due := s.claimed(ctx, k.name)
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

// claimed claims a job. An error or a panic fails this try only.
func (s *Store) claimed(ctx context.Context, name string) (j *Running, due time.Time) {
	err := contain.Do(func() (err error) {
		j, due, err = s.claim(ctx, name)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("claim job", "kind", name, "error", err)
	}
	return j, due
}
