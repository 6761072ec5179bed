package main

import (
	"context"

	"slipway/api/codepipeline"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// ended prints why an execution ended without a failed action: its pipeline was changed, a newer execution superseded
// it, or a person stopped it.
func (c *whyCommand) ended(ctx context.Context, api *contract, n named) error {
	out, err := api.pipelines.GetPipelineExecution(
		ctx,
		&codepipeline.GetPipelineExecutionInput{PipelineName: &n.pipeline, PipelineExecutionId: &n.execution},
	)
	if err != nil {
		return err
	}
	x := out.PipelineExecution
	switch x.Status {
	case codepipeline.PipelineExecutionStatusSucceeded, codepipeline.PipelineExecutionStatusInProgress:
		return refused(
			"no action of the execution %s of %s failed: it is %s",
			n.execution,
			n.pipeline,
			view.KindOf(x.Status).Word(),
		)
	}
	reason := ""
	if x.StatusSummary != nil {
		reason = *x.StatusSummary
	} else if reason, err = api.stopReason(ctx, n); err != nil {
		return err
	}
	return c.print(x, func(t *terminal.Table) {
		t.Note(terminal.Clean(n.pipeline + " " + n.execution + ": " + view.StatusWord(x.Status)))
		if reason != "" {
			t.Note(terminal.Clean(reason))
		}
		if x.Status == codepipeline.PipelineExecutionStatusCancelled {
			t.Note(
				terminal.Clean("Start the change again with: slipway api codepipeline StartPipelineExecution name=" +
					n.pipeline),
			)
		}
	})
}

// stopReason is what was said when an execution was stopped.
func (c *contract) stopReason(ctx context.Context, n named) (string, error) {
	in := &codepipeline.ListPipelineExecutionsInput{PipelineName: &n.pipeline}
	for {
		page, err := c.pipelines.ListPipelineExecutions(ctx, in)
		if err != nil {
			return "", err
		}
		for i := range page.PipelineExecutionSummaries {
			s := &page.PipelineExecutionSummaries[i]
			if *s.PipelineExecutionId != n.execution {
				continue
			}
			if s.StopTrigger != nil && s.StopTrigger.Reason != nil {
				return "It was stopped: " + *s.StopTrigger.Reason, nil
			}
			return "It was stopped.", nil
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return "", nil
		}
	}
}

// lastCancelled is the newest execution of a pipeline, if it ended by a change of the pipeline or failed in no stage.
func (c *contract) lastCancelled(ctx context.Context, pipeline string) (string, error) {
	page, err := c.pipelines.ListPipelineExecutions(
		ctx,
		&codepipeline.ListPipelineExecutionsInput{PipelineName: &pipeline, MaxResults: new(int32(1))},
	)
	if err != nil {
		return "", err
	}
	for i := range page.PipelineExecutionSummaries {
		s := &page.PipelineExecutionSummaries[i]
		if s.Status == codepipeline.PipelineExecutionStatusCancelled ||
			s.Status == codepipeline.PipelineExecutionStatusFailed {
			return *s.PipelineExecutionId, nil
		}
	}
	return "", nil
}
