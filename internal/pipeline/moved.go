package pipeline

import (
	"context"
	"encoding/json"

	"slipway/internal/event"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// moved tells who sends commit statuses that an execution took a commit over a connection, ended, or goes on again.
func moved(ctx context.Context, tx store.Tx, name, before string, e *engine.Execution) error {
	if len(statesOf(e)) == 0 {
		return nil
	}
	was := engine.Execution{}
	if before != "" {
		if err := json.Unmarshal([]byte(before), &was); err != nil {
			return err
		}
	}
	if was.Status == e.Status && len(was.Revisions) == len(e.Revisions) {
		return nil
	}
	id := *e.PipelineExecutionId
	return event.ExecutionMoved.Publish(ctx, tx, id, event.Execution{Pipeline: name, ID: id})
}
