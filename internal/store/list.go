package store

import (
	"context"
	"database/sql"
	"time"
)

// JobState is what a job does.
type JobState string

// States of jobs.
const (
	JobWaiting  JobState = "waiting"  // for its time, or for a free worker
	JobRunning  JobState = "running"  // in the hands of a handler
	JobRetrying JobState = "retrying" // waiting after a failure
	JobDead     JobState = "dead"     // failed for good; it stays until somebody retries or discards it
)

// JobRow is a job in its table. It does not have the payload, which may be secret.
type JobRow struct {
	Kind, Key string
	State     JobState
	Attempt   int
	RunAt     time.Time // when it is due
	Enqueued  time.Time // zero for jobs of before this was kept
	LeasedBy  string    // the process that runs it, on PostgreSQL
	Failures  []Failure // the newest, oldest first
}

// JobsPage bounds how many jobs Jobs returns.
const JobsPage = 100

const jobColumns = `SELECT kind, key, state, attempt, run_at, enqueued, leased_until, leased_by, attempts FROM jobs `

// Jobs returns a page of jobs after a kind and a key, dead ones only if onlyDead is set. An index finds dead jobs.
func (s *Store) Jobs(ctx context.Context, onlyDead bool, afterKind, afterKey string) ([]JobRow, error) {
	where := `WHERE (kind, key) > ($1, $2) ORDER BY kind, key LIMIT $3`
	if onlyDead {
		where = `WHERE state = 'dead' AND (kind, key) > ($1, $2) ORDER BY kind, key LIMIT $3`
	}
	return All(ctx, s, s.scanJob, jobColumns+where, afterKind, afterKey, JobsPage)
}

// DeadJobs counts the jobs that are dead.
func (s *Store) DeadJobs(ctx context.Context) (n int, err error) {
	return n, s.QueryRow(ctx, `SELECT COUNT(*) FROM jobs WHERE state = 'dead'`).Scan(&n)
}

func (s *Store) scanJob(r *sql.Rows) (j JobRow, err error) {
	var runAt, enqueued, leasedUntil int64
	err = r.Scan(&j.Kind, &j.Key, &j.State, &j.Attempt, &runAt, &enqueued, &leasedUntil, &j.LeasedBy, JSON(&j.Failures))
	j.RunAt = time.UnixMilli(runAt).UTC()
	if enqueued > 0 {
		j.Enqueued = time.UnixMilli(enqueued).UTC()
	}
	leasedElsewhere := leasedUntil > s.now().UnixMilli()
	switch {
	case j.State == JobDead:
	case leasedElsewhere, s.worker.isRunning(jobName{j.Kind, j.Key}):
		j.State = JobRunning
	case j.Attempt > 0:
		j.State = JobRetrying
	}
	if !leasedElsewhere {
		j.LeasedBy = ""
	}
	return j, err
}

// RetryJob makes a job due now, a dead one with all its attempts before it. It reports false if there is none, or if it
// runs.
func (s *Store) RetryJob(ctx context.Context, kind, key string) (bool, error) {
	return s.touchJob(ctx, kind, key,
		`UPDATE jobs SET state = 'waiting', run_at = $3, attempt = 0, generation = generation + 1
		WHERE kind = $1 AND key = $2 AND leased_until <= $3 AND (state = 'dead' OR $4 = 0)`)
}

// DiscardJob deletes a job that is not running. The job's work is not done. DiscardJob returns false if there is no
// such job, or if it runs.
func (s *Store) DiscardJob(ctx context.Context, kind, key string) (bool, error) {
	return s.touchJob(ctx, kind, key, `DELETE FROM jobs
		WHERE kind = $1 AND key = $2 AND leased_until <= $3 AND (state = 'dead' OR $4 = 0)`)
}

// touchJob changes a job that is not running. One that is dead is not, even if its attempt is just about to leave the
// leases of this process; $4 is 1 for a job that is in them.
func (s *Store) touchJob(ctx context.Context, kind, key, statement string) (done bool, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		r, err := tx.Exec(ctx, statement, kind, key, s.now().UnixMilli(), s.worker.leased(Job{Kind: kind, Key: key}))
		if err != nil {
			return err
		}
		n, err := r.RowsAffected()
		done = n > 0
		tx.(enqueuer).enqueued(kind, s.now())
		return err
	})
	return done, err
}

type enqueuer interface {
	enqueued(kind string, due time.Time)
}
