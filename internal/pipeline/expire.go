package pipeline

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"slipway/internal/object"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// keptExecutions is how many executions of a pipeline stay, however old: what a stage can be rolled back to is among
// them.
const keptExecutions = 20

const expiredExecutions = `SELECT e.doc FROM pipeline_executions e JOIN pipelines p ON p.name = e.pipeline
	WHERE e.pipeline = $1 AND e.live = 0 AND e.sequence <= p.sequence - $2 ORDER BY e.sequence LIMIT $3`

// Expire deletes executions that started before a time and have ended, with the artifacts that they made, the oldest of
// each pipeline first, at most limit of each. The newest of each pipeline stay, and every artifact that is in use. It
// returns how many it deleted.
func (s *Service) Expire(ctx context.Context, before time.Time, limit int,
	inUse func(bucket, key string) bool) (n int, err error) {
	names, err := store.Strings(ctx, s.db, `SELECT name FROM pipelines ORDER BY name`)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		old, err := store.All(ctx, s.db, func(r *sql.Rows) (*engine.Execution, error) {
			e := new(engine.Execution)
			return e, r.Scan(store.JSON(e))
		}, expiredExecutions, name, keptExecutions, limit)
		if err != nil {
			return n, err
		}
		for _, e := range old {
			if e.Started == nil || !e.Started.Before(before) {
				break
			}
			if err := s.expire(ctx, name, e, inUse); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// expire deletes the artifacts of an execution, and then the execution: what a crash leaves is found again.
func (s *Service) expire(ctx context.Context, pipeline string, e *engine.Execution,
	inUse func(bucket, key string) bool) error {
	for _, r := range e.Runs {
		if r.Output == nil {
			continue
		}
		for _, a := range r.Output.OutputArtifacts {
			if a.S3location == nil || a.S3location.Bucket == nil || a.S3location.Key == nil {
				continue
			}
			bucket, key := *a.S3location.Bucket, *a.S3location.Key
			if inUse(bucket, key) {
				continue
			}
			if _, err := s.Objects.Delete(ctx, bucket, key, ""); err != nil && !errors.Is(err, object.ErrNoBucket) &&
				!errors.Is(err, object.ErrNoKey) {
				return err
			}
		}
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM pipeline_executions WHERE pipeline = $1 AND sequence = $2 AND live = 0`,
			pipeline, e.Sequence)
		return err
	})
}
