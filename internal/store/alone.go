package store

import (
	"context"
	"errors"
	"time"

	"slipway/internal/contain"
)

const (
	// aloneFor is how long a process is the only one to do something after it last said so.
	aloneFor = 4 * time.Second
	// aloneEvery is how often the process renews its lease, and how often others try to take it.
	aloneEvery = time.Second
)

// errLeaseLost is the cause with which the context of Alone's function ends when another process took over.
var errLeaseLost = errors.New("another server does this now")

// Alone runs f in one of the processes that work on the database at a time. If that process dies, another one begins to
// run f within five seconds. Alone returns nil once ctx ends, and the error of f if f ends by itself. The context of f
// ends when ctx does, or when the process lost its lease.
//
// On SQLite there is one process, which runs f at once.
func (s *Store) Alone(ctx context.Context, name string, f func(context.Context) error) error {
	if !s.postgres {
		return f(ctx)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		held, err := s.takeLease(ctx, name)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("take a lease", "lease", name, "error", err)
		}
		if held {
			if err := s.holding(ctx, name, f); err != nil {
				return err
			}
		}
		timer.Reset(aloneEvery)
	}
}

// holding runs f while this process holds the lease. It returns nil when the lease is lost.
func (s *Store) holding(ctx context.Context, name string, f func(context.Context) error) error {
	mine, end := context.WithCancelCause(ctx)
	defer end(nil)
	ended := make(chan error, 1)
	go func() { ended <- contain.Do(func() error { return f(mine) }) }()
	renewed := time.Now()
	every := time.NewTicker(aloneEvery)
	defer every.Stop()
	for {
		select {
		case err := <-ended:
			s.dropLease(name)
			if ctx.Err() != nil {
				return nil
			}
			return err
		case <-every.C:
		}
		asked := time.Now()
		limit, cancel := context.WithTimeout(ctx, aloneEvery)
		held, err := s.takeLease(limit, name)
		cancel()
		if held {
			renewed = asked
		}
		if err == nil && !held || time.Since(renewed) > aloneFor-aloneEvery {
			end(errLeaseLost)
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				s.log.Warn("what another server does now ended with an error", "lease", name, "error", err)
			}
			return nil
		}
	}
}

// leaseSQL takes a free lease, or renews the process's own. It uses the database's time, because the clocks of servers
// differ.
const leaseSQL = `INSERT INTO leases (name, holder, until)
	VALUES ($1, $2, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT + $3)
	ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
	WHERE leases.holder = excluded.holder OR leases.until < (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT`

func (s *Store) takeLease(ctx context.Context, name string) (bool, error) {
	r, err := s.db.ExecContext(ctx, leaseSQL, name, s.process, aloneFor.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

// dropLease lets another process begin at once. If it fails, the other process waits until the lease expires.
func (s *Store) dropLease(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), aloneEvery)
	defer cancel()
	if _, err := s.db.ExecContext(ctx, `DELETE FROM leases WHERE name = $1
		AND holder = $2`, name, s.process); err != nil {
		s.log.Warn("give up a lease", "lease", name, "error", err)
	}
}
