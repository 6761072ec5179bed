package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/contain"
	"slipway/internal/fault"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
	"slipway/spec/pipelinefile"
)

// action is an action execution in the hands of its provider.
type action struct {
	ref
	execution *engine.Execution
	run       *engine.Run
	config    map[string]string // with the variables resolved
	inputs    []cp.ArtifactDetail
	outputs   []cp.ArtifactDetail // where its output artifacts go
}

func (a *action) name() string { return *a.run.ActionName }

// outcome is what a provider made of an action: its end, or what it waits for.
type outcome struct {
	result   *engine.Result
	waitKind string // build or deployment
	waitFor  string // its ID
	url      string
	// revised is set by a source.
	revised func(e *engine.Execution, run *engine.Run)
}

// provider starts an action. What it does it may do again after a crash; it recognises it by the action execution's ID.
// A *refusal or an error of a service ends the action as failed, any other error is tried again.
type provider func(ctx context.Context, a *action) (outcome, error)

func (s *Service) provider(id *cp.ActionTypeId) provider {
	switch {
	case id.Category == cp.ActionCategorySource && *id.Provider == "CodeCommit":
		return s.sourceCodeCommit
	case id.Category == cp.ActionCategorySource && *id.Provider == "S3":
		return s.sourceS3
	case *id.Provider == "CodeBuild":
		return s.build
	case id.Category == cp.ActionCategoryApproval:
		return func(context.Context, *action) (outcome, error) { return outcome{}, nil } // a person ends it
	case id.Category == cp.ActionCategoryDeploy && *id.Provider == "CodeDeploy":
		return s.deploy
	case id.Category == cp.ActionCategoryDeploy && *id.Provider == "S3":
		return s.deployS3
	}
	return func(context.Context, *action) (outcome, error) {
		return outcome{}, refuse("InvalidActionConfiguration", "Slipway does not implement the provider %s",
			*id.Provider)
	}
}

// refusal is why an action cannot be done, however often it is tried.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.message }

func refuse(code, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// failed is the result of an action that failed.
func failed(code, message string) *engine.Result {
	return &engine.Result{Status: cp.ActionExecutionStatusFailed, Output: cp.ActionExecutionOutput{
		ExecutionResult: &cp.ActionExecutionResult{ErrorDetails: &cp.ErrorDetails{Code: &code, Message: &message},
			ExternalExecutionSummary: &message}}}
}

// succeeded is the result of an action that did its work.
func succeeded(a *action, variables map[string]string) *engine.Result {
	return &engine.Result{Status: cp.ActionExecutionStatusSucceeded,
		Output: cp.ActionExecutionOutput{OutputArtifacts: a.outputs, OutputVariables: variables}}
}

// startAction does the job startJob. An action that could not be started after many attempts has failed: nothing waits
// for ever.
func (s *Service) startAction(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	e, err := executionOf(ctx, s.db, to.Pipeline, to.Execution)
	if _, gone := errors.AsType[*cp.PipelineExecutionNotFoundException](err); gone {
		return store.Done, nil
	}
	if err != nil {
		return store.Done, err
	}
	run := e.Run(to.Run)
	if run == nil || run.Status != cp.ActionExecutionStatusInProgress {
		return store.Done, nil
	}
	var a *action
	var o outcome
	err = contain.Do(func() (err error) {
		a, o, err = s.try(ctx, to, e, run)
		return err
	})
	if r := final(err, j.Last); r != nil {
		o, err = outcome{result: r}, nil
	}
	if a == nil {
		a = &action{ref: to, execution: e, run: run}
	}
	if err != nil {
		return store.Done, fmt.Errorf("action %s of pipeline %s: %w", *run.ActionName, to.Pipeline, err)
	}
	return store.Done, s.started(ctx, a, o)
}

// final is the result of a start that failed for good; nil if there was no error, or one that may pass.
func final(err error, last bool) *engine.Result {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return failed(r.code, r.message)
	}
	if se, ok := errors.AsType[awsproto.ServiceError](err); ok && !passing(se) {
		return failed(se.ErrorCode(), strings.TrimPrefix(se.Error(), se.ErrorCode()+": "))
	}
	if last {
		return failed("InternalError", "The action could not be started. The last attempt failed with: "+err.Error())
	}
	return nil
}

// passing tells whether a service failed by itself, and may not the next time.
func passing(se awsproto.ServiceError) bool {
	return se.HTTPStatus() == http.StatusInternalServerError || se.HTTPStatus() == http.StatusServiceUnavailable
}

// try resolves an action's configuration and hands it to its provider.
func (s *Service) try(ctx context.Context, to ref, e *engine.Execution, run *engine.Run) (*action, outcome, error) {
	a := &action{ref: to, execution: e, run: run}
	var err error
	if a.config, err = resolve(e, run.Action.Configuration); err != nil {
		return a, outcome{}, err
	}
	for _, in := range run.Action.InputArtifacts {
		at := artifact(e, *in.Name)
		if at == nil {
			return a, outcome{}, refuse("InvalidActionConfiguration",
				"The input artifact %s was not made by any action of this execution", *in.Name)
		}
		a.inputs = append(a.inputs, *at)
	}
	if len(run.Action.OutputArtifacts) > 0 {
		r, err := load(ctx, s.db, to.Pipeline)
		if err != nil {
			return a, outcome{}, err
		}
		bucket, err := artifactBucket(r.Declaration, s.Region)
		if err != nil {
			return a, outcome{}, err
		}
		for _, out := range run.Action.OutputArtifacts {
			a.outputs = append(a.outputs,
				cp.ArtifactDetail{Name: out.Name,
					S3location: &cp.S3Location{Bucket: &bucket, Key: new(artifactKey(to, *out.Name))}})
		}
	}
	fault.Point("pipeline.before-provider")
	o, err := s.provider(run.Action.ActionTypeId)(ctx, a)
	fault.Point("pipeline.after-provider")
	return a, o, err
}

// artifactBucket is where a pipeline keeps its artifacts.
func artifactBucket(d *cp.PipelineDeclaration, region string) (string, error) {
	if d.ArtifactStore != nil {
		return *d.ArtifactStore.Location, nil
	}
	if here, ok := d.ArtifactStores[region]; ok {
		return *here.Location, nil
	}
	return "", refuse("InvalidActionConfiguration", "The pipeline has no artifact store for the region %s", region)
}

// artifactKey has the form of CodePipeline's keys: shortened names, and what makes it unique.
func artifactKey(to ref, name string) string {
	short := func(s string, n int) string { return s[:min(n, len(s))] }
	return short(to.Pipeline, 20) + "/" + short(name, 10) + "/" + strings.ReplaceAll(to.Run, "-", "")[:16]
}

// artifact is where the newest artifact of a name lies that an execution made, or nil.
func artifact(e *engine.Execution, name string) *cp.ArtifactDetail {
	for i := len(e.Runs) - 1; i >= 0; i-- {
		r := e.Runs[i]
		if r.Status != cp.ActionExecutionStatusSucceeded || r.Output == nil {
			continue
		}
		for k := range r.Output.OutputArtifacts {
			if *r.Output.OutputArtifacts[k].Name == name {
				return &r.Output.OutputArtifacts[k]
			}
		}
	}
	return nil
}

// resolve puts values in the place of an action's variables #{namespace.key} ("Variables" in the CodePipeline user
// guide).
func resolve(e *engine.Execution, configuration map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(configuration))
	for key, value := range configuration {
		var missing string
		out[key] = pipelinefile.Expand(value, func(namespace, name string) (string, bool) {
			v, ok := lookup(e, namespace, name)
			if !ok && missing == "" {
				missing = "#{" + namespace + "." + name + "}"
			}
			return v, ok
		})
		if missing != "" {
			return nil, refuse("InvalidActionConfiguration",
				"The configuration %s has the variable %s, which no action before it has set", key, missing)
		}
	}
	return out, nil
}

func lookup(e *engine.Execution, namespace, name string) (string, bool) {
	switch namespace {
	case "codepipeline":
		return *e.PipelineExecutionId, name == "PipelineExecutionId"
	case "variables":
		for _, v := range e.Variables {
			if *v.Name == name {
				return *v.ResolvedValue, true
			}
		}
		return "", false
	}
	for i := len(e.Runs) - 1; i >= 0; i-- {
		r := e.Runs[i]
		if r.Action.Namespace == nil || *r.Action.Namespace != namespace ||
			r.Status != cp.ActionExecutionStatusSucceeded || r.Output == nil {
			continue
		}
		v, ok := r.Output.OutputVariables[name]
		return v, ok
	}
	return "", false
}

// started records what came of a start: the action's end, or what it waits for. With it the job ends.
func (s *Service) started(ctx context.Context, a *action, o outcome) error {
	err := s.change(ctx, a.Pipeline, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		e := r.Executions[a.Execution]
		if e == nil || e.Run(a.Run) == nil || e.Run(a.Run).Status != cp.ActionExecutionStatusInProgress {
			return nil, store.End(ctx, tx) // it ended meanwhile
		}
		run := e.Run(a.Run)
		run.Input.ResolvedConfiguration, run.Input.InputArtifacts = a.config, a.inputs
		if o.result != nil {
			return s.end(ctx, tx, r, a.ref, o)
		}
		if o.waitFor != "" {
			run.Output = &cp.ActionExecutionOutput{
				ExecutionResult: &cp.ActionExecutionResult{ExternalExecutionId: &o.waitFor,
					ExternalExecutionUrl: &o.url},
			}
			if _, err := tx.Exec(ctx,
				`INSERT INTO pipeline_waits (kind, external, pipeline, execution, run) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
				o.waitKind, o.waitFor, a.Pipeline, a.Execution, a.Run); err != nil {
				return nil, err
			}
		}
		return nil, store.End(ctx, tx)
	})
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone {
		return nil
	}
	if err != nil || o.waitFor == "" {
		return err
	}
	// It may have ended before anybody waited.
	return s.ended(ctx, o.waitKind, o.waitFor)
}

// end ends an action execution, and the job at hand with it.
func (s *Service) end(ctx context.Context, tx store.Tx, r *row, to ref, o outcome) ([]engine.Effect, error) {
	if err := store.End(ctx, tx); err != nil {
		return nil, err
	}
	e := r.Executions[to.Execution]
	run := e.Run(to.Run)
	if before := run.Output; before != nil && before.ExecutionResult != nil {
		if o.result.Output.ExecutionResult == nil {
			o.result.Output.ExecutionResult = &cp.ActionExecutionResult{}
		}
		o.result.Output.ExecutionResult.ExternalExecutionId = before.ExecutionResult.ExternalExecutionId
		o.result.Output.ExecutionResult.ExternalExecutionUrl = before.ExecutionResult.ExternalExecutionUrl
	}
	if o.revised != nil {
		o.revised(e, run)
	}
	if err := tx.Cancel(ctx, timeoutJob, to.Run); err != nil {
		return nil, err
	}
	effects, err := engine.Finish(&r.Pipeline, to.Execution, to.Run, *o.result, s.world())
	if errors.Is(err, engine.ErrRunEnded) {
		return nil, nil
	}
	return effects, err
}

// abandonAction forgets what an action waited for. What it started goes on by itself, as at AWS.
func (s *Service) abandonAction(ctx context.Context, j store.Running) (store.Outcome, error) {
	var to ref
	if err := j.Decode(&to); err != nil {
		return store.Undecodable(err), nil
	}
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		if err := store.End(ctx, tx); err != nil {
			return err
		}
		if err := tx.Cancel(ctx, timeoutJob, to.Run); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM pipeline_waits WHERE pipeline = $1 AND run = $2`, to.Pipeline, to.Run)
		return err
	})
}
