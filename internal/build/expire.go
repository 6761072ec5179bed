package build

import (
	"context"
	"time"

	"slipway/internal/journal"
	"slipway/internal/store"
)

const expiredBuilds = `WHERE state = 'ended' AND submitted < $1
	AND EXISTS (SELECT 1 FROM builds n WHERE n.project = builds.project AND n.kind = builds.kind
		AND n.seq > builds.seq)
	ORDER BY seq LIMIT $2`

// Expire deletes builds, with their logs, that were submitted before a time and have ended, the oldest first, at most
// limit of them. The newest of each project stays. It returns how many it deleted.
func (s *Service) Expire(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.db.Write(ctx, func(tx store.Tx) error {
		rows, err := many(ctx, tx, expiredBuilds, before.UnixMilli(), limit)
		if err != nil {
			return err
		}
		n = len(rows)
		for _, r := range rows {
			if err := remove(ctx, tx, r); err != nil {
				return err
			}
		}
		return expireBatches(ctx, tx, before, limit)
	})
	return n, err
}

// expireBatches deletes batches of which no build is left.
func expireBatches(ctx context.Context, tx store.Tx, before time.Time, limit int) error {
	rows, err := manyBatches(ctx, tx, `WHERE status <> 'IN_PROGRESS' AND submitted < $1
		AND EXISTS (SELECT 1 FROM batches n WHERE n.project = batches.project AND n.seq > batches.seq)
		ORDER BY seq LIMIT $2`, before.UnixMilli(), limit)
	if err != nil {
		return err
	}
	for _, x := range rows {
		var ids []string
		for _, p := range x.state.Parts {
			ids = append(append(ids, p.Prior...), p.Build)
		}
		var id string
		left, err := store.Find(ctx, tx, []any{&id},
			`SELECT id FROM builds WHERE id IN `+store.In(1, len(ids))+` LIMIT 1`, store.Args(ids)...)
		if err != nil {
			return err
		}
		if left {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM batches WHERE id = $1`, *x.doc.Id); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a build and, by a job, its log.
func remove(ctx context.Context, tx store.Tx, r *row) error {
	id := *r.build.Id
	if _, err := tx.Exec(ctx, `DELETE FROM builds WHERE id = $1`, id); err != nil {
		return err
	}
	if r.Sandbox {
		if _, err := tx.Exec(ctx, `DELETE FROM command_executions WHERE sandbox = $1`, id); err != nil {
			return err
		}
	}
	log := journal.Name{Group: *r.build.Logs.GroupName, Stream: *r.build.Logs.StreamName}
	return tx.Enqueue(ctx, store.Job{Kind: jobLog, Key: id, Payload: log})
}

// Known tells which builds there are, of some by their IDs.
func (s *Service) Known(ctx context.Context, ids []string) (map[string]bool, error) {
	found, err := store.Strings(ctx, s.db, `SELECT id FROM builds WHERE id IN `+store.In(1, len(ids)),
		store.Args(ids)...)
	known := make(map[string]bool, len(found))
	for _, id := range found {
		known[id] = true
	}
	return known, err
}
