package pipeline

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

const (
	progressPipelines = 20  // that are looked at for a commit
	progressLooked    = 200 // executions of each, the newest
	progressShown     = 10
)

// Progress tells which executions of the pipelines that watch a repository carry a commit, the newest first, and how
// each stands in its stages. It looks at the newest 200 executions of each pipeline.
func (s *Service) Progress(ctx context.Context, repository, commit string) ([]slipway.CommitExecution, error) {
	names, err := store.Strings(ctx, s.db,
		`SELECT DISTINCT pipeline FROM pipeline_watches WHERE kind = 'branch' AND place >= $1 AND place < $2 ORDER BY pipeline LIMIT $3`,
		repository+" ", repository+"!", progressPipelines)
	if err != nil {
		return nil, err
	}
	var all []slipway.CommitExecution
	for _, name := range names {
		r, err := load(ctx, s.db, name)
		if err != nil {
			continue //nolint:nilerr // it was deleted a moment ago
		}
		es, err := store.Documents[engine.Execution](ctx, s.db,
			`SELECT doc FROM pipeline_executions WHERE pipeline = $1 AND sequence > $2 AND doc LIKE $3 ORDER BY sequence DESC LIMIT $4`,
			name, r.sequence-progressLooked, `%"revisionId":"`+commit+`"%`, progressShown)
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			w := factsOf(e)
			all = append(all,
				slipway.CommitExecution{Status: &w.Status, Stages: r.marks(e),
					Change: &slipway.Change{Id: &w.ID, PipelineName: &w.Pipeline, ExecutionId: &w.ID,
						ExecutionNumber: &w.Number,
						RepositoryName:  &w.Repository, CommitId: &w.Commit}})
		}
	}
	return all, nil
}
