package pipeline

import (
	"context"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

const insertDeploy = `INSERT INTO pipeline_deploys (run, pipeline, execution) VALUES ($1, $2, $3)
	ON CONFLICT DO NOTHING`

// addDeploy records an action execution whose targets can be listed.
func (s *Service) addDeploy(ctx context.Context, tx store.Tx, to ref, run *engine.Run) error {
	if _, ok := s.registry.of(run.Action).(Targeted); !ok {
		return nil
	}
	_, err := tx.Exec(ctx, insertDeploy, to.Run, to.Pipeline, to.Execution)
	return err
}

// ListDeployActionExecutionTargets implements codepipeline:ListDeployActionExecutionTargets. Only what can be told of
// each target is listed: an action that deploys to something without targets, such as a bucket, is none of these.
func (s *Service) ListDeployActionExecutionTargets(ctx context.Context,
	in *cp.ListDeployActionExecutionTargetsInput) (*cp.ListDeployActionExecutionTargetsOutput, error) {
	a, run, err := s.deploy(ctx, in)
	if err != nil {
		return nil, err
	}
	q := TargetQuery{}
	for _, f := range in.Filters {
		q.Statuses = append(q.Statuses, f.Values...)
	}
	bound := []any{a.ID, q.Statuses}
	if !s.Pager.Place("ListDeployActionExecutionTargets", bound, in.NextToken, &q.After) {
		return nil, invalidToken()
	}
	p, ok := s.registry.of(run.Action).(Targeted)
	if !ok || run.Output == nil || run.Output.ExecutionResult == nil {
		return nil, noDeploy(a.ID)
	}
	page, err := p.Targets(ctx, *run.Output.ExecutionResult.ExternalExecutionId, q)
	if err != nil {
		return nil, err
	}
	out := &cp.ListDeployActionExecutionTargetsOutput{Targets: append([]cp.DeployActionExecutionTarget{}, page.All...)}
	if page.Next != "" {
		out.NextToken = s.Pager.Token("ListDeployActionExecutionTargets", bound, page.Next)
	}
	return out, nil
}

// deploy finds the execution of a deploy action by its ID.
func (s *Service) deploy(ctx context.Context,
	in *cp.ListDeployActionExecutionTargetsInput) (*Action, *engine.Run, error) {
	to := ref{Run: *in.ActionExecutionId}
	ok, err := store.Find(ctx, s.db, []any{&to.Pipeline, &to.Execution},
		`SELECT pipeline, execution FROM pipeline_deploys WHERE run = $1`, to.Run)
	if err != nil {
		return nil, nil, err
	}
	if in.PipelineName != nil {
		if _, err := s.Definition(ctx, s.db, *in.PipelineName); err != nil {
			return nil, nil, err
		}
	}
	if !ok || in.PipelineName != nil && *in.PipelineName != to.Pipeline {
		return nil, nil, noDeploy(to.Run)
	}
	e, err := executionOf(ctx, s.db, to.Pipeline, to.Execution)
	if err != nil {
		return nil, nil, err
	}
	run := e.Run(to.Run)
	if run == nil {
		return nil, nil, noDeploy(to.Run)
	}
	return s.action(to, e, run), run, nil
}

func noDeploy(run string) error {
	return &cp.ActionExecutionNotFoundException{
		Message: "Could not find an execution " + run + " of a deploy action with targets",
	}
}
