package terminal

import (
	"context"
	"encoding/json"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Pipeline is a pipeline as the board has it: its definition, the state of its stages, and the executions that the state names.
type Pipeline struct {
	Name       string                                           `json:"name"`
	Definition codepipeline.PipelineDeclaration                 `json:"pipeline"`
	State      codepipeline.GetPipelineStateOutput              `json:"state"`
	Executions map[string]codepipeline.PipelineExecutionSummary `json:"executions"`
}

// Pipelines reads the whole board, what needs a hand first; or one pipeline of it.
func Pipelines(ctx context.Context, api slipway.API, names ...string) ([]Pipeline, error) {
	all := []Pipeline{}
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
			read := Pipeline{Name: *p.Name}
			for _, part := range []struct {
				from json.RawMessage
				into any
			}{{p.Pipeline, &read.Definition}, {p.State, &read.State}, {p.Executions, &read.Executions}} {
				if err := json.Unmarshal(part.from, part.into); err != nil {
					return nil, err
				}
			}
			all = append(all, read)
		}
		if page.NextToken == nil {
			return all, nil
		}
		in.NextToken = page.NextToken
	}
}
