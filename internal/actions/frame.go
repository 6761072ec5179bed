package actions

import (
	"context"
	"maps"
	"path/filepath"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// frame is a list of steps that runs: a job's, or those of a composite action.
type frame struct {
	j      *job
	parent *frame             // nil for a job
	steps  *expression.Object // the context steps
	inputs *expression.Object // of a composite action
	env    *variables         // of the step that calls a composite action
	dir    string             // of the composite action
	of     reference
	failed bool   // of a composite action
	scope  string // before the names of steps without an ID
	depth  int
}

// contexts are those of the frame's steps; env is that of the step, nil for the job's.
func (f *frame) contexts(env *variables) contexts {
	j := f.j
	c := maps.Clone(j.before)
	c["github"] = f.github("")
	c["steps"] = f.steps
	c["job"] = j.context()
	c["runner"] = j.runnerContext()
	if env == nil {
		env = f.variables()
	}
	c["env"] = env.object()
	if f.inputs != nil {
		c["inputs"] = f.inputs
		c["secrets"] = expression.NewObject() // an action has inputs, and no secrets
	}
	return c
}

// variables are those that a step begins with.
func (f *frame) variables() *variables {
	all := f.j.env.clone()
	if f.env != nil {
		for _, name := range f.env.names {
			all.set(name, f.env.values[name])
		}
	}
	return all
}

// github is the context of that name for a step.
func (f *frame) github(step string) *expression.Object {
	j := f.j
	name := j.flow.def.Name
	if name == "" {
		name = j.flow.def.File
	}
	o := j.d.github.Clone().Set("job", j.def.ID).Set("workflow", name).Set("workspace", j.workspace).
		Set("action", step)
	token := j.flow.secrets["GITHUB_TOKEN"]
	o.Set("token", token)
	if f.parent != nil {
		status := success
		if f.failed {
			status = failure
		}
		o.Set("action_path", f.dir).Set("action_status", status).Set("action_repository", f.of.name).
			Set("action_ref", f.of.ref)
	}
	return o
}

// condition is what an if of the frame's steps sees.
func (f *frame) condition(env *variables) expression.Scope {
	s := f.contexts(env).only(inStepIf...)
	s.Status = f.status
	s.Hash = f.j.hashFiles
	return s
}

// status answers the status functions.
func (f *frame) status(function string) bool {
	failed := f.j.failed
	if f.parent != nil {
		failed = f.failed
	}
	switch function {
	case "success":
		return !failed && !f.j.cancelled
	case "failure":
		return failed && !f.j.cancelled
	case "cancelled":
		return f.j.cancelled
	}
	return true
}

// values is what the other expressions of the frame's steps see.
func (f *frame) values(env *variables) expression.Scope {
	s := f.contexts(env).only(inSteps...)
	s.Hash = f.j.hashFiles
	return s
}

// set notes how a step went, and what it put out.
func (f *frame) set(id string, outputs *expression.Object, outcome, conclusion string) {
	if id != "" {
		f.steps.Set(id, expression.NewObject().Set("outputs", outputs).Set("outcome", outcome).
			Set("conclusion", conclusion))
	}
}

// all runs the steps of a composite action.
func (f *frame) all(ctx context.Context, steps []workflow.Step) {
	for i := range steps {
		if f.step(ctx, &steps[i], f.scope) {
			f.failed = true
		}
	}
}

// environment is what a step's programs get.
func (f *frame) environment(own *variables, step string, files *files) map[string]string {
	if f.j.inside != nil {
		return f.environmentOf(f.j.inside.env, own, step, files)
	}
	return f.environmentOf(f.j.d.base, own, step, files)
}

// environmentOf adds to what a program has of its machine what a step gives it.
func (f *frame) environmentOf(base map[string]string, own *variables, step string, files *files) map[string]string {
	j := f.j
	env := maps.Clone(base)
	env["CI"] = "true"
	for _, name := range own.names {
		env[name] = own.values[name]
	}
	github := f.github(step)
	for _, key := range []string{"action", "action_path", "action_ref", "action_repository", "actor", "actor_id",
		"api_url", "base_ref", "event_name", "event_path", "graphql_url", "head_ref", "job", "ref", "ref_name",
		"ref_protected", "ref_type", "repository", "repository_id", "repository_owner", "repository_owner_id",
		"retention_days", "run_attempt", "run_id", "run_number", "server_url", "sha", "triggering_actor", "workflow",
		"workflow_ref", "workflow_sha", "workspace"} {
		if v, ok := github.Get(key); ok {
			env["GITHUB_"+upper(key)] = expression.Text(v)
		}
	}
	env["GITHUB_ACTIONS"] = "true"
	env["RUNNER_OS"], env["RUNNER_ARCH"], env["RUNNER_NAME"] = "Linux", architecture(), "Slipway"
	env["RUNNER_ENVIRONMENT"] = "self-hosted"
	env["RUNNER_TEMP"], env["RUNNER_TOOL_CACHE"], env["RUNNER_WORKSPACE"] = j.temp, j.d.tools, filepath.Dir(j.workspace)
	if j.d.debug {
		env["RUNNER_DEBUG"] = "1"
	}
	for i := len(j.path) - 1; i >= 0; i-- {
		env["PATH"] = j.path[i] + ":" + env["PATH"]
	}
	if files != nil {
		files.name(env)
	}
	return env
}
