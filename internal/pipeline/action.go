package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// ref names an action execution. It is the payload of the jobs that concern one.
type ref struct {
	Pipeline  string `json:"pipeline"`
	Execution string `json:"execution"`
	Run       string `json:"run"`
}

// startAction does the job startJob. An action that could not be started after many attempts has failed: nothing waits
// for ever.
func (s *Service) startAction(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	e, run, err := s.running(ctx, to)
	if err != nil || run == nil {
		return store.Done, err
	}
	a := s.action(to, e, run)
	var o Outcome
	err = contain.Do(func() (err error) {
		o, err = s.begin(ctx, a, e, run)
		return err
	})
	if r := final(err, j.Last); r != nil {
		o, err = Outcome{Result: r}, nil
	}
	if err != nil {
		return store.Done, fmt.Errorf("action %s of pipeline %s: %w", a.Name, to.Pipeline, err)
	}
	if err := s.askForApproval(ctx, to, a, run); err != nil {
		return store.Done, err
	}
	return store.Done, s.started(ctx, to, a, o)
}

// mayAskForApproval fails an approval of which the action's role cannot tell the topic that it names: nobody would know
// that there is something to decide.
func (s *Service) mayAskForApproval(acting context.Context, a *Action, run *engine.Run) error {
	topic := a.Configuration["NotificationArn"]
	if run.Token == nil || topic == "" || s.MayTell == nil {
		return nil
	}
	err := s.MayTell(acting, topic)
	if refused, ok := err.(awsproto.ServiceError); ok {
		return Refuse("PermissionError", "The approval %s cannot tell the topic %s: %s", a.Name, topic,
			awsproto.Message(refused))
	}
	return err
}

// askForApproval tells the topic of an approval, if it names one, that somebody is to decide.
func (s *Service) askForApproval(ctx context.Context, to ref, a *Action, run *engine.Run) error {
	topic := a.Configuration["NotificationArn"]
	if run.Token == nil || topic == "" || run.Status != cp.ActionExecutionStatusInProgress {
		return nil
	}
	page := s.URL + "/pipelines/" + url.PathEscape(to.Pipeline)
	text, err := json.Marshal(map[string]any{
		"region":      s.Region,
		"consoleLink": page,
		"approval": map[string]string{
			"pipelineName":       to.Pipeline,
			"stageName":          *run.StageName,
			"actionName":         a.Name,
			"token":              *run.Token,
			"customData":         a.Configuration["CustomData"],
			"externalEntityLink": a.Configuration["ExternalEntityLink"],
			"approvalReviewLink": page,
		},
	})
	if err != nil {
		return err
	}
	role, err := s.roleOf(ctx, a, run)
	if err != nil {
		return err
	}
	subject := "APPROVAL NEEDED: AWS CodePipeline " + to.Pipeline + " for action " + a.Name
	return s.db.Write(ctx, func(tx store.Tx) error {
		return event.Noticed.Publish(ctx, tx, to.Run, event.Notice{
			Topic:   topic,
			Subject: subject[:min(len(subject), 100)],
			Text:    string(text),
			Service: RolePrincipal,
			Role:    role,
			OwnRole: awsproto.Value(run.Action.RoleArn),
			Session: a.Execution,
		})
	})
}

// scanRef reads the columns pipeline, execution, and run or rule.
func scanRef(rows *sql.Rows) (to ref, err error) {
	return to, rows.Scan(&to.Pipeline, &to.Execution, &to.Run)
}

// executionThere reads an execution; nil if it is gone.
func (s *Service) executionThere(ctx context.Context, to ref) (*engine.Execution, error) {
	e, err := executionOf(ctx, s.db, to.Pipeline, to.Execution)
	if _, gone := errors.AsType[*cp.PipelineExecutionNotFoundException](err); gone {
		return nil, nil //nolint:nilnil // it is gone
	}
	return e, err
}

// gone leaves out the errors of a pipeline, or a job, that is no longer there.
func gone(err error) error {
	if _, deleted := errors.AsType[*cp.PipelineNotFoundException](err); deleted || errors.Is(err, store.ErrJobGone) {
		return nil
	}
	return err
}

// running reads an action execution that is in progress. The run is nil if it has ended, or is gone.
func (s *Service) running(ctx context.Context, to ref) (*engine.Execution, *engine.Run, error) {
	e, err := s.executionThere(ctx, to)
	if err != nil || e == nil {
		return nil, nil, err
	}
	run := e.Run(to.Run)
	if run == nil || run.Status != cp.ActionExecutionStatusInProgress {
		return e, nil, nil
	}
	return e, run, nil
}

// action is an action execution for its provider, as it was recorded.
func (s *Service) action(to ref, e *engine.Execution, run *engine.Run) *Action {
	a := &Action{
		ID:            to.Run,
		Pipeline:      to.Pipeline,
		Execution:     to.Execution,
		Stage:         *run.StageName,
		Name:          *run.ActionName,
		Type:          run.Action.ActionTypeId,
		Role:          awsproto.Value(run.Role),
		OwnRole:       awsproto.Value(run.Action.RoleArn),
		Configuration: run.Input.ResolvedConfiguration,
		Inputs:        run.Input.InputArtifacts,
		Outputs:       run.Outputs,
		Revisions:     e.ArtifactRevisions,
	}
	if e.Trigger != nil {
		a.Trigger = *e.Trigger
	}
	for _, o := range e.Sources {
		if *o.ActionName == a.Name {
			a.Overrides = append(a.Overrides, o)
		}
	}
	return a
}

// begin resolves an action's configuration and artifacts and hands it to its provider.
func (s *Service) begin(ctx context.Context, a *Action, e *engine.Execution, run *engine.Run) (Outcome, error) {
	p := s.registry.of(run.Action)
	if p == nil {
		return Outcome{}, Refuse("InvalidActionConfiguration", "Slipway does not implement the provider %s",
			*run.Action.ActionTypeId.Provider)
	}
	var err error
	if a.Configuration, err = resolve(e, run.Action.Configuration); err != nil {
		return Outcome{}, err
	}
	if a.Commands, err = commands(e, run.Action); err != nil {
		return Outcome{}, err
	}
	if a.Inputs, err = inputs(e, run); err != nil {
		return Outcome{}, err
	}
	if a.Outputs, err = s.outputs(ctx, a, run); err != nil {
		return Outcome{}, err
	}
	acting, err := s.acting(ctx, a, run)
	if err != nil {
		return Outcome{}, err
	}
	if err := s.mayAskForApproval(acting, a, run); err != nil {
		return Outcome{}, err
	}
	fault.Point("pipeline.before-provider")
	o, err := p.Start(acting, a)
	fault.Point("pipeline.after-provider")
	if _, waits := p.(Waiter); err == nil && o.Wait != nil && !waits {
		return Outcome{}, Refuse("InternalError", "The provider %s cannot tell how what it waits for ends",
			*run.Action.ActionTypeId.Provider)
	}
	return o, err
}

// started records what came of a start: the action's end, or what it waits for. With it the job ends.
func (s *Service) started(ctx context.Context, to ref, a *Action, o Outcome) error {
	err := s.change(ctx, to.Pipeline, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		run := r.inProgress(to)
		if run == nil {
			return nil, s.late(ctx, tx, to, o.Wait)
		}
		run.Input.ResolvedConfiguration, run.Input.InputArtifacts = a.Configuration, a.Inputs
		run.Outputs = a.Outputs
		if o.Result != nil {
			return s.end(ctx, tx, r, to, s.ending(a, o.Result))
		}
		if o.Wait != nil {
			run.Output = s.waitingFor(run, o)
			if err := addWait(ctx, tx, *o.Wait, to); err != nil {
				return nil, err
			}
			if err := s.addDeploy(ctx, tx, to, run); err != nil {
				return nil, err
			}
			look := store.Job{Kind: lookJob, Key: to.Run, Payload: *o.Wait, RunAt: s.Now().Add(lookAfter)}
			if err := tx.Enqueue(ctx, look); err != nil {
				return nil, err
			}
		}
		return nil, store.End(ctx, tx)
	})
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone {
		return nil
	}
	if err != nil || o.Wait == nil {
		return err
	}
	return s.Ended(ctx, *o.Wait) // it may have ended before anybody waited
}

// waitingFor is the output of an action that waits. What does the work of a Reporter's action is told later.
func (s *Service) waitingFor(run *engine.Run, o Outcome) *cp.ActionExecutionOutput {
	result := &cp.ActionExecutionResult{}
	if _, reports := s.registry.of(run.Action).(Reporter); !reports {
		result.ExternalExecutionId, result.ExternalExecutionUrl = &o.Wait.ID, new(below(s.URL, o.URL))
	}
	return &cp.ActionExecutionOutput{ExecutionResult: result}
}

// late ends the job of a start whose action execution ended meanwhile. What the start began is abandoned.
func (s *Service) late(ctx context.Context, tx store.Tx, to ref, w *Wait) error {
	if w != nil {
		if err := addWait(ctx, tx, *w, to); err != nil {
			return err
		}
		if err := tx.Enqueue(ctx, store.Job{Kind: abandonJob, Key: to.Run, Payload: to}); err != nil {
			return err
		}
	}
	return store.End(ctx, tx)
}

// inProgress is an action execution of a pipeline that was read for a change; nil if it is gone or has ended.
func (r *row) inProgress(to ref) *engine.Run {
	e := r.Executions[to.Execution]
	if e == nil {
		return nil
	}
	run := e.Run(to.Run)
	if run == nil || run.Status != cp.ActionExecutionStatusInProgress {
		return nil
	}
	return run
}
