package main

import (
	"context"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type buildsCommand struct {
	client
	printer
	Of    string `arg:"" optional:"" help:"Builds of this project, the phases of this build (PROJECT:UUID), or the builds of this batch." name:"project|build"`
	Limit int    `short:"n" help:"At most so many builds." default:"20"`
}

func (*buildsCommand) Help() string {
	return "Builds, the newest first; of one build, its phases; of a batch of builds, these.\n\n" +
		"  slipway builds\n" +
		"  slipway builds web -n 5\n" +
		"  slipway builds web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n" +
		"  slipway builds -o json | jq -r '.builds[] | select(.buildStatus == \"FAILED\").id'"
}

func (c *buildsCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if n, err := recognise(c.Of); err == nil && n.build != "" {
		return c.one(ctx, api, n.build)
	}
	builds, err := c.list(ctx, api)
	if err != nil {
		return err
	}
	all, err := view.ReadBuilds(ctx, api.slipway, builds)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"builds": all}, func(t *terminal.Table) {
		t.Head("STATE", "COMMIT", "STARTED", "TOOK", "BY", "BUILD", "CHANGE, OR WHY IT FAILED")
		for i := range all {
			b := &all[i]
			t.Row(
				terminal.Cell{Text: b.State, Kind: b.Kind},
				commitCell(b.Change),
				terminal.Text(terminal.Ago(b.StartTime, now)),
				terminal.Text(terminal.Between(b.StartTime, b.EndTime, now)),
				terminal.Text(b.By),
				terminal.Pointed(b.Id),
				terminal.Text(b.Line()),
			)
		}
		if len(all) == 0 {
			t.Note("No builds yet.")
		}
	})
}

// buildsABatch is CodeBuild's limit.
const buildsABatch = 100

func (c *buildsCommand) list(ctx context.Context, api *contract) ([]codebuild.Build, error) {
	var next *string
	builds := []codebuild.Build{}
	for len(builds) < c.Limit {
		var ids []string
		if c.Of == "" {
			page, err := api.builds.ListBuilds(ctx, &codebuild.ListBuildsInput{NextToken: next})
			if err != nil {
				return nil, err
			}
			ids, next = page.Ids, page.NextToken
		} else {
			page, err := api.builds.ListBuildsForProject(
				ctx,
				&codebuild.ListBuildsForProjectInput{ProjectName: &c.Of, NextToken: next},
			)
			if err != nil {
				return nil, err
			}
			ids, next = page.Ids, page.NextToken
		}
		ids = ids[:min(len(ids), c.Limit-len(builds), buildsABatch)]
		if len(ids) == 0 {
			break
		}
		batch, err := api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: ids})
		if err != nil {
			return nil, err
		}
		builds = append(builds, batch.Builds...)
		if next == nil {
			break
		}
	}
	return builds, nil
}

func (c *buildsCommand) one(ctx context.Context, api *contract, id string) error {
	batch, err := api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil {
		return err
	}
	if len(batch.Builds) == 0 {
		return c.batch(ctx, api, id)
	}
	read, err := view.ReadBuilds(ctx, api.slipway, batch.Builds)
	if err != nil {
		return err
	}
	b, now := &read[0], time.Now()
	return c.print(b, func(t *terminal.Table) {
		t.Head("PHASE", "STATE", "TOOK", "MESSAGE")
		for i := range b.Progress {
			p := &b.Progress[i]
			t.Row(
				terminal.Text(string(p.Type)),
				terminal.Cell{Text: p.State, Kind: p.Kind},
				terminal.Text(terminal.Between(p.StartTime, p.EndTime, now)),
				terminal.Text(p.Say),
			)
		}
		if b.Kind == terminal.Failed {
			t.Note("Why: slipway why " + *b.Id)
		}
	})
}
