package actions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

var (
	errStepTimeout = errors.New("the step has reached its timeout-minutes")
	errCancelled   = errors.New("the job was cancelled")
)

// step runs a step and tells whether it fails the list that it is in.
func (f *frame) step(ctx context.Context, s *workflow.Step, scope string) (failed bool) {
	j := f.j
	console := j.d.console
	console.begin()
	to := &effects{outputs: expression.NewObject(), state: map[string]string{}}
	env := f.variables()
	err := evaluateEnv(env, s.Env, f.values(nil))
	if err != nil {
		err = fmt.Errorf("env: %w", err)
	}
	runs := false
	if err == nil {
		if runs, err = expression.Condition(s.If.Text, f.condition(env)); err != nil {
			err = fmt.Errorf("if: %w", err)
		}
	}
	name, bad := f.title(s, env)
	if err == nil && runs {
		err = bad
	}
	if err == nil && !runs {
		f.set(s.ID, to.outputs, skipped, skipped)
		console.printf("○ %s (skipped)", name)
		return false
	}
	console.printf("▶ %s", name)
	began := time.Now()
	if err == nil {
		err = f.timed(ctx, s, env, scope, to)
	}
	if err == nil {
		console.shut()
		f.set(s.ID, to.outputs, success, success)
		return false
	}
	console.unfold()
	console.printf("✗ %s: %v (%s)", name, err, time.Since(began).Round(time.Millisecond))
	goesOn, bad := f.goesOn(s, env)
	if bad == nil && goesOn {
		f.set(s.ID, to.outputs, failure, success)
		console.line("  continue-on-error: the job goes on")
		return false
	}
	result := failure
	if errors.Is(err, errCancelled) {
		result = cancelled
	}
	f.set(s.ID, to.outputs, result, result)
	if f.parent == nil {
		j.d.fail(j.name, name, errors.Join(err, bad))
	}
	return true
}

// goesOn evaluates continue-on-error.
func (f *frame) goesOn(s *workflow.Step, env *variables) (bool, error) {
	v, err := evaluate(s.ContinueOnError, f.values(env))
	if err != nil {
		return false, fmt.Errorf("continue-on-error: %w", err)
	}
	return expression.Truth(v), nil
}

// title is what a step is called.
func (f *frame) title(s *workflow.Step, env *variables) (string, error) {
	if s.Name.Has() {
		name, err := evaluateText(s.Name, f.values(env))
		if err != nil {
			return s.Name.Text, fmt.Errorf("name: %w", err)
		}
		return name, nil
	}
	if s.Uses != "" {
		return "Run " + s.Uses, nil
	}
	first, _, _ := strings.Cut(strings.TrimSpace(s.Run.Text), "\n")
	return "Run " + strings.TrimSpace(first), nil
}

// timed runs a step within its time, and until the job is cancelled, unless its if still holds then.
func (f *frame) timed(ctx context.Context, s *workflow.Step, env *variables, scope string, to *effects) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if s.Timeout.Has() {
		v, err := evaluate(s.Timeout, f.values(env))
		n := expression.Number(v)
		if err == nil && !(n > 0) {
			err = fmt.Errorf("%q is no number above 0", expression.Text(v))
		}
		if err != nil {
			return fmt.Errorf("timeout-minutes: %w", err)
		}
		var end context.CancelFunc
		ctx, end = context.WithTimeoutCause(ctx, time.Duration(n*float64(minute)), errStepTimeout)
		defer end()
	}
	if f.parent == nil && !f.j.cancelled {
		defer context.AfterFunc(f.j.stop, func() {
			c := f.condition(env)
			c.Status = func(function string) bool { return function == "cancelled" || function == "always" }
			if ok, err := expression.Condition(s.If.Text, c); err != nil || !ok {
				cancel(errCancelled)
			}
		})()
	}
	id := s.ID
	if id == "" {
		id = fmt.Sprintf("%s%d", scope, f.j.d.next())
		if s.Run.Has() {
			id = fmt.Sprintf("%srun_%d", scope, f.j.d.next())
		}
	}
	if s.Run.Has() {
		return f.script(ctx, s, env, id, to)
	}
	return f.use(ctx, s, env, id, to)
}

// script runs the script of a step.
func (f *frame) script(ctx context.Context, s *workflow.Step, env *variables, id string, to *effects) error {
	j := f.j
	values := f.values(env)
	text, err := evaluateText(s.Run, values)
	if err != nil {
		return fmt.Errorf("run: %w", err)
	}
	given := func(n workflow.Node, key string) (string, error) {
		if !n.Has() && f.parent == nil {
			return j.defaults[key], nil
		}
		v, err := evaluateText(n, values)
		if err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
		return v, nil
	}
	shell, err := given(s.Shell, "shell")
	if err != nil {
		return err
	}
	dir, err := given(s.WorkingDirectory, "working-directory")
	if err != nil {
		return err
	}
	dir = inside(j.workspace, dir)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("the working-directory %s is not there", dir)
	}
	files, err := j.files()
	if err != nil {
		return err
	}
	all := f.environment(env, id, files)
	args, err := script(shell, text, j.temp, all["PATH"], j.container != nil)
	if err != nil {
		return err
	}
	return f.start(ctx, program{args: args, dir: dir, env: all}, files, to)
}

// start runs a program of a step, and takes what it told the runner.
func (f *frame) start(ctx context.Context, p program, files *files, to *effects) error {
	return f.output(ctx, p, f.j.execute, files, to)
}

// output runs a program by run, and takes what it told the runner.
func (f *frame) output(ctx context.Context, p program, run func(context.Context, program, func(string)) error,
	files *files, to *effects) error {
	o := &stepOutput{f: f, to: to, env: p.env}
	err := run(ctx, p, o.line)
	f.j.d.console.shut()
	bad := files.collect(f.j, to)
	if err == nil {
		err = o.err
	}
	if err == nil {
		err = bad
	}
	return err
}
