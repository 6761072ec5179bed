package pipeline

import (
	"context"
	"database/sql"
	"errors"

	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

// watcher is a source action that a change concerns.
type watcher struct{ pipeline, action string }

const selectWatchers = `SELECT pipeline, action FROM pipeline_watches WHERE kind = $1 AND place = $2
	ORDER BY pipeline, action`

func watchersOf(ctx context.Context, q store.Queryer, p Place) ([]watcher, error) {
	scan := func(r *sql.Rows) (w watcher, err error) { return w, r.Scan(&w.pipeline, &w.action) }
	return store.All(ctx, q, scan, selectWatchers, p.Kind, p.Name)
}

// Changed starts every pipeline that watches a place, once each, in one transaction. Called by a job, it ends the job
// with what it writes, so that each change starts exactly one execution.
func (s *Service) Changed(ctx context.Context, p Place) error {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		ws, err := watchersOf(ctx, tx, p)
		if err != nil {
			return err
		}
		before := ""
		for _, w := range ws {
			if w.pipeline == before {
				continue // two of its sources are the same
			}
			before = w.pipeline
			if err := s.trigger(ctx, tx, w); err != nil {
				return err
			}
		}
		return store.End(ctx, tx)
	})
	if errors.Is(err, store.ErrJobGone) {
		return nil // another server told it
	}
	return err
}

func (s *Service) trigger(ctx context.Context, tx store.Tx, w watcher) error {
	_, err := s.Trigger(ctx, tx, w.pipeline, cp.ExecutionTrigger{
		TriggerType:   cp.TriggerTypePollForSourceChanges,
		TriggerDetail: &w.action,
	})
	return err
}

// Trigger starts an execution of a pipeline in a transaction, and returns its ID.
func (s *Service) Trigger(ctx context.Context, tx store.Tx, name string, by cp.ExecutionTrigger) (string, error) {
	r, err := load(ctx, tx, name)
	if err != nil {
		return "", err
	}
	e, effects := s.start(r, cause{trigger: by})
	return *e.PipelineExecutionId, s.save(ctx, tx, name, r, effects)
}

// Watches reports whether a pipeline watches a place.
func (s *Service) Watches(ctx context.Context, q store.Queryer, p Place) (bool, error) {
	ws, err := watchersOf(ctx, q, p)
	return len(ws) > 0, err
}
