package terminal

import (
	"context"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// Pipeline is a pipeline as the board has it.
type Pipeline = view.Pipeline

// Pipelines reads the whole board, what needs a hand first; or one pipeline of it.
func Pipelines(ctx context.Context, api slipway.API, names ...string) ([]*Pipeline, error) {
	all := []*Pipeline{}
	in := &slipway.GetBoardInput{}
	if len(names) > 0 {
		in.PipelineName = &names[0]
	}
	for {
		page, err := api.GetBoard(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Pipelines {
			read, err := view.ReadPipeline(p)
			if err != nil {
				return nil, err
			}
			all = append(all, &read)
		}
		if page.NextToken == nil {
			return all, nil
		}
		in.NextToken = page.NextToken
	}
}

// Change is what an execution carries: its commit, or its own ID where it has none, cut short, and the first
// line of the message.
func Change(x *codepipeline.PipelineExecutionSummary) (commit, text string) {
	if x == nil || x.PipelineExecutionId == nil {
		return "", ""
	}
	if len(x.SourceRevisions) == 0 {
		return Short(*x.PipelineExecutionId), ""
	}
	r := &x.SourceRevisions[0]
	if r.RevisionSummary != nil {
		text = view.FirstLine(*r.RevisionSummary)
	}
	return Short(*r.RevisionId), Clean(text)
}

// Short is the beginning of a commit or an ID.
func Short(id string) string { return Clean(view.Short(id)) }

// Signs are the stages of a pipeline, a sign each.
func Signs(p *Pipeline, known *view.Board) string {
	text := ""
	for i := range p.State.StageStates {
		k, _ := known.Stage(p.Name, &p.State.StageStates[i])
		text += signs[k]
	}
	return text
}
