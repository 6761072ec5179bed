package view

import (
	"context"
	"slices"
	"sync"

	"slipway/api/awsproto"
	"slipway/api/codecommit"
	"slipway/api/slipway"
)

// made is what a commit says of itself. It never changes.
type made struct{ author, subject string }

// authors remembers who made commits, so that each is read once.
type authors struct {
	mu       sync.Mutex
	byCommit map[string]made
}

const (
	// commitsABatch is CodeCommit's limit.
	commitsABatch = 100
	// rememberedAuthors is how many commits are remembered. Beyond that all are forgotten.
	rememberedAuthors = 20_000
)

func (a *authors) of(commit string) (made, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.byCommit[commit]
	return m, ok
}

// batch reads commits by their IDs.
type batch interface {
	BatchGetCommits(ctx context.Context, in *codecommit.BatchGetCommitsInput) (*codecommit.BatchGetCommitsOutput, error)
}

// read asks repositories for the commits of some work that are not remembered. Commits that are gone are left out.
func (a *authors) read(ctx context.Context, from batch, all map[string]slipway.Work) error {
	asked := map[string][]string{}
	for _, w := range all {
		_, known := a.of(w.Commit)
		isHere := w.Repository != "" && isCommit(w.Commit)
		if isHere && !known && !slices.Contains(asked[w.Repository], w.Commit) {
			asked[w.Repository] = append(asked[w.Repository], w.Commit)
		}
	}
	for repository, commits := range asked {
		for ids := range slices.Chunk(commits, commitsABatch) {
			out, err := from.BatchGetCommits(ctx,
				&codecommit.BatchGetCommitsInput{RepositoryName: &repository, CommitIds: ids})
			if awsproto.Code(err) == "RepositoryDoesNotExistException" {
				break
			}
			if err != nil {
				return err
			}
			a.remember(out.Commits)
		}
	}
	return nil
}

func (a *authors) remember(commits []codecommit.Commit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byCommit == nil || len(a.byCommit) > rememberedAuthors {
		a.byCommit = map[string]made{}
	}
	for _, c := range commits {
		m := made{subject: FirstLine(text(c.Message))}
		if c.Author != nil {
			m.author = text(c.Author.Name)
		}
		a.byCommit[text(c.CommitId)] = m
	}
}
