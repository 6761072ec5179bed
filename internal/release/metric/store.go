// Package metric keeps what the routers report and what clients put: second by second for three hours in memory, and
// in slots of ten seconds for a week in the database.
package metric

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"slipway/api/slipway"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("metric", migrations) }

const (
	// Kept is how long anything is kept, as slots; it is the longest that an alarm may look back.
	Kept = 7 * 24 * time.Hour
	// fine is how long seconds are told apart.
	fine = 3 * time.Hour
	// slot is how finely the database tells times apart, in seconds.
	slot = 10
	// flushEvery is how long a report may wait to be written down.
	flushEvery = 10 * time.Second
	// maxSeconds bounds the memory, some 350 bytes each: what is older is read from the database.
	maxSeconds = 100_000
	// MaxSeries bounds how many there are.
	MaxSeries = 5000
)

// ErrTooMany says that there are MaxSeries already.
var ErrTooMany = errors.New("there are too many metrics")

// Store keeps metrics.
type Store struct {
	db  *store.Store
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	traffic map[string]*line[Traffic]
	custom  map[string]*line[Summary]
	held    int              // seconds in memory
	seen    map[string]int64 // all series that the database knows, with the hour when
	began   int64            // when this process did; what was measured before is read from the database
	waiting map[place]any    // *Traffic or *Summary, to be written down
	timer   *time.Timer
	writer  string
	writes  int
	swept   int64 // when old rows were looked for last
	full    bool  // somebody was told that there are too many series
}

// place is a slot of a series.
type place struct {
	series string
	at     int64
}

// Open returns the store of a database.
func Open(ctx context.Context, db *store.Store, log *slog.Logger, now func() time.Time) (*Store, error) {
	s := &Store{db: db, log: log, now: now, seen: map[string]int64{}, waiting: map[place]any{}}
	s.begin()
	db.OnNotice(trafficNotice, s.hearTraffic)
	db.OnNotice(customNotice, s.hearCustom)
	db.OnGap(func() { go s.missed() })
	return s, s.readSeries(ctx)
}

// readSeries reads which series there are.
func (s *Store) readSeries(ctx context.Context) error {
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var series string
		var seen int64
		err := r.Scan(&series, &seen)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen[series] = max(s.seen[series], seen)
		return struct{}{}, err
	}, `SELECT series, seen FROM metric_series`)
	return err
}

// ceil is the beginning of the slot at or after a time.
func ceil(at int64) int64 { return (at + slot - 1) / slot * slot }

// Sample keeps what a router reported. Its numbers are written down within ten seconds; a crash loses them.
func (s *Store) Sample(_ context.Context, samples []slipway.RouterSample) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range samples {
		if p, t, ok := s.sampled(r); ok {
			wait(s.waiting, p, t, (*Traffic).Add)
			s.tell(trafficNotice, r)
		}
	}
	s.schedule()
	return nil
}

// sampled keeps a sample in memory, and returns its slot.
func (s *Store) sampled(r slipway.RouterSample) (p place, t Traffic, ok bool) {
	now := s.now()
	// A clock that is wrong by hours would spoil what alarms see.
	if r.Time == nil || r.Time.Before(now.Add(-fine)) || r.Time.After(now.Add(time.Minute)) ||
		r.TargetGroupArn == nil || r.LoadBalancerArn == nil {
		return p, t, false
	}
	series, at := pair{*r.TargetGroupArn, *r.LoadBalancerArn}.series(), r.Time.Unix()
	if !s.admit(series) {
		if !s.full {
			s.full = true
			s.log.Error("metrics of a target group are dropped: there are too many", "series", series, "most",
				MaxSeries)
		}
		return p, t, false
	}
	t = FromSample(r)
	remember(s, s.traffic, series, at, t, (*Traffic).Add)
	return place{series, at - at%slot}, t, true
}

// Datum is a measurement of a metric that somebody put.
type Datum struct {
	ID
	Time time.Time
	Summary
}

// Put keeps measurements; they are durable when it returns. ErrTooMany says that none were kept.
func (s *Store) Put(ctx context.Context, data []Datum) error {
	if err := s.put(data); err != nil {
		return err
	}
	return s.Flush(ctx)
}

func (s *Store) put(data []Datum) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range data {
		if !s.admit(d.Sorted().series()) {
			return ErrTooMany
		}
	}
	for _, d := range data {
		series, at := d.Sorted().series(), d.Time.Unix()
		remember(s, s.custom, series, at, d.Summary, (*Summary).Add)
		wait(s.waiting, place{series, at - at%slot}, d.Summary, (*Summary).Add)
		s.tell(customNotice, d)
	}
	return nil
}

// remember adds to a series in memory.
func remember[T any](s *Store, lines map[string]*line[T], series string, at int64, v T, add func(*T, T)) {
	l := lines[series]
	if l == nil {
		l = &line[T]{from: s.began}
		lines[series] = l
	}
	s.held += l.put(at, v, add)
	s.held -= l.forget(s.now().Unix() - int64(fine.Seconds()))
	s.shrink()
}

// wait adds to what waits to be written down.
func wait[T any](waiting map[place]any, p place, v T, add func(*T, T)) {
	w, ok := waiting[p].(*T)
	if !ok {
		w = new(T)
		waiting[p] = w
	}
	add(w, v)
}

// admit reports whether there is room for a series.
func (s *Store) admit(series string) bool {
	if _, known := s.seen[series]; known {
		return true
	}
	if len(s.seen) >= MaxSeries {
		return false
	}
	s.seen[series] = 0
	return true
}

// shrink drops the older half of every line once memory is full.
func (s *Store) shrink() {
	if s.held <= maxSeconds {
		return
	}
	for _, l := range s.traffic {
		if n := len(l.seconds); n > 0 {
			s.held -= l.forget(l.seconds[n/2].at)
		}
	}
	for _, l := range s.custom {
		if n := len(l.seconds); n > 0 {
			s.held -= l.forget(l.seconds[n/2].at)
		}
	}
}
