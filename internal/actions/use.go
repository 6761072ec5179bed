package actions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// maxNested bounds how deep composite actions use each other.
const maxNested = 10

// use is a step that runs an action.
type use struct {
	f      *frame
	step   *workflow.Step
	id     string
	of     reference
	action *workflow.Action // nil for one of Slipway's own
	dir    string           // of the action
	inputs *expression.Object
	env    *variables
	to     *effects
}

// use runs the action of a step.
func (f *frame) use(ctx context.Context, s *workflow.Step, env *variables, id string, to *effects) error {
	if f.depth >= maxNested {
		return fmt.Errorf("actions use each other deeper than %d levels", maxNested)
	}
	of, err := parseUses(s.Uses)
	if err != nil {
		return err
	}
	u := &use{f: f, step: s, id: id, of: of, env: env, to: to}
	own := builtins[of.action()]
	if of.name != "" && own != nil && !f.j.d.plan.Fetched {
		if err := u.given(); err != nil {
			return err
		}
		if f.j.inside != nil {
			if err := f.j.d.regain(ctx); err != nil {
				return err
			}
		}
		return own(ctx, u)
	}
	if of.image != "" {
		u.action = &workflow.Action{Name: s.Uses}
		u.action.Runs.Using, u.action.Runs.Image = "docker", "docker://"+of.image
	} else if err := u.find(); err != nil {
		return err
	}
	if err := u.given(); err != nil {
		return err
	}
	switch using := u.action.Runs.Using; {
	case using == "composite":
		return u.composite(ctx)
	case strings.HasPrefix(using, "node"):
		return u.node(ctx)
	}
	return u.docker(ctx)
}

// find reads the action.
func (u *use) find() (err error) {
	j, shown := u.f.j, u.step.Uses
	if u.of.local != "" {
		u.dir = inside(j.workspace, u.of.local)
	} else {
		dir, ok := j.d.plan.Actions[u.of.key()]
		if !ok {
			return j.d.missing(u.of, shown)
		}
		u.dir = filepath.Join(dir, u.of.path)
	}
	if known := j.d.known[u.dir]; known != nil && u.of.local == "" {
		u.action = known
		return nil
	}
	u.action, err = readAction(u.dir, shown)
	j.d.known[u.dir] = u.action
	return err
}

// missing says why an action or a workflow is not there.
func (d *driver) missing(of reference, shown string) error {
	if why := d.plan.Missing[of.key()]; why != "" {
		return errors.New(why)
	}
	return fmt.Errorf("%s has not been fetched", shown)
}

// given evaluates the inputs: what the step gives, and the defaults of the others.
func (u *use) given() error {
	u.inputs = expression.NewObject()
	s := u.f.values(u.env)
	declared := map[string]workflow.Input{}
	if u.action != nil {
		for _, i := range u.action.Inputs {
			declared[strings.ToLower(i.Name)] = i
			v, err := evaluateText(i.Default, s)
			if err != nil {
				return fmt.Errorf("the default of the input %s: %w", i.Name, err)
			}
			u.inputs.Set(i.Name, v)
		}
	}
	with, err := evaluate(u.step.With, s)
	if err != nil {
		return fmt.Errorf("with: %w", err)
	}
	o, _ := with.(*expression.Object)
	if o == nil {
		return nil
	}
	console := u.f.j.d.console
	for _, key := range o.Keys() {
		i, known := declared[strings.ToLower(key)]
		switch {
		case u.action != nil && !known && u.of.image == "" && key != "args" && key != "entrypoint":
			console.printf("warning: the action %s has no input %s", u.step.Uses, key)
		case i.Deprecated != "":
			console.printf("warning: the input %s is deprecated: %s", key, i.Deprecated)
		}
		v, _ := o.Get(key)
		u.inputs.Set(key, expression.Text(v))
	}
	return nil
}

// input is the value of an input, "" if it is not given.
func (u *use) input(name string) string {
	v, _ := u.inputs.Get(name)
	return strings.TrimSpace(expression.Text(v))
}

// after registers what the action does at the end of the job.
func (u *use) after(when string, do func(ctx context.Context) error) {
	if when == "" {
		when = "always()"
	}
	name := strings.TrimPrefix(u.step.Name.Text, "Run ")
	if name == "" {
		name = u.step.Uses
	}
	u.f.j.posts = append(u.f.j.posts, post{u.f, name, when, do})
}

// composite runs the steps of a composite action.
func (u *use) composite(ctx context.Context) error {
	f := u.f
	inner := &frame{j: f.j, parent: f, steps: expression.NewObject(), inputs: u.inputs, dir: u.dir, of: u.of,
		scope: u.id + "__", depth: f.depth + 1}
	inner.env = newVariables()
	if f.env != nil {
		inner.env = f.env.clone()
	}
	own, err := u.stepEnv()
	if err != nil {
		return err
	}
	for _, name := range own.names {
		inner.env.set(name, own.values[name])
	}
	inner.all(ctx, u.action.Runs.Steps)
	s := inner.values(nil)
	for _, m := range u.action.Outputs {
		v, err := evaluateText(m.Value, s)
		if err != nil {
			return fmt.Errorf("the output %s of %s: %w", m.Key, u.step.Uses, err)
		}
		u.to.outputs.Set(m.Key, v)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case inner.failed:
		return errors.New("a step of the action failed")
	}
	return nil
}

// stepEnv is the env of the step alone.
func (u *use) stepEnv() (*variables, error) {
	own := newVariables()
	err := evaluateEnv(own, u.step.Env, u.f.values(nil))
	return own, err
}

// node runs a JavaScript action: main now, and post at the end of the job.
func (u *use) node(ctx context.Context) error {
	if state, ok := u.f.j.pre[u.step]; ok { // its pre has run, and has registered its post
		maps.Copy(state, u.to.state)
		u.to.state = state
	} else {
		u.last(u.to.state)
	}
	return u.javascript(ctx, u.action.Runs.Main, u.to)
}

// last registers the post of an action, which gets the state of its pre and main.
func (u *use) last(state map[string]string) {
	if post := u.post(); post != "" {
		u.after(u.action.Runs.PostIf, func(ctx context.Context) error { return u.also(ctx, post, state) })
	}
}

// javascript runs a script of a JavaScript action with Node.
func (u *use) javascript(ctx context.Context, file string, to *effects) error {
	j := u.f.j
	files, err := j.files()
	if err != nil {
		return err
	}
	env := u.f.environment(u.env, u.id, files)
	if err := u.environment(env, to.state); err != nil {
		return err
	}
	if err := j.nodeVersion(ctx, u.action.Runs.Using, u.step.Uses, env); err != nil {
		return err
	}
	script := filepath.Join(u.dir, file)
	if _, err := os.Stat(script); err != nil {
		return fmt.Errorf("the action %s has no file %s: a JavaScript action is committed as it was built", u.step.Uses,
			file)
	}
	return u.f.start(ctx, program{args: []string{"node", script}, dir: j.workspace, env: env}, files, to)
}

// environment adds what an action gets and a script does not: its inputs, its state and where it is.
func (u *use) environment(env map[string]string, state map[string]string) error {
	services, err := u.f.j.d.serveResults()
	if err != nil {
		return err
	}
	services.name(env)
	for _, key := range u.inputs.Keys() {
		v, _ := u.inputs.Get(key)
		env["INPUT_"+upper(strings.ReplaceAll(key, " ", "_"))] = expression.Text(v)
	}
	for key, v := range state {
		env["STATE_"+key] = v
	}
	env["GITHUB_ACTION_PATH"] = u.dir
	env["GITHUB_ACTION_REPOSITORY"], env["GITHUB_ACTION_REF"] = u.of.name, u.of.ref
	return nil
}
