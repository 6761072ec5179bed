package actions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// Limits of GitHub's: a job without timeout-minutes, and the steps that still run after a job was cancelled.
const (
	jobTimeout  = 360 * time.Minute
	afterCancel = 5 * time.Minute
)

// minute is what time-outs count in; tests have shorter ones.
var minute = time.Minute

var errJobTimeout = errors.New("the job has reached its timeout-minutes")

// job is a job that runs.
type job struct {
	flow      *flow
	d         *driver
	def       *workflow.Job
	name      string
	before    contexts // what it had before it ran
	workspace string
	temp      string

	env       *variables        // of the workflow, the job and GITHUB_ENV
	left      *variables        // what GITHUB_ENV set
	path      []string          // what GITHUB_PATH put before PATH
	defaults  map[string]string // shell and working-directory
	services  *expression.Object
	serving   []besideJob       // its services
	hosts     map[string]string // the addresses of its services by their names
	container *expression.Object
	inside    *companion // the container in which its steps run, nil for the build's own place
	failed    bool
	cancelled bool
	stop      context.Context // ends when the job is cancelled
	posts     []post
	pre       map[*workflow.Step]map[string]string // what the pre of actions left, by their steps
	root      *frame
}

// post is what an action does at the end of the job.
type post struct {
	frame *frame
	name  string
	when  string // its post-if
	do    func(ctx context.Context) error
}

// place makes the job's own folders.
func (j *job) place() error {
	j.workspace = j.d.plan.Source
	if !j.d.plan.InPlace {
		_, name, _ := strings.Cut(j.d.plan.Repository, "/")
		j.workspace = filepath.Join(j.d.plan.Work, fmt.Sprintf("job%d", j.d.next()), name, name)
	}
	return os.MkdirAll(j.workspace, 0o755)
}

// begin evaluates what the job has before its steps.
func (j *job) begin(ctx context.Context) error {
	j.env, j.left = newVariables(), newVariables()
	j.temp = filepath.Join(j.d.plan.Work, fmt.Sprintf("temp%d", j.d.next()))
	if err := os.MkdirAll(j.temp, 0o755); err != nil {
		return err
	}
	if j.before == nil {
		j.before = j.flow.contexts(j.def)
	}
	if err := evaluateEnv(j.env, j.flow.def.Env, j.before.only(inWorkflowEnv...)); err != nil {
		return fmt.Errorf("env of the workflow: %w", err)
	}
	c := maps.Clone(j.before)
	c["env"] = j.env.object()
	if err := evaluateEnv(j.env, j.def.Env, c.only(inJobEnv...)); err != nil {
		return fmt.Errorf("env: %w", err)
	}
	c["env"] = j.env.object()
	j.defaults = map[string]string{}
	for _, of := range []workflow.Node{j.flow.def.Defaults, j.def.Defaults} {
		for _, m := range of.Members {
			v, err := evaluateText(m.Value, c.only(inDefaults...))
			if err != nil {
				return fmt.Errorf("defaults.run.%s: %w", m.Key, err)
			}
			j.defaults[m.Key] = v
		}
	}
	return j.beside(ctx, c)
}

// run runs the job's steps.
func (j *job) run(ctx context.Context) *outcome {
	o := &outcome{result: success, outputs: map[string]string{}}
	allowed, err := j.allowed()
	if err == nil {
		err = j.ready()
	}
	defer j.clear()
	if err == nil {
		err = j.begin(ctx)
	}
	if err != nil {
		return j.flow.broken(j.name, err)
	}
	limit, err := j.timeout()
	if err != nil {
		return j.flow.broken(j.name, err)
	}
	stop, cancel := context.WithTimeoutCause(ctx, limit, errJobTimeout)
	defer cancel()
	j.stop = stop
	j.root = &frame{j: j, steps: expression.NewObject(), scope: "__"}
	j.prepare(ctx)
	for i := range j.def.Steps {
		if ctx.Err() != nil {
			break
		}
		j.look()
		if j.root.step(j.within(ctx), &j.def.Steps[i], "__") {
			j.failed = true
		}
	}
	j.finish(ctx)
	j.d.console.begin()
	j.blame(j.dismiss())
	switch {
	case j.cancelled:
		o.result = cancelled
	case j.failed:
		o.result = failure
	}
	if err := j.outputs(o); err != nil {
		j.d.fail(j.name, "", err)
		o.result = failure
	}
	return j.settle(o, allowed)
}

// blame says which services ended while the job ran: if it failed, that may be why.
func (j *job) blame(ended []string) {
	if r := &j.d.result; j.failed && r.Job == j.name {
		r.Ended = ended
	}
}

// settle lets a job that may fail count as one that did not.
func (j *job) settle(o *outcome, allowed bool) *outcome {
	if o.result == success {
		return o
	}
	if allowed {
		j.d.console.printf("The job %s failed, which continue-on-error allows", j.name)
		j.d.result = Result{}
		o.result = success
		return o
	}
	if j.cancelled {
		j.d.fail(j.name, "", errJobTimeout)
	}
	return o
}

// allowed evaluates continue-on-error.
func (j *job) allowed() (bool, error) {
	if !j.def.ContinueOnError.Has() || j.d.result.Failed {
		return false, nil
	}
	v, err := evaluate(j.def.ContinueOnError, j.before.only(inJob...))
	return expression.Truth(v), err
}

func (j *job) timeout() (time.Duration, error) {
	if !j.def.Timeout.Has() {
		return jobTimeout, nil
	}
	v, err := evaluate(j.def.Timeout, j.before.only(inJob...))
	if err != nil {
		return 0, fmt.Errorf("timeout-minutes: %w", err)
	}
	n := expression.Number(v)
	if n <= 0 || n != n {
		return 0, fmt.Errorf("timeout-minutes must be a number above 0, not %q", expression.Text(v))
	}
	return time.Duration(n * float64(minute)), nil
}

// look notes that the job has been cancelled.
func (j *job) look() {
	if j.stop != nil && j.stop.Err() != nil {
		j.cancelled = true
	}
}

// within bounds what still runs after the job was cancelled.
func (j *job) within(ctx context.Context) context.Context {
	if !j.cancelled {
		return ctx
	}
	ctx, cancel := context.WithTimeout(ctx, afterCancel)
	context.AfterFunc(ctx, cancel)
	return ctx
}

// finish runs the posts of actions, the last one first.
func (j *job) finish(ctx context.Context) {
	for i := len(j.posts) - 1; i >= 0 && ctx.Err() == nil; i-- {
		p := j.posts[i]
		j.look()
		s := p.frame.condition(nil)
		ok, err := expression.Condition(p.when, s)
		if err == nil && !ok {
			continue
		}
		j.d.console.begin()
		j.d.console.printf("▶ Post %s", p.name)
		if err == nil {
			err = p.do(j.within(ctx))
		}
		if err != nil {
			j.failed = true
			j.d.console.unfold()
			j.d.console.printf("✗ Post %s: %v", p.name, err)
			j.d.fail(j.name, "Post "+p.name, err)
		}
	}
}

// outputs evaluates the outputs of the job. One that has a secret in it is left out.
func (j *job) outputs(o *outcome) error {
	s := j.root.contexts(nil).only(inOutputs...)
	for _, m := range j.def.Outputs.Members {
		v, err := evaluateText(m.Value, s)
		if err != nil {
			return fmt.Errorf("the output %s: %w", m.Key, err)
		}
		if j.d.console.hidden(v) != v {
			j.d.console.annotate(Annotation{Level: "warning",
				Message: "The output " + m.Key + " is left out: it may have a secret in it"})
			continue
		}
		o.outputs[m.Key] = v
	}
	return nil
}

// clear removes what only this job needed.
func (j *job) clear() {
	j.dismiss()
	if j.inside != nil {
		j.inside.close()
		_ = j.d.regain(context.Background())
	}
	if j.temp != "" {
		_ = os.RemoveAll(j.temp)
	}
	if !j.d.plan.InPlace && j.d.plan.Workflow != nil {
		_ = os.RemoveAll(filepath.Dir(filepath.Dir(j.workspace)))
	}
}

// context is the context job.
func (j *job) context() *expression.Object {
	status := success
	switch {
	case j.cancelled:
		status = cancelled
	case j.failed:
		status = failure
	}
	return expression.NewObject().Set("status", status).Set("container", j.container).Set("services", j.services)
}
