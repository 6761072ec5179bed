package pipeline

import (
	"context"

	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

const insertWatch = `INSERT INTO pipeline_watches (kind, place, pipeline, action) VALUES ($1, $2, $3, $4)`

// watch records what starts a pipeline.
func (s *Service) watch(ctx context.Context, tx store.Tx, d *cp.PipelineDeclaration) error {
	if _, err := tx.Exec(ctx, `DELETE FROM pipeline_watches WHERE pipeline = $1`, *d.Name); err != nil {
		return err
	}
	for _, w := range s.registry.watches(d) {
		if _, err := tx.Exec(ctx, insertWatch, w.Kind, w.Name, *d.Name, w.action); err != nil {
			return err
		}
	}
	return nil
}

// watched names the sources that this version watches. Another text has every pipeline's watches made anew, once in a
// database: those of a source that an earlier version did not know are missing there.
const watched = "CodeCommit, S3, CodeStarSourceConnection"

// Rewatch records what starts each pipeline, if an earlier version that knew fewer sources did it last.
func (s *Service) Rewatch(ctx context.Context) error {
	const mark = "watches of pipelines"
	held, _, err := s.db.Constant(ctx, mark, "none")
	if err != nil || held == watched {
		return err
	}
	names, err := store.Strings(ctx, s.db, `SELECT name FROM pipelines ORDER BY name`)
	if err != nil {
		return err
	}
	for _, name := range names {
		err := s.db.Write(ctx, func(tx store.Tx) error {
			d, err := store.Document[cp.PipelineDeclaration](ctx, tx, `SELECT doc FROM pipelines WHERE name = $1`, name)
			if err != nil || d == nil {
				return err
			}
			return s.watch(ctx, tx, d)
		})
		if err != nil {
			return err
		}
	}
	return s.db.SetConstant(ctx, mark, watched)
}
