package main

import (
	"context"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// batch prints the builds of a batch of builds, if the ID is one's.
func (c *buildsCommand) batch(ctx context.Context, api *contract, id string) error {
	out, err := api.builds.BatchGetBuildBatches(ctx, &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}})
	if err != nil {
		return err
	}
	if len(out.BuildBatches) == 0 {
		return missing("there is no build and no batch %s; slipway builds lists builds", id)
	}
	b := &out.BuildBatches[0]
	return c.print(b, func(t *terminal.Table) {
		t.Head("BUILD OF THE BATCH", "STATE", "AFTER", "BUILD")
		for i := range b.BuildGroups {
			g := &b.BuildGroups[i]
			state, build := terminal.Cell{Text: "Not started", Kind: terminal.NotReached}, ""
			if s := g.CurrentBuildSummary; s != nil {
				state = terminal.Cell{Text: view.StatusWord(s.BuildStatus), Kind: view.KindOf(s.BuildStatus)}
				_, build, _ = strings.Cut(*s.Arn, ":build/")
			}
			t.Row(terminal.Pointed(g.Identifier), state, terminal.Text(strings.Join(g.DependsOn, ", ")),
				terminal.Text(build))
		}
		for _, p := range b.Phases {
			for _, x := range p.Contexts {
				t.Note(*x.Message)
			}
		}
	})
}
