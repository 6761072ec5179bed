package store

import (
	"context"
	"crypto/rand"
	"time"
)

// claim leases a job that is due. If there is none, it returns when the next one is.
func (s *Store) claim(ctx context.Context, name string) (*Running, time.Time, error) {
	if s.postgres {
		return s.claimPostgres(ctx, name)
	}
	return s.claimHere(ctx, name)
}

// claimHere leases a job in this process. On SQLite no other process works on the database.
func (s *Store) claimHere(ctx context.Context, name string) (*Running, time.Time, error) {
	w := &s.worker
	// The lock is held during the query, because a job leaves the leases only after its end is committed.
	w.leases.Lock()
	defer w.leases.Unlock()
	mine := 0
	for r := range w.running {
		if r.kind == name {
			mine++
		}
	}
	rows, err := s.Query(ctx, `SELECT key, payload, attempt, generation, attempts, run_at FROM jobs
		WHERE kind = $1 AND state = 'waiting' ORDER BY run_at LIMIT $2`, name, mine+1)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer rows.Close()
	for rows.Next() {
		j := Running{Kind: name}
		var at int64
		if err := rows.Scan(&j.Key, &j.payload, &j.Attempt, &j.generation, JSON(&j.failures), &at); err != nil {
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

const claimSQL = `UPDATE jobs SET leased_until = $1, run_at = $1, leased_by = $4, lease = $5, attempt = attempt + 1
	WHERE kind = $2 AND key =
	(SELECT key FROM jobs WHERE kind = $2 AND state = 'waiting' AND run_at <= $3 ORDER BY run_at
	LIMIT 1 FOR UPDATE SKIP LOCKED)
	RETURNING key, payload, attempt, generation, attempts`

// claimPostgres leases a job that no process has. Its run_at is then the end of the lease, so that one index finds both
// what is due and what a dead process has left.
func (s *Store) claimPostgres(ctx context.Context, name string) (*Running, time.Time, error) {
	now := s.now()
	var due int64
	found, err := Find(ctx, s, []any{&due},
		`SELECT run_at FROM jobs WHERE kind = $1 AND state = 'waiting' ORDER BY run_at LIMIT 1`, name)
	if err != nil || !found {
		return nil, time.Time{}, err
	}
	if due > now.UnixMilli() {
		return nil, time.UnixMilli(due), nil
	}
	var j *Running
	err = s.Write(ctx, func(tx Tx) error {
		r := Running{Kind: name, lease: rand.Text()}
		row := tx.QueryRow(ctx, claimSQL, now.Add(lease).UnixMilli(), name, now.UnixMilli(), s.name, r.lease)
		err := row.Scan(&r.Key, &r.payload, &r.Attempt, &r.generation, JSON(&r.failures))
		j = &r
		if isNoRows(err) {
			j, err = nil, nil
		}
		return err
	})
	return j, now, err
}
