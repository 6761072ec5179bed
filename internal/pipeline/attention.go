package pipeline

import (
	"slices"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
)

// attention notes how much attention each stage of a pipeline needs, and returns the most that any needs. A stage whose
// execution was not read keeps its attention: every execution that changes was read.
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
		for _, id := range stage.Holders {
			if e := r.Executions[id]; e != nil {
				stage.Attention = max(stage.Attention, attentionOf(e, name))
			}
		}
		worst = max(worst, stage.Attention)
		if len(stage.Inbound) > 0 {
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
	if v.Status == cp.StageExecutionStatusInProgress && slices.ContainsFunc(e.Runs, func(run *engine.Run) bool {
		return *run.StageName == stage && run.Asks()
	}) {
		return engine.Asks
	}
	return engine.Moves
}

// boardPlace orders pipelines on the board: what needs the most attention comes first.
func boardPlace(a engine.Attention) int64 { return int64(engine.Failed - a) }
