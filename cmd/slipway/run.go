package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/runner"
	"slipway/internal/runner/executor/choice"
	"slipway/internal/runner/executor/container"
	"slipway/internal/runner/executor/host"
	"slipway/spec/workflow"
)

type runCommand struct {
	Buildspec string `short:"b" help:"Another buildspec than buildspec.yml." placeholder:"FILE"`
	Workflow  string `short:"w" help:"Run this workflow of GitHub Actions instead of a buildspec." placeholder:".github/workflows/ci.yml"`
	Job       string `short:"j" help:"Run this job of the workflow and those that it needs, and not all." placeholder:"ID"`
	Verbose   bool   `short:"v" help:"Show the groups of a workflow's log open."`
	actionOptions
	client
	Project string            `help:"Compare with this project of the server, and read its cache." placeholder:"NAME"`
	Image   string            `help:"Run in a container of this image, with Docker or Podman, and not as you." placeholder:"IMAGE"`
	Engine  string            `help:"Container engine for --image: the address of its socket, or auto for the usual one." default:"auto" env:"SLIPWAY_ENGINE" placeholder:"unix:///var/run/docker.sock"`
	Dir     string            `short:"C" help:"Run in this folder." type:"existingdir" default:"."`
	Env     map[string]string `short:"e" help:"Variables that outweigh the buildspec's." placeholder:"NAME=VALUE"`
	Secrets string            `help:"A file of secrets, NAME=VALUE a line: variables that are masked in the output. A secret of the buildspec that is not in it is asked for." placeholder:"FILE" type:"existingfile"`
	Timeout time.Duration     `help:"End the build after this time." default:"1h"`

	Phase      []string `help:"Run these phases alone: install, pre_build, build, post_build." placeholder:"NAME"`
	Watch      bool     `help:"Run again whenever a file of the source changes, until Ctrl-C."`
	Batch      bool     `help:"Run the builds of the buildspec's batch, each in a copy of the folder."`
	Parallel   int      `help:"Builds of a batch at the same time; as many as there are processors without it." placeholder:"N"`
	FromFailed bool     `help:"Go on with the command that failed in the last run here, in the shell as it was before it."`
}

func (c *runCommand) Help() string {
	return "Runs the commands in place, as you, with no server and no sandbox, or in a container that shows the " +
		"folder. Artifacts are listed, not uploaded.\n" +
		"The exit code is 1 if the build fails. A report with failed tests does not fail a build, here as at AWS: " +
		"let the command that runs the tests fail.\n\n" +
		"  slipway run\n" +
		"  slipway run -b buildspec-test.yml -e VERSION=1.2\n" +
		"  slipway run --phase install,build\n" +
		"  slipway run --from-failed\n" +
		"  slipway run --watch\n" +
		"  slipway run --batch\n" +
		"  slipway run --secrets .secrets\n" +
		"  slipway run --project web-build\n" +
		"  slipway run --image golang:1.26\n" +
		"  slipway run --workflow .github/workflows/ci.yml --job build"
}

func (c *runCommand) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	config, err := c.config(ctx)
	if err != nil {
		return err
	}
	var opened *runner.LocalCaches
	config.Caches = sync.OnceValues(func() (*runner.LocalCaches, error) {
		var err error
		opened, err = runner.OpenLocalCaches()
		return opened, err
	})
	defer func() { _ = opened.Close() }()
	if c.Project != "" {
		if config.Project, err = c.project(ctx); err != nil {
			return err
		}
	}
	switch {
	case c.Batch:
		return c.batch(ctx, config)
	case c.Watch:
		return c.watch(ctx, config)
	}
	return c.once(ctx, config)
}

// config is what a build is run with.
func (c *runCommand) config(ctx context.Context) (runner.LocalConfig, error) {
	sources := c.of()
	sources.Fold = !c.Verbose
	secrets, err := readSecrets(c.Secrets)
	if err != nil {
		return runner.LocalConfig{}, err
	}
	of, err := c.executor(ctx)
	return runner.LocalConfig{
		Tree:       c.Dir,
		Executor:   of,
		Image:      c.Image,
		Buildspec:  cmp.Or(c.Workflow, c.Buildspec),
		Job:        c.Job,
		Actions:    sources,
		Variables:  c.Env,
		Secrets:    secrets,
		Secret:     promptSecret(ctx),
		Output:     os.Stdout,
		Timeout:    c.Timeout,
		Phases:     c.Phase,
		FromFailed: c.FromFailed,
	}, err
}

// once runs the build and says how it ended.
func (c *runCommand) once(ctx context.Context, config runner.LocalConfig) error {
	began := time.Now()
	result, err := runner.Local(ctx, config)
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(summary(&result, time.Since(began)))
	if err == nil && result.Status != codebuild.StatusTypeSucceeded {
		return exitError(1)
	}
	return err
}

// phases are those that have commands.
var phases = []string{"install", "pre_build", "build", "post_build"}

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
	return c.checkParts()
}

// checkParts refuses parts of a build that there are not.
func (c *runCommand) checkParts() error {
	switch {
	case c.Workflow != "" && (c.FromFailed || len(c.Phase) > 0):
		return errors.New("a workflow has no phases: --phase and --from-failed are for buildspecs")
	case c.FromFailed && len(c.Phase) > 0:
		return errors.New("give either --from-failed or --phase")
	case c.FromFailed && c.Image != "":
		return errors.New("--from-failed needs what the last run has left, and a container is gone with its run: " +
			"give it without --image")
	}
	return c.checkModes()
}

// checkModes refuses ways to run that do not go together.
func (c *runCommand) checkModes() error {
	switch {
	case c.Batch && (c.Watch || c.FromFailed || c.Workflow != ""):
		return errors.New("--batch goes neither with --watch nor with --from-failed or --workflow")
	case c.Watch && c.FromFailed:
		return errors.New("give either --watch or --from-failed")
	case c.Parallel != 0 && !c.Batch:
		return errors.New("--parallel is for the builds of a batch: give it with --batch")
	case c.Parallel < 0:
		return errors.New("--parallel is a number from 1 on")
	}
	for _, name := range c.Phase {
		if !slices.Contains(phases, name) {
			return fmt.Errorf("there is no phase %q: --phase takes %s", name, strings.Join(phases, ", "))
		}
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
