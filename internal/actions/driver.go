package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
	"slipway/spec/workflow"
)

// driver carries out a plan.
type driver struct {
	plan     Plan
	console  *console
	base     map[string]string // what every step's environment begins with
	github   *expression.Object
	vars     *expression.Object
	tools    string // RUNNER_TOOL_CACHE
	debug    bool
	known    map[string]*workflow.Action // by folder
	matchers matchers
	result   Result
	serial   int      // of files and steps without an ID
	services *results // nil until an action may need them
}

// Main reads a plan from a file, which it removes, carries it out, and writes the result. What the steps write goes to
// out. The error says that the plan could not be carried out; that a step failed is in the result.
func Main(ctx context.Context, planFile string, out io.Writer) (failed bool, err error) {
	text, err := os.ReadFile(planFile)
	if err != nil {
		return true, err
	}
	if err := os.Remove(planFile); err != nil { // it has secrets
		return true, err
	}
	var plan Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return true, fmt.Errorf("the plan cannot be read: %w", err)
	}
	result := Run(ctx, plan, out)
	text, err = json.Marshal(result)
	if err == nil {
		err = os.WriteFile(plan.Result, text, 0o600)
	}
	return result.Failed, err
}

// Run carries out a plan.
func Run(ctx context.Context, plan Plan, out io.Writer) Result {
	d := &driver{
		plan:    plan,
		console: &console{w: out, fold: plan.Fold},
		base:    processEnvironment(plan.Hidden),
		vars:    textObject(plan.Vars),
		known:   map[string]*workflow.Action{},
	}
	d.debug = d.base["ACTIONS_STEP_DEBUG"] == "true" || plan.Secrets["ACTIONS_STEP_DEBUG"] == "true"
	for _, v := range plan.Secrets {
		d.console.hide(v)
	}
	if err := d.prepare(); err == nil {
		err = d.run(ctx)
		if err != nil {
			d.fail("", "", err)
		}
	} else {
		d.fail("", "", err)
	}
	d.console.shut()
	d.settleArtifacts()
	d.services.close()
	d.result.Annotations = append(d.result.Annotations, d.console.annotations...)
	d.result.Message = d.console.hidden(d.result.Message)
	return d.result
}

// fail notes the first failure.
func (d *driver) fail(job, step string, err error) {
	if !d.result.Failed {
		d.result.Failed, d.result.Job, d.result.Step, d.result.Message = true, job, step, err.Error()
		if code, ok := errors.AsType[exitError](err); ok {
			d.result.ExitCode = int(code)
		}
	}
	if step == "" {
		d.console.shut()
		message := err.Error()
		if job != "" {
			message = "the job " + job + ": " + message
		}
		d.console.line("error: " + message)
	}
}

func (d *driver) prepare() error {
	d.tools = d.base["RUNNER_TOOL_CACHE"]
	if d.tools == "" {
		d.tools = filepath.Join(d.plan.Work, "tools")
	}
	for _, dir := range []string{d.plan.Work, d.tools} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	github, err := expression.FromJSON(string(d.plan.GitHub))
	if err != nil {
		return fmt.Errorf("the context github: %w", err)
	}
	event, err := expression.FromJSON(string(d.plan.Event))
	if err != nil {
		return fmt.Errorf("the event: %w", err)
	}
	var ok bool
	if d.github, ok = github.(*expression.Object); !ok {
		return errors.New("the context github is no object")
	}
	file := filepath.Join(d.plan.Work, "event.json")
	d.github.Set("event", event).Set("event_path", file)
	return os.WriteFile(file, d.plan.Event, 0o644)
}

// run runs the workflow or the steps of the plan.
func (d *driver) run(ctx context.Context) error {
	if d.plan.Workflow == nil {
		return d.phase(ctx)
	}
	def, err := workflow.Parse(d.plan.File, d.plan.Workflow)
	if err != nil {
		return err
	}
	for _, i := range def.Ignored {
		d.console.line("NOTE: " + i.Error())
	}
	f := &flow{d: d, def: def, secrets: d.plan.Secrets, results: map[string]*outcome{}}
	if f.inputs, err = f.given(def.Inputs, textObject(d.plan.Inputs), "the workflow"); err != nil {
		return err
	}
	if d.plan.Job != "" && def.Job(d.plan.Job) == nil {
		var all []string
		for _, j := range def.Jobs {
			all = append(all, j.ID)
		}
		return fmt.Errorf("%s has no job %q; it has %s", d.plan.File, d.plan.Job, strings.Join(all, ", "))
	}
	f.run(ctx, d.plan.Job)
	last := d.plan.Job
	if last == "" && len(def.Jobs) == 1 {
		last = def.Jobs[0].ID
	}
	if o := f.results[last]; o != nil {
		d.result.Outputs = o.outputs
	}
	return nil
}

// phase runs the steps of a phase of a buildspec, as those of a job that has nothing else.
func (d *driver) phase(ctx context.Context) error {
	f := &flow{d: d, def: &workflow.Workflow{File: d.plan.File, Name: d.plan.File}, secrets: d.plan.Secrets}
	f.inputs = textObject(d.plan.Inputs)
	def := &workflow.Job{ID: "build", Steps: d.plan.Steps}
	j := &job{flow: f, d: d, def: def, name: def.ID, workspace: d.plan.Source}
	j.run(ctx)
	d.result.Environment = j.left.values
	d.result.Path = j.path
	return nil
}

// next numbers files and steps.
func (d *driver) next() int {
	d.serial++
	return d.serial
}
