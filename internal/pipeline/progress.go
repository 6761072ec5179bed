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

const selectWithin = `SELECT DISTINCT pipeline FROM pipeline_watches WHERE place >= $1 AND place < $2
	ORDER BY pipeline LIMIT $3`

const selectCarriers = `SELECT doc FROM pipeline_executions WHERE pipeline = $1 AND sequence > $2 AND doc LIKE $3
	ORDER BY sequence DESC LIMIT $4`

// Progress returns the executions that carry a commit, in the pipelines that watch its repository, the newest first,
// and how each stands in its stages. It looks at the newest 200 executions of each of 20 pipelines at most.
func (s *Service) Progress(ctx context.Context, repository, commit string) ([]slipway.CommitExecution, error) {
	// Space and "!" are neighbours: between them are the places within the repository, as Place has it.
	names, err := store.Strings(ctx, s.db, selectWithin, repository+" ", repository+"!", progressPipelines)
	if err != nil {
		return nil, err
	}
	var all []slipway.CommitExecution
	for _, name := range names {
		r, err := load(ctx, s.db, name)
		if err != nil {
			continue //nolint:nilerr // it was deleted a moment ago
		}
		es, err := store.Documents[engine.Execution](ctx, s.db, selectCarriers,
			name, r.Sequence-progressLooked, `%"revisionId":"`+commit+`"%`, progressShown)
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			w := s.factsOf(e)
			all = append(all, slipway.CommitExecution{Status: &w.Status, Stages: r.marks(e), Change: changeOf(w)})
		}
	}
	return all, nil
}

// changeOf is the change that an execution carries.
func changeOf(w slipway.Work) *slipway.Change {
	return &slipway.Change{
		Id:              &w.ID,
		PipelineName:    &w.Pipeline,
		ExecutionId:     &w.ID,
		ExecutionNumber: &w.Number,
		RepositoryName:  &w.Repository,
		CommitId:        &w.Commit,
	}
}
