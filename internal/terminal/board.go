package terminal

import (
	"context"
	"maps"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/codecommit"
	"slipway/api/slipway"
)

// Board is where every change is, as `slipway watch` draws it.
type Board struct {
	Pipelines []Pipeline
	Releases  map[string]slipway.ReleaseSummary // those that run, by deployment
	Authors   map[string]string                 // by commit
	Detailed  bool                              // with every action
}

// Reader reads boards. Who wrote a commit is asked once.
type Reader struct {
	Slipway slipway.API
	Sources codecommit.API
	Name    string // of the one pipeline to show; "" for all
	authors map[string]string
}

// Topics are what the board changes with.
func (r *Reader) Topics() []string {
	if r.Name != "" {
		return []string{"pipeline/" + r.Name, "releases"}
	}
	return []string{"pipelines", "releases"}
}

// Read reads the board as it is now.
func (r *Reader) Read(ctx context.Context) (*Board, error) {
	var names []string
	if r.Name != "" {
		names = []string{r.Name}
	}
	b := &Board{Detailed: r.Name != "", Releases: map[string]slipway.ReleaseSummary{}}
	var err error
	if b.Pipelines, err = Pipelines(ctx, r.Slipway, names...); err != nil {
		return nil, err
	}
	live, err := r.Slipway.ListReleases(ctx, &slipway.ListReleasesInput{Live: new(true)})
	if err != nil {
		return nil, err
	}
	for _, x := range live.Releases {
		b.Releases[*x.DeploymentId] = x
	}
	if err := r.readAuthors(ctx, b.Pipelines); err != nil {
		return nil, err
	}
	b.Authors = maps.Clone(r.authors)
	return b, nil
}

// commitsABatch is CodeCommit's limit.
const commitsABatch = 100

// readAuthors asks who wrote the commits that are new on the board, a question for each repository.
func (r *Reader) readAuthors(ctx context.Context, pipelines []Pipeline) error {
	if r.authors == nil {
		r.authors = map[string]string{}
	}
	asked := map[string]map[string]bool{}
	for i := range pipelines {
		repositories := repositories(&pipelines[i])
		for _, x := range pipelines[i].Executions {
			for _, rev := range x.SourceRevisions {
				repository := repositories[*rev.ActionName]
				if _, known := r.authors[*rev.RevisionId]; known || repository == "" {
					continue
				}
				if asked[repository] == nil {
					asked[repository] = map[string]bool{}
				}
				asked[repository][*rev.RevisionId] = true
				r.authors[*rev.RevisionId] = "" // asked once, even if it is gone
			}
		}
	}
	for repository, commits := range asked {
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(commits)), commitsABatch) {
			out, err := r.Sources.BatchGetCommits(ctx, &codecommit.BatchGetCommitsInput{RepositoryName: &repository, CommitIds: ids})
			if err != nil && awsproto.Code(err) != "RepositoryDoesNotExistException" {
				return err
			}
			if err != nil {
				continue
			}
			for _, c := range out.Commits {
				if c.Author != nil && c.Author.Name != nil {
					r.authors[*c.CommitId] = Clean(*c.Author.Name)
				}
			}
		}
	}
	return nil
}

// repositories are those that a pipeline's source actions read.
func repositories(p *Pipeline) map[string]string {
	all := map[string]string{}
	for i := range p.Definition.Stages {
		for j := range p.Definition.Stages[i].Actions {
			a := &p.Definition.Stages[i].Actions[j]
			if *a.ActionTypeId.Provider == "CodeCommit" {
				all[*a.Name] = a.Configuration["RepositoryName"]
			}
		}
	}
	return all
}
