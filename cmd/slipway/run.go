package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner"
	"slipway/internal/runner/executor/choice"
	"slipway/internal/runner/executor/container"
	"slipway/internal/runner/executor/host"
	"slipway/internal/view"
	"slipway/spec/workflow"
)

type runCommand struct {
	Buildspec string `short:"b" help:"Another buildspec than buildspec.yml." placeholder:"FILE"`
	Workflow  string `short:"w" help:"Run this workflow of GitHub Actions instead of a buildspec." placeholder:".github/workflows/ci.yml"`
	Job       string `short:"j" help:"Run this job of the workflow and those that it needs, and not all." placeholder:"ID"`
	Verbose   bool   `short:"v" help:"Show the groups of a workflow's log open."`
	actionOptions
	Image   string            `help:"Run in a container of this image, with Docker or Podman, and not as you." placeholder:"IMAGE"`
	Engine  string            `help:"Container engine for --image: the address of its socket, or auto for the usual one." default:"auto" env:"SLIPWAY_ENGINE" placeholder:"unix:///var/run/docker.sock"`
	Dir     string            `short:"C" help:"Run in this folder." type:"existingdir" default:"."`
	Env     map[string]string `short:"e" help:"Variables that outweigh the buildspec's." placeholder:"NAME=VALUE"`
	Secrets string            `help:"A file of secrets, NAME=VALUE a line: variables that are masked in the output. A secret of the buildspec that is not in it is asked for." placeholder:"FILE" type:"existingfile"`
	Timeout time.Duration     `help:"End the build after this time." default:"1h"`
}

func (c *runCommand) Help() string {
	return "Runs the commands in place, as you, with no server and no sandbox, or in a container that shows the " +
		"folder. Artifacts are counted, not uploaded.\n" +
		"The exit code is 1 if the build fails. A report with failed tests does not fail a build, here as at AWS: " +
		"let the command that runs the tests fail.\n\n" +
		"  slipway run\n" +
		"  slipway run -b buildspec-test.yml -e VERSION=1.2\n" +
		"  slipway run --secrets .secrets\n" +
		"  slipway run --image golang:1.26\n" +
		"  slipway run --workflow .github/workflows/ci.yml --job build"
}

func (c *runCommand) Run(ctx context.Context) error {
	began := time.Now()
	if err := c.check(); err != nil {
		return err
	}
	sources := c.of()
	sources.Fold = !c.Verbose
	secrets, err := readSecrets(c.Secrets)
	if err != nil {
		return err
	}
	of, err := c.executor(ctx)
	if err != nil {
		return err
	}
	result, err := runner.Local(
		ctx,
		runner.LocalConfig{
			Tree:      c.Dir,
			Executor:  of,
			Image:     c.Image,
			Buildspec: cmp.Or(c.Workflow, c.Buildspec),
			Job:       c.Job,
			Actions:   sources,
			Variables: c.Env,
			Secrets:   secrets,
			Secret:    promptSecret(),
			Output:    os.Stdout,
			Timeout:   c.Timeout,
		},
	)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(summary(&result, time.Since(began)))
	if err == nil && result.Status != codebuild.StatusTypeSucceeded {
		return exitError(1)
	}
	return err
}

// check refuses options that have nothing to say.
func (c *runCommand) check() error {
	switch {
	case c.Workflow != "" && c.Buildspec != "":
		return errors.New("give either --workflow or --buildspec")
	case c.Job != "" && c.Workflow == "":
		return errors.New("--job names a job of a workflow: give it with --workflow")
	case c.Workflow != "" && !workflow.IsPath(c.Workflow):
		return fmt.Errorf("%s is no workflow: one lies in .github/workflows and ends with .yml", c.Workflow)
	}
	return nil
}

// executor returns what opens the room of a working tree.
func (c *runCommand) executor(ctx context.Context) (func(tree string) runner.Executor, error) {
	if c.Workflow != "" && c.Image == "" {
		return c.withServices(ctx), nil
	}
	if c.Image == "" {
		return func(tree string) runner.Executor { return host.Tree(tree) }, nil
	}
	config, err := engineConfig(c.Engine)
	if err != nil {
		return nil, err
	}
	engine, err := container.New(ctx, config)
	if err != nil {
		return nil, err
	}
	return func(tree string) runner.Executor { return engine.Tree(tree) }, nil
}

// withServices returns what opens rooms of a working tree, with the container engine for services, if one answers.
func (c *runCommand) withServices(ctx context.Context) func(tree string) runner.Executor {
	both := choice.Executor{NoContainers: "services need a container engine"}
	config, err := engineConfig(c.Engine)
	if err == nil {
		var engine *container.Executor
		if engine, err = container.New(ctx, config); err == nil {
			both.Containers = engine
		}
	}
	if err != nil {
		both.NoContainers += ": " + err.Error()
	}
	return func(tree string) runner.Executor {
		of := both
		of.Host = host.Tree(tree)
		return &of
	}
}

// summary returns the result of a build: phases, tests, artifacts, and the cause of a failure.
func summary(r *slipway.Result, took time.Duration) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("\n%s in %s", r.Status, took.Round(time.Millisecond))
	for _, p := range r.Phases {
		if p.EndTime == nil || p.StartTime == nil {
			continue
		}
		lasted := p.EndTime.Sub(p.StartTime.Time)
		if lasted < time.Millisecond && p.PhaseStatus == codebuild.StatusTypeSucceeded {
			continue // nothing was asked of it
		}
		say("  %-16s %-10s %s", p.PhaseType, p.PhaseStatus, lasted.Round(time.Millisecond))
	}
	for _, report := range r.Reports {
		tests(say, &report)
	}
	for _, a := range r.Artifacts {
		name := "artifact"
		if a.ArtifactIdentifier != nil {
			name += " " + *a.ArtifactIdentifier
		}
		say("  %s: %s", name, *a.Location)
	}
	for _, v := range r.Exported {
		say("  exported %s=%s", *v.Name, *v.Value)
	}
	if c := r.Cause; c != nil {
		why := view.Cause(slipway.Work{Cause: c})
		say("\nwhy: %s", why)
		if advice := view.Advice(c.Finding); advice != "" {
			say("  %s", advice)
		}
		if c.Command != "" && !strings.Contains(why, c.Command) {
			say("  command in %s: %s", c.Phase, c.Command)
		}
		for _, line := range c.Lines {
			say("  %s", *line.Text)
		}
	}
	return b.String()
}

// tests prints how many tests passed, and each test that did not.
func tests(say func(string, ...any), report *slipway.Report) {
	if report.Error != "" {
		say("  report %s: %s", report.Name, report.Error)
		return
	}
	total := int32(0)
	for _, n := range report.Counts {
		total += n
	}
	say("  report %s: %d tests, %d failed", report.Name, total, report.Counts["FAILED"]+report.Counts["ERROR"])
	for _, c := range report.Cases {
		if s := *c.Status; s == "FAILED" || s == "ERROR" {
			message := ""
			if c.Message != nil {
				message = ": " + *c.Message
			}
			say("    failed %s%s", *c.Name, message)
		}
	}
}
