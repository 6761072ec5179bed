package actions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// Results of jobs and steps.
const (
	success   = "success"
	failure   = "failure"
	cancelled = "cancelled"
	skipped   = "skipped"
)

// flow is a workflow that runs: the plan's, or one that a job calls.
type flow struct {
	d       *driver
	def     *workflow.Workflow
	caller  string // the name of the job that calls it, with a slash; "" for the plan's
	depth   int
	inputs  *expression.Object
	secrets map[string]string
	results map[string]*outcome
}

// outcome is how a job went.
type outcome struct {
	result  string
	outputs map[string]string
}

// run runs all jobs, or one and those that it needs, one after another.
func (f *flow) run(ctx context.Context, only string) {
	wanted := f.def.Wanted(only)
	for range wanted {
		for _, j := range wanted {
			ready := !slices.ContainsFunc(j.Needs, func(id string) bool { return f.results[id] == nil })
			if f.results[j.ID] == nil && ready {
				f.results[j.ID] = f.job(ctx, j)
				break
			}
		}
	}
}

// ancestors are the jobs that a job needs, and those that these need.
func (f *flow) ancestors(j *workflow.Job) (all []string) {
	for _, id := range j.Needs {
		all = append(append(all, id), f.ancestors(f.def.Job(id))...)
	}
	return all
}

// contexts are those that a job has before it runs.
func (f *flow) contexts(j *workflow.Job) contexts {
	needs := expression.NewObject()
	for _, id := range j.Needs {
		if o := f.results[id]; o != nil {
			needs.Set(id, expression.NewObject().Set("result", o.result).Set("outputs", textObject(o.outputs)))
		}
	}
	github := f.d.github.Clone().Set("job", j.ID).Set("workflow", f.def.Name)
	return contexts{"github": github, "needs": needs, "vars": f.d.vars, "inputs": f.inputs, "strategy": nil,
		"matrix": nil, "secrets": textObject(f.secrets)}
}

// holds evaluates the if of a job: success() wants all that it descends from, failure() one of them.
func (f *flow) holds(ctx context.Context, j *workflow.Job, c contexts) (bool, error) {
	s := c.only(inJobIf...)
	s.Status = func(function string) bool {
		ok, failed := true, false
		for _, id := range f.ancestors(j) {
			o := f.results[id]
			ok = ok && o != nil && o.result == success
			failed = failed || o != nil && o.result == failure
		}
		switch function {
		case "success":
			return ok && ctx.Err() == nil
		case "failure":
			return failed
		case "cancelled":
			return ctx.Err() != nil
		}
		return true
	}
	return expression.Condition(j.If.Text, s)
}

// job runs a job, once for each combination of its matrix.
func (f *flow) job(ctx context.Context, def *workflow.Job) *outcome {
	c := f.contexts(def)
	name := f.caller + def.ID
	ok, err := f.holds(ctx, def, c)
	if err != nil {
		return f.broken(name, fmt.Errorf("if: %w", err))
	}
	if !ok {
		f.d.console.printf("○ The job %s is skipped", name)
		return &outcome{result: skipped}
	}
	all, strategy, err := f.cells(def, c)
	if err != nil {
		return f.broken(name, err)
	}
	sum := &outcome{result: success, outputs: map[string]string{}}
	stop := false
	for i, cell := range all {
		if stop {
			f.d.console.printf("○ The job %s is cancelled: another of its matrix has failed", named(name, cell))
			sum.result = worse(sum.result, cancelled)
			continue
		}
		own := contexts{}
		for k, v := range c {
			own[k] = v
		}
		own["strategy"] = strategy.Clone().Set("job-index", float64(i))
		if cell.values != nil {
			own["matrix"] = cell.values
		}
		one := f.one(ctx, def, own, cell)
		for k, v := range one.outputs {
			if v != "" || sum.outputs[k] == "" {
				sum.outputs[k] = v
			}
		}
		failFast, _ := strategy.Get("fail-fast")
		stop = one.result == failure && expression.Truth(failFast)
		sum.result = worse(sum.result, one.result)
	}
	return sum
}

// worse is the result of two jobs together.
func worse(a, b string) string {
	for _, r := range []string{failure, cancelled} {
		if a == r || b == r {
			return r
		}
	}
	return success
}

func (f *flow) broken(name string, err error) *outcome {
	f.d.fail(name, "", err)
	return &outcome{result: failure}
}

// cells are the combinations of a job's matrix; without one there is one, which is empty.
func (f *flow) cells(def *workflow.Job, c contexts) ([]cell, *expression.Object, error) {
	strategy := expression.NewObject().Set("fail-fast", true).Set("job-index", 0.0).Set("job-total", 1.0).
		Set("max-parallel", 1.0)
	v, err := evaluate(def.Strategy, c.only(inStrategy...))
	if err != nil {
		return nil, nil, fmt.Errorf("strategy: %w", err)
	}
	given, _ := v.(*expression.Object)
	if b, ok := given.Get("fail-fast"); ok {
		strategy.Set("fail-fast", expression.Truth(b))
	}
	matrix, ok := given.Get("matrix")
	if !ok {
		return []cell{{}}, strategy, nil
	}
	of, ok := matrix.(*expression.Object)
	if !ok {
		return nil, nil, errors.New("strategy.matrix must be a mapping")
	}
	all, err := cells(of)
	strategy.Set("job-total", float64(len(all)))
	return all, strategy, err
}

// named is a job's name with the values of its combination.
func named(name string, c cell) string {
	if len(c.shown) == 0 {
		return name
	}
	return name + " (" + strings.Join(c.shown, ", ") + ")"
}

// one runs one job of a matrix.
func (f *flow) one(ctx context.Context, def *workflow.Job, c contexts, of cell) *outcome {
	name := named(f.caller+def.ID, of)
	if def.Name.Has() {
		given, err := evaluateText(def.Name, c.only(inJob...))
		if err != nil {
			return f.broken(name, fmt.Errorf("name: %w", err))
		}
		name = f.caller + given
		if !strings.Contains(def.Name.Text, "${{") {
			name = named(name, of)
		}
	}
	if def.Uses != "" {
		return f.call(ctx, def, c, name)
	}
	j := &job{flow: f, d: f.d, def: def, name: name, before: c}
	if err := j.place(); err != nil {
		return f.broken(name, err)
	}
	if f.d.plan.Job == "" && len(f.def.Jobs) > 1 || len(of.shown) > 0 || f.depth > 0 {
		f.d.console.printf("━━ Job %s", name)
	}
	return j.run(ctx)
}

// given are the inputs of a workflow: what the caller gives, or else the defaults, each of its type.
func (f *flow) given(declared []workflow.Input, from *expression.Object, who string) (*expression.Object, error) {
	all := expression.NewObject()
	for _, key := range from.Keys() {
		if !slices.ContainsFunc(declared, func(i workflow.Input) bool { return strings.EqualFold(i.Name, key) }) {
			return nil, fmt.Errorf("%s has no input %s", who, key)
		}
	}
	for _, i := range declared {
		v, ok := from.Get(i.Name)
		if !ok {
			if i.Required && !i.Default.Has() {
				return nil, fmt.Errorf("%s needs the input %s", who, i.Name)
			}
			var err error
			s := contexts{"github": f.d.github, "vars": f.d.vars}.only("github", "vars")
			if v, err = evaluate(i.Default, s); err != nil {
				return nil, fmt.Errorf("the default of the input %s: %w", i.Name, err)
			}
		}
		all.Set(i.Name, typed(v, i.Type))
	}
	return all, nil
}

// typed gives an input the kind that its declaration says.
func typed(v expression.Value, kind string) expression.Value {
	switch kind {
	case "boolean":
		if s, ok := v.(string); ok {
			return strings.EqualFold(s, "true")
		}
		return expression.Truth(v)
	case "number":
		return expression.Number(v)
	}
	return expression.Text(v)
}
