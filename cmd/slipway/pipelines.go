package main

import (
	"context"
	"time"

	"slipway/api/codepipeline"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type pipelinesCommand struct {
	client
	printer
	Name  string `arg:"" optional:"" help:"List the executions of this pipeline."`
	Limit int32  `short:"n" help:"At most so many executions." default:"20"`
}

func (*pipelinesCommand) Help() string {
	return "Without a name: every pipeline with its state, a sign for each stage, and the change that came last.\n\n" +
		"  slipway pipelines\n" +
		"  slipway pipelines web -n 5\n" +
		"  slipway pipelines -o json | jq '.pipelines[].state.stageStates[].latestExecution'"
}

func (c *pipelinesCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.Name != "" {
		return c.executions(ctx, api)
	}
	read, err := view.ReadPipelines(ctx, api.slipway)
	if err != nil {
		return err
	}
	board, err := view.ReadBoard(ctx, api.slipway, read...)
	if err != nil {
		return err
	}
	all := append([]*view.Pipeline{}, board.Pipelines...)
	now := time.Now()
	return c.print(map[string]any{"pipelines": all}, func(t *terminal.Table) {
		t.Head("PIPELINE", "STATE", "STAGES", "COMMIT", "STARTED", "AUTHOR", "CHANGE")
		for _, p := range all {
			newest := p.Newest()
			commit, text := terminal.Change(newest)
			started, author := "", terminal.Cell{}
			if newest != nil {
				started = terminal.Ago(newest.StartTime, now)
				author = terminal.Pointed(board.Changes[*newest.PipelineExecutionId].Author)
			}
			t.Row(
				terminal.Text(p.Name),
				terminal.Cell{Text: p.Kind.Title(), Kind: p.Kind},
				terminal.Text(terminal.Signs(p)),
				terminal.Text(commit),
				terminal.Text(started),
				author,
				terminal.Text(text),
			)
		}
		if len(all) == 0 {
			t.Note(
				"No pipelines yet. Create one with: aws codepipeline create-pipeline --cli-input-json " +
					"file://pipeline.json")
		}
	})
}

func (c *pipelinesCommand) executions(ctx context.Context, api *contract) error {
	in := &codepipeline.ListPipelineExecutionsInput{PipelineName: &c.Name}
	found := []codepipeline.PipelineExecutionSummary{}
	for left := c.Limit; left > 0; left = c.Limit - int32(len(found)) {
		in.MaxResults = new(min(left, 100))
		page, err := api.pipelines.ListPipelineExecutions(ctx, in)
		if err != nil {
			return err
		}
		found = append(found, page.PipelineExecutionSummaries...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	var ids []string
	for i := range found {
		ids = append(ids, *found[i].PipelineExecutionId)
	}
	known, err := view.Describe(ctx, api.slipway, ids)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"pipelineExecutionSummaries": found}, func(t *terminal.Table) {
		t.Head("NO.", "STATE", "COMMIT", "STARTED", "TOOK", "EXECUTION", "AUTHOR", "CHANGE")
		for i := range found {
			x := &found[i]
			commit, text := terminal.Change(x)
			until := x.LastUpdateTime
			if terminal.KindOf(x.Status) == terminal.Running {
				until = nil
			}
			change, no := known[*x.PipelineExecutionId], ""
			if change.ExecutionNumber != nil {
				no = view.Number(*change.ExecutionNumber)
			}
			t.Row(
				terminal.Text(no),
				terminal.State(x.Status),
				terminal.Text(commit),
				terminal.Text(terminal.Ago(x.StartTime, now)),
				terminal.Text(terminal.Between(x.StartTime, until, now)),
				terminal.Pointed(x.PipelineExecutionId),
				terminal.Pointed(change.Author),
				terminal.Text(text),
			)
		}
		if len(found) == 0 {
			t.Note("The pipeline " + terminal.Clean(c.Name) + " has never run.")
		}
	})
}
