package pipeline

import (
	"context"
	"errors"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

const insertWait = `INSERT INTO pipeline_waits (kind, external, pipeline, execution, run) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT DO NOTHING`

const dropWaits = `DELETE FROM pipeline_waits WHERE pipeline = $1 AND run = $2`

// addWait records what an action execution waits for.
func addWait(ctx context.Context, tx store.Tx, w Wait, to ref) error {
	_, err := tx.Exec(ctx, insertWait, w.Kind, w.ID, to.Pipeline, to.Execution, to.Run)
	return err
}

// Ended tells that something may have ended that an action waits for, or changed that rules wait for: their providers
// are asked, and they end if so. It does nothing if nothing waits for it. Called by a job, it ends the job with what it
// writes for an action.
func (s *Service) Ended(ctx context.Context, w Wait) error {
	if err := s.wakeRules(ctx, w); err != nil {
		return err
	}
	var to ref
	ok, err := store.Find(ctx, s.db, []any{&to.Pipeline, &to.Execution, &to.Run},
		`SELECT pipeline, execution, run FROM pipeline_waits WHERE kind = $1 AND external = $2`, w.Kind, w.ID)
	if err != nil || !ok {
		return err
	}
	e, run, err := s.running(ctx, to)
	if err != nil || run == nil {
		return err
	}
	a := s.action(to, e, run)
	told, r, err := s.result(ctx, a, run, w.ID)
	if err != nil {
		return err
	}
	if r == nil {
		return s.report(ctx, to, told)
	}
	how := s.ending(a, r)
	how.told = told
	return s.finish(ctx, to, how)
}

// report records how far an action is.
func (s *Service) report(ctx context.Context, to ref, told *Progress) error {
	if told == nil {
		return nil
	}
	err := s.change(ctx, to.Pipeline, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		if run := r.inProgress(to); run != nil {
			s.tell(run, told)
		}
		return nil, store.End(ctx, tx)
	})
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone || errors.Is(err, store.ErrJobGone) {
		return nil
	}
	return err
}

// tell notes in an action execution how far it is. What is not told stays.
func (s *Service) tell(run *engine.Run, told *Progress) {
	if told == nil {
		return
	}
	if run.Output == nil {
		run.Output = &cp.ActionExecutionOutput{}
	}
	if run.Output.ExecutionResult == nil {
		run.Output.ExecutionResult = &cp.ActionExecutionResult{}
	}
	result := run.Output.ExecutionResult
	if told.ExternalID != "" {
		result.ExternalExecutionId = &told.ExternalID
	}
	if told.URL != "" {
		result.ExternalExecutionUrl = new(below(s.URL, told.URL))
	}
	if told.Summary != "" {
		result.ExternalExecutionSummary = &told.Summary
	}
	if told.Log != "" {
		result.LogStreamARN = &told.Log
	}
	if told.Percent != nil {
		run.Percent = told.Percent
	}
}

// lookAfter is how long after its start an action's provider is asked once more how what it waits for has ended.
const lookAfter = 30 * time.Second

// look does the job lookJob. What had ended before it was waited for is asked about right after the start; should the
// server die in that moment, this finds it.
func (s *Service) look(ctx context.Context, j store.Running) (store.Outcome, error) {
	var w Wait
	if err := j.Decode(&w); err != nil {
		return store.Undecodable(err), nil
	}
	return store.Done, s.Ended(ctx, w)
}

// result asks the provider of an action how what it waits for has ended; nil while it has not. It also returns how far
// the action is, if its provider tells that.
func (s *Service) result(ctx context.Context, a *Action, run *engine.Run, id string) (told *Progress, r *Result,
	err error) {
	p, ok := s.registry.of(run.Action).(Waiter)
	if !ok { // a provider that an earlier version of Slipway had
		return nil, Failed("InternalError", "Slipway does not implement the provider %s",
			*run.Action.ActionTypeId.Provider), nil
	}
	err = contain.Do(func() (err error) {
		if a.Outputs, err = s.outputs(ctx, a, run); err != nil {
			return err
		}
		acting, err := s.acting(ctx, a, run)
		if err != nil {
			return err
		}
		if reporter, ok := p.(Reporter); ok {
			if told, err = reporter.Progress(acting, a, id); err != nil {
				return err
			}
		}
		r, err = p.Result(acting, a, id)
		return err
	})
	if refused := final(err, false); refused != nil {
		return told, refused, nil
	}
	return told, r, err
}

// finish ends an action execution from outside. One that has ended stays as it is.
func (s *Service) finish(ctx context.Context, to ref, how ending) error {
	err := s.change(ctx, to.Pipeline, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		if _, err := tx.Exec(ctx, dropWaits, to.Pipeline, to.Run); err != nil {
			return nil, err
		}
		if r.inProgress(to) == nil {
			return nil, store.End(ctx, tx)
		}
		return s.end(ctx, tx, r, to, how)
	})
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone || errors.Is(err, store.ErrJobGone) {
		return nil
	}
	return err
}

// timeoutAction does the job timeoutJob: it fails an approval that was not given in time.
func (s *Service) timeoutAction(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	how := ending{result: failure("JobTimeout", "Nobody approved or rejected it in time")}
	return store.Done, s.finish(ctx, to, how)
}

// abandonAction does the job abandonJob: it stops what an abandoned action has started, if its provider can, and
// forgets what it waited for.
func (s *Service) abandonAction(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	var w Wait
	waits, err := store.Find(ctx, s.db, []any{&w.Kind, &w.ID},
		`SELECT kind, external FROM pipeline_waits WHERE pipeline = $1 AND run = $2`, to.Pipeline, to.Run)
	if err != nil {
		return store.Done, err
	}
	if waits {
		if err := s.stop(ctx, to, w); err != nil {
			return store.Done, err
		}
	}
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		if err := store.End(ctx, tx); err != nil {
			return err
		}
		if err := cancelJobs(ctx, tx, to.Run); err != nil {
			return err
		}
		// A start that comes late may have added its wait since: the job runs once more for that.
		_, err := tx.Exec(ctx, `DELETE FROM pipeline_waits WHERE kind = $1 AND external = $2`, w.Kind, w.ID)
		return err
	})
}

// stop lets the provider of an action stop what the action waits for.
func (s *Service) stop(ctx context.Context, to ref, w Wait) error {
	e, err := executionOf(ctx, s.db, to.Pipeline, to.Execution)
	if _, gone := errors.AsType[*cp.PipelineExecutionNotFoundException](err); gone {
		return nil
	}
	if err != nil {
		return err
	}
	run := e.Run(to.Run)
	if run == nil {
		return nil
	}
	p, ok := s.registry.of(run.Action).(Stopper)
	if !ok {
		return nil
	}
	return contain.Do(func() error {
		a := s.action(to, e, run)
		acting, err := s.acting(ctx, a, run)
		if err != nil {
			return err
		}
		return p.Stop(acting, a, w.ID)
	})
}
