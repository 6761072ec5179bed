package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type debugCommand struct {
	client
	Of      string            `arg:"" help:"A project; a build (PROJECT:UUID), whose commit, image and variables the sandbox gets; a sandbox, to go on in it; or a build that runs with a debug session, to look into it." name:"project|build|sandbox"`
	Command []string          `arg:"" optional:"" help:"Run this command, after --, and exit with its exit code."`
	Branch  string            `help:"Of this branch or tag." placeholder:"NAME" xor:"version"`
	Commit  string            `help:"Of this commit." placeholder:"ID" xor:"version"`
	Image   string            `help:"In a container of this image; host is the runner's own machine." placeholder:"IMAGE"`
	Env     map[string]string `help:"Set a variable; repeat it for more." placeholder:"NAME=VALUE" mapsep:"none"`
	Timeout int32             `help:"End the sandbox after so many minutes. Without it the project says when." placeholder:"MINUTES"`
	Keep    bool              `help:"Leave the sandbox running. slipway debug SANDBOX goes on in it, slipway stop SANDBOX ends it."`
}

func (*debugCommand) Help() string {
	return `Starts a sandbox: the environment of a project's builds, with its source, its variables and secrets and its role,
but without running the buildspec. Where you type, a shell opens on a terminal in it, with the size of your window:
editors, job control and Ctrl-C work. Ctrl-D or exit leaves, and stops the sandbox; Enter ~ . closes a terminal that
does not answer. Secrets are masked in what is shown, as in logs. Lines can come from a file or a pipe, too: they run
one after another without standard input, and keep the folder and exported variables; then the exit code is the last
line's.

Of a build that runs and was started with a debug session no sandbox is started: the terminal opens in the build itself.
There codebuild-resume lets a build go on that codebuild-breakpoint has paused.

  slipway debug web
  slipway debug web --branch topic --env LOG_LEVEL=debug
  slipway debug web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11
  slipway debug web --keep -- go test ./...`
}

func (c *debugCommand) Run(ctx context.Context) error {
	conn, err := c.open()
	if err != nil {
		return err
	}
	// A signal ends a command, or the session in order.
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	d := &debugSession{contract: newContract(conn), conn: conn, prompt: terminal.NewPrompt(os.Stdin, os.Stdout, "> ")}
	if attached, code, err := c.look(ctx, d); attached || err != nil {
		return exitWith(code, err)
	}
	if err := c.start(ctx, d); err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go d.obey(ctx, signals, end)
	code, err := c.use(ctx, d)
	if !d.kept {
		err = errors.Join(err, d.stop())
	}
	return exitWith(code, err)
}

// exitWith is the end of a command with an exit code, or with an error.
func exitWith(code int, err error) error {
	if err == nil && code != 0 {
		return exitError(code)
	}
	return err
}

// use runs what there is to run, and returns the exit code.
func (c *debugCommand) use(ctx context.Context, d *debugSession) (int, error) {
	if len(c.Command) > 0 {
		return d.run(ctx, strings.Join(c.Command, " "))
	}
	fmt.Fprintf(os.Stderr, "The sandbox %s is being prepared.\n", d.id)
	if err := d.ready(ctx); err != nil {
		return 0, err
	}
	if d.prompt.Typed() {
		fmt.Fprintln(os.Stderr, "It is ready. Ctrl-D or exit leaves; Enter ~ . closes a terminal that hangs.")
		return d.terminal(ctx)
	}
	return d.lines(ctx)
}

// start starts a sandbox, or finds the one that was named.
func (c *debugCommand) start(ctx context.Context, d *debugSession) error {
	in := &slipway.StartProjectSandboxInput{IdempotencyToken: new(uuid.NewString())}
	n, err := recognise(c.Of)
	switch {
	case err != nil:
		return err
	case n.build != "":
		found, err := d.builds.BatchGetSandboxes(ctx, &codebuild.BatchGetSandboxesInput{Ids: []string{n.build}})
		if err != nil {
			return err
		}
		if len(found.Sandboxes) > 0 {
			return c.attach(d, &found.Sandboxes[0])
		}
		in.BuildId = &n.build
	case n.pipeline == "" || n.stage != "":
		return usage("%q is no project, build or sandbox: slipway projects, slipway builds and slipway sandboxes "+
			"list them", c.Of)
	default:
		in.ProjectName = &n.pipeline
	}
	if v := c.Branch + c.Commit; v != "" {
		in.SourceVersion = &v
	}
	if c.Image != "" {
		in.Image = &c.Image
	}
	if c.Timeout != 0 {
		in.TimeoutInMinutes = &c.Timeout
	}
	for name, value := range c.Env {
		in.EnvironmentVariables = append(in.EnvironmentVariables, slipway.SandboxVariable{Name: &name, Value: &value})
	}
	slices.SortFunc(in.EnvironmentVariables, func(a, b slipway.SandboxVariable) int {
		return strings.Compare(*a.Name, *b.Name)
	})
	out, err := d.slipway.StartProjectSandbox(ctx, in)
	if err != nil {
		return err
	}
	d.id, d.kept = *out.Id, c.Keep
	return nil
}

// attach goes on in a sandbox that runs already, which stays.
func (c *debugCommand) attach(d *debugSession, x *codebuild.Sandbox) error {
	if c.Branch+c.Commit+c.Image != "" || len(c.Env) > 0 || c.Timeout != 0 {
		return usage("the sandbox %s runs already: --branch, --commit, --image, --env and --timeout are of a new one",
			*x.Id)
	}
	d.id, d.kept = *x.Id, true
	return nil
}

// obey ends a command, or else the session, by signals.
func (d *debugSession) obey(ctx context.Context, signals <-chan os.Signal, end context.CancelFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			id := d.running.Swap(nil)
			if s != syscall.SIGINT || id == nil {
				end()
				return
			}
			fmt.Fprintln(os.Stderr, "The command is being ended. Ctrl-C once more leaves.")
			in := &slipway.StopCommandExecutionInput{SandboxId: &d.id, Id: id}
			if _, err := d.slipway.StopCommandExecution(ctx, in); err != nil {
				fmt.Fprintln(os.Stderr, "slipway:", plain(err))
			}
		}
	}
}

// lines runs the lines of a file or a pipe until there are no more. The exit code is that of the last one.
func (d *debugSession) lines(ctx context.Context) (last int, err error) {
	type read struct {
		text string
		err  error
	}
	for {
		next := make(chan read, 1)
		go func() {
			text, err := d.prompt.Line()
			next <- read{text, err}
		}()
		var line read
		select {
		case line = <-next:
		case <-ctx.Done():
			return exitBroken, nil
		}
		if errors.Is(line.err, io.EOF) || line.err == nil && strings.TrimSpace(line.text) == "exit" {
			return last, nil
		}
		if line.err != nil {
			return last, line.err
		}
		if strings.TrimSpace(line.text) == "" {
			continue
		}
		if last, err = d.run(ctx, line.text); err != nil {
			return last, err
		}
	}
}

// stopLimit is how long the end of a sandbox is waited for.
const stopLimit = 15 * time.Second

// stop stops the sandbox.
func (d *debugSession) stop() error {
	ctx, end := context.WithTimeout(context.Background(), stopLimit)
	defer end()
	_, err := d.builds.StopSandbox(ctx, &codebuild.StopSandboxInput{Id: &d.id})
	if err != nil {
		return fmt.Errorf("the sandbox %s may still run: %s; stop it with: slipway stop %s",
			d.id, awsproto.Message(err), d.id)
	}
	return nil
}
