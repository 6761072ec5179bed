package pipeline

import (
	"context"
	"database/sql"

	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// attention notes how much attention each stage of a pipeline needs, and returns that of the pipeline. A stage whose execution is not at hand is as
// it was: what is changed is at hand.
func (r *row) attention() engine.Attention {
	worst := engine.AtRest
	for i := range r.Declaration.Stages {
		name := *r.Declaration.Stages[i].Name
		stage := r.Stages[name]
		if stage == nil {
			continue
		}
		if e := r.Executions[stage.Latest]; e != nil {
			stage.Attention = attentionOf(e, name)
		}
		worst = max(worst, stage.Attention)
		if stage.Inbound != "" {
			worst = max(worst, engine.Moves)
		}
	}
	return worst
}

// attentionOf is what an execution in a stage needs.
func attentionOf(e *engine.Execution, stage string) engine.Attention {
	v := e.Stages[stage]
	switch {
	case v == nil:
		return engine.AtRest
	case v.Status == cp.StageExecutionStatusFailed:
		return engine.Failed
	case v.Status != cp.StageExecutionStatusInProgress && v.Status != cp.StageExecutionStatusStopping:
		return engine.AtRest
	}
	for i := range e.Runs {
		if run := e.Runs[i]; *run.StageName == stage && run.Status == cp.ActionExecutionStatusInProgress && run.Token != nil && v.Status == cp.StageExecutionStatusInProgress {
			return engine.Asks
		}
	}
	return engine.Moves
}

// boardPlace is where the board shows what needs so much attention: the most needy first.
func boardPlace(a engine.Attention) int64 { return int64(engine.Failed - a) }

// GetAttention implements slipway:GetAttention: how many pipelines failed, and how many wait for somebody.
func (s *Service) GetAttention(ctx context.Context, _ *slipway.GetAttentionInput) (*slipway.GetAttentionOutput, error) {
	out := &slipway.GetAttentionOutput{Failed: new(int64), Waiting: new(int64)}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var place, n int64
		err := r.Scan(&place, &n)
		switch place {
		case boardPlace(engine.Failed):
			*out.Failed = n
		case boardPlace(engine.Asks):
			*out.Waiting = n
		}
		return struct{}{}, err
	}, `SELECT attention, COUNT(*) FROM pipelines WHERE attention <= $1 GROUP BY attention`, boardPlace(engine.Asks))
	return out, err
}
