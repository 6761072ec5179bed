package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Job is something to do, at least once. Kind and Key identify it. Enqueuing a waiting job again replaces its payload
// and keeps the earlier time. Enqueuing a running job lets it run again afterwards. Enqueuing a dead job starts it
// anew. One job never runs twice at the same time.
type Job struct {
	Kind, Key string
	Payload   any       // kept as JSON; nil for none
	RunAt     time.Time // zero for now
}

// Running is a job in the hands of its handler.
type Running struct {
	Kind, Key string
	Attempt   int  // from 1
	Last      bool // a failure of this attempt is the job's death

	payload    string
	generation int64
	lease      string // on PostgreSQL, what its claim wrote; it guards every later update
	failures   []Failure
}

// Decode reads the payload.
func (r Running) Decode(v any) error { return json.Unmarshal([]byte(r.payload), v) }

// Failure is an attempt that failed.
type Failure struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"`           // one line
	Stack string    `json:"stack,omitempty"` // of a panic
}

// Handler does a job and returns its outcome. If it returns an error, the attempt failed and the outcome is ignored:
// the job is tried again later, and is dead after the last attempt of its kind. The context ends at the kind's time
// limit, when the lease is lost, and when the worker stops.
type Handler func(ctx context.Context, j Running) (Outcome, error)

// Outcome is the outcome of an attempt without an error. The zero value is Done.
type Outcome struct {
	again  time.Time
	reason string
}

// Done ends the job.
var Done = Outcome{}

// Again lets the job run again at a later time.
func Again(at time.Time) Outcome { return Outcome{again: at} }

// Dead ends the job as one that cannot be done. It stays in the list of dead jobs with the reason.
func Dead(reason string) Outcome { return Outcome{reason: reason} }

// Undecodable is the outcome of a job whose payload can't be read.
func Undecodable(err error) Outcome { return Dead("its payload can't be read: " + err.Error()) }

// Limits bound the jobs of a kind. Zero members are the defaults.
type Limits struct {
	Parallel int           // how many run at the same time in this process; 1
	Time     time.Duration // how long one attempt may take; 2 minutes
	Attempts int           // failures until the job is dead; 50, which takes about 45 minutes
	// Wants reports whether a job with a payload is wanted. EnqueueAll calls it. If it is nil, every job is wanted.
	Wants func(ctx context.Context, q Queryer, payload any) (bool, error)
}

// Tireless is the number of attempts for jobs that something else waits for without a time limit. At one attempt a
// minute it is a week.
const Tireless = 10_000

const (
	defaultTime     = 2 * time.Minute
	defaultAttempts = 50
	// keptFailures limits how many failures of a job are kept. The newest are kept.
	keptFailures = 10
)

// ErrJobGone says that a job that runs here is another's by now, or done.
var ErrJobGone = errors.New("the job is gone")

// errTimeLimit is the cause with which the context of a job ends at its time limit.
var errTimeLimit = errors.New("the job took longer than a job of its kind may")

// current is the job that a handler's context belongs to.
type current struct {
	Running
	ended flag
}

type currentKey struct{}

// End ends the job that ctx belongs to, together with the writes of tx. What a handler writes together with End happens
// exactly once. End does nothing outside a handler, or after it took effect. If the job belongs to another worker by
// now, End returns ErrJobGone and nothing is written.
func End(ctx context.Context, tx Tx) error {
	c, ok := ctx.Value(currentKey{}).(*current)
	if !ok || c.ended.isSet() {
		return nil
	}
	tx.AfterCommit(c.ended.set)
	left, err := remove(ctx, tx, c.Running)
	if err == nil && left == 0 {
		err = ErrJobGone
	}
	return err
}

// remove deletes a job that is done, unless it was enqueued again meanwhile. It returns the number of jobs that were
// found.
func remove(ctx context.Context, tx Tx, j Running) (int64, error) {
	r, err := tx.Exec(ctx, `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND generation = $3 AND lease = $4`,
		j.Kind, j.Key, j.generation, j.lease)
	if err != nil {
		return 0, err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return n, err
	}
	r, err = tx.Exec(ctx, `UPDATE jobs SET leased_until = 0, lease = '', attempt = 0, last_error = '', run_at = again_at
		WHERE kind = $1 AND key = $2 AND lease = $3`, j.Kind, j.Key, j.lease)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (x *tx) enqueued(kind string, due time.Time) {
	if x.kinds == nil {
		x.kinds = map[string]time.Time{}
	}
	if at, ok := x.kinds[kind]; !ok || due.Before(at) {
		x.kinds[kind] = due
	}
}

// enqueueSQL keeps the earlier time. The run_at of a job that runs here has passed, and the run_at of a job that is
// leased elsewhere is the end of its lease. $7 is 1 for a job that runs here.
const enqueueSQL = `INSERT INTO jobs (kind, key, payload, run_at, again_at, enqueued) VALUES ($1, $2, $3, $4, $4, $5)
	ON CONFLICT (kind, key) DO UPDATE SET payload = excluded.payload, generation = jobs.generation + 1, attempt = 0,
	state = 'waiting',
	enqueued = excluded.enqueued, again_at = excluded.again_at,
	run_at = CASE WHEN jobs.leased_until > $6 THEN jobs.run_at
		WHEN $7 = 1 OR jobs.state = 'dead' OR jobs.run_at > excluded.run_at THEN excluded.run_at
		ELSE jobs.run_at END`

func (x *tx) Enqueue(ctx context.Context, j Job) error {
	payload, err := json.Marshal(j.Payload)
	if err != nil {
		return fmt.Errorf("job %s: %w", j.Kind, err)
	}
	now := x.s.now()
	at := j.RunAt
	if at.IsZero() {
		at = now
	}
	_, err = x.Exec(ctx, enqueueSQL, j.Kind, j.Key, string(payload), at.UnixMilli(), now.UnixMilli(), now.UnixMilli(),
		x.s.worker.leased(j))
	x.enqueued(j.Kind, at)
	return err
}

func (x *tx) EnqueueAll(ctx context.Context, prefix, key string, payload any) error {
	for _, k := range x.s.worker.under(prefix) {
		if k.limits.Wants != nil {
			if wanted, err := k.limits.Wants(ctx, x, payload); err != nil || !wanted {
				if err != nil {
					return err
				}
				continue
			}
		}
		if err := x.Enqueue(ctx, Job{Kind: k.name, Key: key, Payload: payload}); err != nil {
			return err
		}
	}
	return nil
}

func (x *tx) Cancel(ctx context.Context, kind, key string) error {
	if x.s.worker.isRunning(jobName{kind, key}) {
		return nil
	}
	_, err := x.Exec(ctx, `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND leased_until <= $3`, kind, key,
		x.s.now().UnixMilli())
	return err
}
