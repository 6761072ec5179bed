package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"slipway/internal/contain"
	"slipway/internal/fault"
)

// run attempts a job and records the outcome, however the attempt ends.
func (s *Store) run(ctx context.Context, k *kind, j Running) {
	name := jobName{j.Kind, j.Key}
	err := contain.Do(func() error { return s.attempt(ctx, k, j) })
	if err != nil {
		s.log.Error("end job", "kind", j.Kind, "key", j.Key, "error", err)
	}
	s.worker.release(name)
	s.worker.wake(j.Kind, s.now()) // it may have been enqueued anew while it ran
	fault.Point("store.after-job-end")
}

func (s *Store) attempt(ctx context.Context, k *kind, j Running) error {
	j.Last = j.Attempt >= k.limits.Attempts
	c := &current{Running: j}
	limited, end := context.WithTimeoutCause(context.WithValue(ctx, currentKey{}, c), k.limits.Time, errTimeLimit)
	defer end()
	held, lose := context.WithCancelCause(limited)
	defer lose(nil)
	stop := make(chan struct{})
	var renewal sync.WaitGroup
	if s.postgres {
		renewal.Go(func() { s.renew(ctx, c, lose, stop) })
	}
	var o Outcome
	err := contain.Do(func() (err error) {
		fault.Panic("job." + j.Kind)
		o, err = k.handler(held, j)
		return err
	})
	close(stop)
	renewal.Wait()
	if cause := context.Cause(held); err != nil && cause != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	fault.Point("store.before-job-end")
	switch {
	case c.ended.isSet() && err != nil:
		s.log.Error("job failed after its end", "kind", j.Kind, "key", j.Key, "error", err)
		return nil
	case c.ended.isSet():
		return nil
	case err != nil && ctx.Err() != nil: // interrupted: it is due at once when somebody works again
		return s.conclude(ctx, j, conclusion{state: waiting, at: s.now(), attempt: j.Attempt - 1})
	case err != nil:
		return s.failed(ctx, k, j, err)
	case o.reason != "":
		s.log.Error("job is dead", "kind", j.Kind, "key", j.Key, "reason", o.reason)
		return s.conclude(ctx, j,
			conclusion{state: dead, at: s.now(), attempt: j.Attempt, failure: &Failure{At: s.now(), Error: o.reason}})
	case !o.again.IsZero():
		return s.conclude(ctx, j, conclusion{state: waiting, at: o.again})
	}
	return s.Write(context.WithoutCancel(ctx), func(tx Tx) error {
		_, err := remove(ctx, tx, j)
		return err
	})
}

// failed lets a job that failed be tried again later, or ends it after its last attempt.
func (s *Store) failed(ctx context.Context, k *kind, j Running, err error) error {
	f := &Failure{At: s.now(), Error: oneLine(err.Error())}
	if p, ok := errors.AsType[*contain.Panic](err); ok {
		f.Stack = p.Stack
	}
	state := waiting
	if j.Last {
		state = dead
	}
	told := []any{"kind", j.Kind, "key", j.Key, "attempt", j.Attempt, "of", k.limits.Attempts, "error", err}
	if f.Stack != "" {
		told = append(told, "stack", f.Stack)
	}
	s.log.Warn("job failed", told...)
	return s.conclude(ctx, j,
		conclusion{state: state, at: s.now().Add(pause(j.Attempt)), attempt: j.Attempt, failure: f})
}

func oneLine(text string) string {
	const most = 2000
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), most)]
}

// pause is how long to wait after so many failures: doubling from a quarter of a second to a minute, with jitter.
func pause(failures int) time.Duration {
	b := &backoff.ExponentialBackOff{
		InitialInterval:     250 * time.Millisecond,
		Multiplier:          2,
		RandomizationFactor: 0.5,
		MaxInterval:         time.Minute,
	}
	b.Reset()
	var wait time.Duration
	for range min(failures, 12) {
		wait = b.NextBackOff()
	}
	return wait
}

// States of a job in its row. On SQLite, that it runs is known to the process alone.
const (
	waiting = "waiting"
	dead    = "dead"
)

// conclusion is how an attempt ended that did not end the job.
type conclusion struct {
	state   string
	at      time.Time
	attempt int
	failure *Failure
}

// concludeSQL does not change the time of a job that was enqueued again meanwhile.
const concludeSQL = `UPDATE jobs SET leased_until = 0, lease = '',
	state = CASE WHEN generation = $4 THEN $5 ELSE 'waiting' END,
	run_at = CASE WHEN generation = $4 THEN $6 ELSE again_at END,
	attempt = CASE WHEN generation = $4 THEN $7 ELSE 0 END,
	attempts = $8, last_error = $9 WHERE kind = $1 AND key = $2 AND lease = $3`

// conclude records the end of an attempt, even while the server stops.
func (s *Store) conclude(ctx context.Context, j Running, c conclusion) error {
	failures, last := j.failures, ""
	if c.failure != nil {
		failures, last = append(failures, *c.failure), c.failure.Error
		failures = failures[max(0, len(failures)-keptFailures):]
	}
	if failures == nil {
		failures = []Failure{}
	}
	return s.Write(context.WithoutCancel(ctx), func(tx Tx) error {
		_, err := tx.Exec(ctx, concludeSQL, j.Kind, j.Key, j.lease, j.generation, c.state, c.at.UnixMilli(), c.attempt,
			JSON(failures), last)
		return err
	})
}

// renew renews the lease of a running job. If another process has the job by now, the handler's context ends with
// ErrJobGone.
func (s *Store) renew(ctx context.Context, c *current, lose context.CancelCauseFunc, stop <-chan struct{}) {
	const extend = `UPDATE jobs SET leased_until = $4, run_at = $4 WHERE kind = $1 AND key = $2 AND lease = $3`
	j := c.Running
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		var held int64
		err := s.Write(context.WithoutCancel(ctx), func(tx Tx) error {
			until := s.now().Add(lease).UnixMilli()
			r, err := tx.Exec(ctx, extend, j.Kind, j.Key, j.lease, until)
			if err != nil {
				return err
			}
			held, err = r.RowsAffected()
			return err
		})
		switch {
		case err != nil:
			s.log.Error("renew job", "kind", j.Kind, "key", j.Key, "error", err)
		case held == 0 && !c.ended.isSet():
			lose(ErrJobGone)
		}
	}
}
