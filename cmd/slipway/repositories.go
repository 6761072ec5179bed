package main

import (
	"context"
	"time"

	"slipway/api/codecommit"
	"slipway/internal/terminal"
)

type repositoriesCommand struct {
	client
	printer
}

func (*repositoriesCommand) Help() string {
	return "Repositories by name, with the address to clone.\n\n" +
		"  slipway repositories\n" +
		"  slipway repositories -o json | jq -r '.repositories[].cloneUrlHttp'"
}

// repositoriesABatch is CodeCommit's limit.
const repositoriesABatch = 25

func (c *repositoriesCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	all := []codecommit.RepositoryMetadata{}
	for in := (&codecommit.ListRepositoriesInput{}); ; {
		page, err := api.sources.ListRepositories(ctx, in)
		if err != nil {
			return err
		}
		for rest := page.Repositories; len(rest) > 0; {
			n, names := min(len(rest), repositoriesABatch), []string(nil)
			for _, r := range rest[:n] {
				names = append(names, *r.RepositoryName)
			}
			batch, err := api.sources.BatchGetRepositories(ctx,
				&codecommit.BatchGetRepositoriesInput{RepositoryNames: names})
			if err != nil {
				return err
			}
			all, rest = append(all, batch.Repositories...), rest[n:]
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	now := time.Now()
	return c.print(map[string]any{"repositories": all}, func(t *terminal.Table) {
		t.Head("REPOSITORY", "BRANCH", "CHANGED", "CLONE", "DESCRIPTION")
		for i := range all {
			r := &all[i]
			t.Row(
				terminal.Pointed(r.RepositoryName),
				terminal.Pointed(r.DefaultBranch),
				terminal.Text(terminal.Ago(r.LastModifiedDate, now)),
				terminal.Pointed(r.CloneUrlHttp),
				terminal.Pointed(r.RepositoryDescription),
			)
		}
		if len(all) == 0 {
			t.Note(
				"There is no repository yet. Create one with: aws codecommit create-repository --repository-name web")
		}
	})
}
