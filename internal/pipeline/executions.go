package pipeline

import (
	"context"
	"encoding/json"

	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
)

// ListExecutions implements slipway:ListExecutions: what ListPipelineExecutions tells, and besides how each execution
// stands in each stage that it has reached, in one query.
func (s *Service) ListExecutions(ctx context.Context,
	in *slipway.ListExecutionsInput) (*slipway.ListExecutionsOutput, error) {
	r, err := load(ctx, s.db, *in.PipelineName)
	if err != nil {
		return nil, err
	}
	below := newest
	if !s.Pager.Place("ListExecutions", *in.PipelineName, in.NextToken, &below) {
		return nil, &slipway.InvalidNextTokenException{
			Message: "The next token is not valid: it was not made for this list",
		}
	}
	limit := executionsAPage
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	all, err := executionsOf(ctx, s.db, *in.PipelineName, below, limit+1)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListExecutionsOutput{Executions: []slipway.ListedExecution{}}
	if len(all) > limit {
		all = all[:limit]
		out.NextToken = s.Pager.Token("ListExecutions", *in.PipelineName, all[limit-1].Sequence)
	}
	for _, e := range all {
		text, err := json.Marshal(summary(e))
		if err != nil {
			return nil, err
		}
		out.Executions = append(out.Executions,
			slipway.ListedExecution{Number: &e.Sequence, Summary: text, Stages: r.marks(e)})
	}
	return out, nil
}

// marks are the stages of a pipeline, as it is now, that an execution has reached.
func (r *row) marks(e *engine.Execution) []slipway.StageMark {
	all := []slipway.StageMark{}
	for i := range r.Declaration.Stages {
		name := *r.Declaration.Stages[i].Name
		if v := e.Stages[name]; v != nil {
			all = append(all,
				slipway.StageMark{
					StageName: &name,
					Status:    new(string(v.Status)),
					Asks:      new(attentionOf(e, name) == engine.Asks),
				})
		}
	}
	return all
}
