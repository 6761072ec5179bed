package pipeline

import (
	"context"
	"errors"
	"strings"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/journal"
	"slipway/internal/object"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// keptExecutions is how many executions of a pipeline stay, however old. What a stage can be rolled back to is among
// them.
const keptExecutions = 20

const selectExpired = `SELECT e.doc FROM pipeline_executions e JOIN pipelines p ON p.name = e.pipeline
	WHERE e.pipeline = $1 AND e.live = 0 AND e.sequence <= p.sequence - $2 ORDER BY e.sequence LIMIT $3`

// Expire deletes executions that started before a time and have ended, with the artifacts that they made: of each
// pipeline the oldest first, at most limit. The newest 20 of each pipeline stay, and so does every artifact in use. It
// returns how many executions it deleted.
func (s *Service) Expire(
	ctx context.Context,
	before time.Time,
	limit int,
	inUse func(bucket, key string) bool,
) (n int, err error) {
	names, err := store.Strings(ctx, s.db, `SELECT name FROM pipelines ORDER BY name`)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		old, err := store.All(ctx, s.db, scanExecution, selectExpired, name, keptExecutions, limit)
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

// expire deletes the artifacts of an execution, and then the execution, so that it is found again after a crash.
func (s *Service) expire(
	ctx context.Context,
	pipeline string,
	e *engine.Execution,
	inUse func(bucket, key string) bool,
) error {
	for _, r := range e.Runs {
		if r.Output == nil {
			continue
		}
		if err := s.expireLog(r.Output.ExecutionResult); err != nil {
			return err
		}
		for _, a := range r.Output.OutputArtifacts {
			if err := s.expireArtifact(ctx, a.S3location, inUse); err != nil {
				return err
			}
		}
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		if err := forgetRevisions(ctx, tx, pipeline, e); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pipeline_deploys WHERE pipeline = $1 AND execution = $2`, pipeline,
			*e.PipelineExecutionId); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM pipeline_executions WHERE pipeline = $1 AND sequence = $2 AND live = 0`,
			pipeline, e.Sequence)
		return err
	})
}

// expireLog deletes the log of an action that has one of its own.
func (s *Service) expireLog(result *cp.ActionExecutionResult) error {
	if s.RemoveLog == nil || result == nil || result.LogStreamARN == nil {
		return nil
	}
	_, rest, _ := strings.Cut(*result.LogStreamARN, ":log-group:")
	group, stream, ok := strings.Cut(rest, ":log-stream:")
	if !ok {
		return nil
	}
	return s.RemoveLog(journal.Name{Group: group, Stream: stream})
}

// expireArtifact deletes an artifact, unless it is in use or gone.
func (s *Service) expireArtifact(ctx context.Context, at *cp.S3Location, inUse func(bucket, key string) bool) error {
	if at == nil || at.Bucket == nil || at.Key == nil || inUse(*at.Bucket, *at.Key) {
		return nil
	}
	_, err := s.Objects.Delete(ctx, *at.Bucket, *at.Key, "")
	if errors.Is(err, object.ErrNoBucket) || errors.Is(err, object.ErrNoKey) {
		return nil
	}
	return err
}
