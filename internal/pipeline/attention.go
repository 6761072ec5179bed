package pipeline

import (
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
)

// attention notes how much attention each stage of a pipeline needs, and returns that of the pipeline. A stage whose
// execution is not at hand is as it was: what is changed is at hand.
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
		if run := e.Runs[i]; *run.StageName == stage && run.Status == cp.ActionExecutionStatusInProgress &&
			run.Token != nil && v.Status == cp.StageExecutionStatusInProgress {
			return engine.Asks
		}
	}
	return engine.Moves
}

// boardPlace is where the board shows what needs so much attention: the most needy first.
func boardPlace(a engine.Attention) int64 { return int64(engine.Failed - a) }
