package pipeline

import (
	"context"
	"errors"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// Kinds of what actions wait for.
const (
	waitBuild      = "build"
	waitDeployment = "deployment"
)

func (s *Service) buildEnded(ctx context.Context, id string) error {
	return s.ended(ctx, waitBuild, id)
}

func (s *Service) deploymentEnded(ctx context.Context, id string) error {
	return s.ended(ctx, waitDeployment, id)
}

// ended ends the action that waits for a build or a deployment, if that has ended; nobody may be waiting.
func (s *Service) ended(ctx context.Context, kind, id string) error {
	var to ref
	ok, err := store.Find(ctx, s.db, []any{&to.Pipeline, &to.Execution, &to.Run},
		`SELECT pipeline, execution, run FROM pipeline_waits WHERE kind = $1 AND external = $2`, kind, id)
	if err != nil || !ok {
		return err
	}
	result := s.buildResult
	if kind == waitDeployment {
		result = s.deploymentResult
	}
	r, err := result(ctx, to, id)
	if err != nil || r == nil {
		return err
	}
	return s.finish(ctx, to, outcome{result: r}, kind, id)
}

// finish ends an action execution from outside; one that ended before stays as it is.
func (s *Service) finish(ctx context.Context, to ref, o outcome, kind, id string) error {
	err := s.change(ctx, to.Pipeline, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		if _, err := tx.Exec(ctx, `DELETE FROM pipeline_waits WHERE kind = $1 AND external = $2`, kind,
			id); err != nil {
			return nil, err
		}
		e := r.Executions[to.Execution]
		if e == nil || e.Run(to.Run) == nil || e.Run(to.Run).Status != cp.ActionExecutionStatusInProgress {
			return nil, store.End(ctx, tx)
		}
		return s.end(ctx, tx, r, to, o)
	})
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone || errors.Is(err, store.ErrJobGone) {
		return nil
	}
	return err
}

// timeoutAction fails an approval that nobody gave in time.
func (s *Service) timeoutAction(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	return store.Done, s.finish(ctx, to,
		outcome{result: failed("JobTimeout", "Nobody approved or rejected it in time")}, "", "")
}
