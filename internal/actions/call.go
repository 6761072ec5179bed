package actions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// maxCalls bounds how deep workflows call others.
const maxCalls = 10

// call runs the workflow that a job calls.
func (f *flow) call(ctx context.Context, def *workflow.Job, c contexts, name string) *outcome {
	if f.depth+1 >= maxCalls {
		return f.broken(name, fmt.Errorf("workflows call each other deeper than %d levels", maxCalls))
	}
	called, err := f.d.called(def.Uses)
	if err != nil {
		return f.broken(name, err)
	}
	if called.Call == nil {
		return f.broken(name, fmt.Errorf("the workflow %s cannot be called: it has no workflow_call in on", def.Uses))
	}
	to := &flow{d: f.d, def: called, caller: name + " / ", depth: f.depth + 1, results: map[string]*outcome{}}
	with, err := evaluate(def.With, c.only(inJob...))
	if err != nil {
		return f.broken(name, fmt.Errorf("with: %w", err))
	}
	from, _ := with.(*expression.Object)
	if from == nil {
		from = expression.NewObject()
	}
	if to.inputs, err = to.given(called.Call.Inputs, from, "the workflow "+def.Uses); err != nil {
		return f.broken(name, err)
	}
	if to.secrets, err = f.handed(def, called, c); err != nil {
		return f.broken(name, err)
	}
	to.run(ctx, "")
	return to.sum(name)
}

// called reads a workflow of this source, or of a repository that has been fetched.
func (d *driver) called(uses string) (*workflow.Workflow, error) {
	var file string
	if strings.HasPrefix(uses, "./") {
		file = filepath.Join(d.plan.Source, uses)
	} else {
		r, err := parseUses(uses)
		if err != nil {
			return nil, err
		}
		dir, ok := d.plan.Actions[r.key()]
		if !ok {
			return nil, d.missing(r, uses)
		}
		file = filepath.Join(dir, r.path)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the workflow %s: %w", uses, errors.Unwrap(err))
	}
	return workflow.Parse(uses, text)
}

// handed are the secrets that a job hands to the workflow that it calls.
func (f *flow) handed(def *workflow.Job, called *workflow.Workflow, c contexts) (map[string]string, error) {
	if def.Secrets.Kind == workflow.Text && def.Secrets.Text == "inherit" {
		return f.secrets, nil
	}
	given, err := evaluate(def.Secrets, c.only(inJobEnv...))
	if err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	all := map[string]string{}
	o, _ := given.(*expression.Object)
	if o == nil {
		o = expression.NewObject()
	}
	for _, key := range o.Keys() {
		declared := false
		for _, s := range called.Call.Secrets {
			declared = declared || strings.EqualFold(s.Name, key)
		}
		if !declared {
			return nil, fmt.Errorf("the workflow %s has no secret %s", def.Uses, key)
		}
		v, _ := o.Get(key)
		all[key] = expression.Text(v)
	}
	for _, s := range called.Call.Secrets {
		if _, ok := o.Get(s.Name); s.Required && !ok {
			return nil, fmt.Errorf("the workflow %s needs the secret %s", def.Uses, s.Name)
		}
	}
	return all, nil
}

// sum is how a called workflow went, with its outputs.
func (f *flow) sum(name string) *outcome {
	sum := &outcome{result: success, outputs: map[string]string{}}
	jobs := expression.NewObject()
	for _, j := range f.def.Jobs {
		o := f.results[j.ID]
		sum.result = worse(sum.result, o.result)
		jobs.Set(j.ID, expression.NewObject().Set("result", o.result).Set("outputs", textObject(o.outputs)))
	}
	c := contexts{"github": f.d.github, "jobs": jobs, "vars": f.d.vars, "inputs": f.inputs}
	for _, m := range f.def.Call.Outputs {
		v, err := evaluateText(m.Value, c.only("github", "jobs", "vars", "inputs"))
		if err != nil {
			return f.broken(name, fmt.Errorf("the output %s: %w", m.Key, err))
		}
		sum.outputs[m.Key] = v
	}
	return sum
}
