package actions

import (
	"context"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// prepare runs the pre of the job's actions that were fetched, before its first step.
func (j *job) prepare(ctx context.Context) {
	j.pre = map[*workflow.Step]map[string]string{}
	for i := range j.def.Steps {
		s := &j.def.Steps[i]
		of, err := parseUses(s.Uses)
		if s.Uses == "" || err != nil || of.name == "" || builtins[of.action()] != nil && !j.d.plan.Fetched {
			continue
		}
		u := &use{f: j.root, step: s, id: "__pre", of: of, env: j.root.variables(),
			to: &effects{outputs: expression.NewObject(), state: map[string]string{}}}
		if u.find() != nil || u.pre() == "" || u.action.Runs.Using == "composite" {
			continue // what is wrong is said when the step runs
		}
		if err := u.first(ctx); err != nil {
			j.failed = true
			j.d.console.unfold()
			j.d.console.printf("✗ Pre %s: %v", s.Uses, err)
			j.d.fail(j.name, "Pre "+s.Uses, err)
		}
	}
}

// ready tells whether all actions that the job's steps name have been fetched.
func (j *job) ready() error {
	for i := range j.def.Steps {
		s := &j.def.Steps[i]
		of, err := parseUses(s.Uses)
		if s.Uses == "" || err != nil || of.name == "" || builtins[of.action()] != nil && !j.d.plan.Fetched {
			continue
		}
		if _, ok := j.d.plan.Actions[of.key()]; !ok {
			return j.d.missing(of, s.Uses)
		}
	}
	return nil
}

// first runs the pre of an action.
func (u *use) first(ctx context.Context) error {
	j, r := u.f.j, u.action.Runs
	when := r.PreIf
	if when == "" {
		when = "always()"
	}
	ok, err := expression.Condition(when, u.f.condition(u.env))
	if err != nil || !ok {
		return err
	}
	if err := u.given(); err != nil {
		return err
	}
	j.d.console.begin()
	j.d.console.printf("▶ Pre %s", u.step.Uses)
	j.pre[u.step] = u.to.state
	u.last(u.to.state)
	return u.also(ctx, u.pre(), u.to.state)
}
