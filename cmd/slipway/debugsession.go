package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// debugSession is a sandbox that a person uses.
type debugSession struct {
	*contract
	conn    *awsproto.Client
	prompt  *terminal.Prompt
	id      string
	kept    bool // it runs on when the session ends
	running atomic.Pointer[string]
	log     *bufio.Reader // from where the session has read it, nil before it began
}

// errSandboxOver says that the log of the sandbox is complete.
var errSandboxOver = errors.New("the sandbox has ended")

// get reads how the sandbox stands.
func (d *debugSession) get(ctx context.Context) (*codebuild.Sandbox, error) {
	out, err := d.builds.BatchGetSandboxes(ctx, &codebuild.BatchGetSandboxesInput{Ids: []string{d.id}})
	if err != nil {
		return nil, err
	}
	if len(out.Sandboxes) == 0 {
		return nil, missing("the sandbox %s is gone", d.id)
	}
	return &out.Sandboxes[0], nil
}

// until waits until a look at the sandbox says that it is enough. It looks again after each change.
func (d *debugSession) until(ctx context.Context, enough func() (bool, error)) error {
	in := &slipway.WaitForChangeInput{Topics: []string{"sandbox/" + d.id}}
	for {
		at, err := d.slipway.WaitForChange(ctx, in)
		if err != nil {
			return err
		}
		if done, err := enough(); done || err != nil {
			return err
		}
		in.Since = at.At
	}
}

// open waits until the sandbox has begun, and opens its log.
func (d *debugSession) open(ctx context.Context) error {
	if d.log != nil {
		return nil
	}
	told := ""
	err := d.until(ctx, func() (bool, error) {
		x, err := d.get(ctx)
		if err != nil {
			return false, err
		}
		if view.SandboxOver(*x.Status) {
			return false, d.over(x)
		}
		if why := view.SandboxTrouble(x); why != told && why != "" {
			told = why
			fmt.Fprintln(os.Stderr, "It waits:", why)
		}
		if kind := view.SandboxKind(*x.Status); kind == view.Queued || *x.Status == "PROVISIONING" {
			return false, nil
		}
		logs := x.CurrentSession.Logs
		d.log = bufio.NewReader(&followedLog{ctx: ctx, conn: d.conn, group: *logs.GroupName, stream: *logs.StreamName})
		return true, nil
	})
	return err
}

// over is the error of a session whose sandbox has ended.
func (d *debugSession) over(x *codebuild.Sandbox) error {
	d.kept = true // there is nothing to stop
	if why := view.SandboxTrouble(x); why != "" {
		return fmt.Errorf("the sandbox %s has ended: %s. Its log: slipway logs %s", view.SandboxWord(*x.Status),
			strings.TrimRight(strings.TrimSpace(why), "."), d.id)
	}
	return refused("the sandbox %s has ended: %s", d.id, view.SandboxWord(*x.Status))
}

// ready waits until the sandbox takes commands.
func (d *debugSession) ready(ctx context.Context) error {
	if err := d.open(ctx); err != nil {
		return err
	}
	return d.until(ctx, func() (bool, error) {
		x, err := d.get(ctx)
		if err == nil && view.SandboxOver(*x.Status) {
			err = d.over(x)
		}
		return err == nil && *x.Status == "RUN_SANDBOX", err
	})
}

// run runs a command, shows what it writes, and returns its exit code.
func (d *debugSession) run(ctx context.Context, text string) (int, error) {
	out, err := d.slipway.StartSessionCommand(ctx, &slipway.StartSessionCommandInput{SandboxId: &d.id, Command: &text})
	if err != nil {
		return 0, err
	}
	d.running.Store(out.Id)
	defer d.running.Store(nil)
	if err := d.open(ctx); err != nil {
		return broken(ctx, err)
	}
	shown := &shownLog{to: os.Stdout, coloured: terminal.IsTerminal(os.Stdout)}
	err = d.show(*out.Id, strings.Count(strings.TrimRight(text, "\n"), "\n"), shown)
	if err = errors.Join(err, shown.end()); err != nil && !errors.Is(err, errSandboxOver) {
		return broken(ctx, err)
	}
	var ended codebuild.CommandExecution
	err = d.until(ctx, func() (bool, error) {
		got, err := d.builds.BatchGetCommandExecutions(ctx, &codebuild.BatchGetCommandExecutionsInput{SandboxId: &d.id,
			CommandExecutionIds: []string{*out.Id}})
		if err != nil || len(got.CommandExecutions) == 0 {
			return false, err
		}
		ended = got.CommandExecutions[0]
		return view.SandboxOver(*ended.Status), nil
	})
	if err != nil {
		return broken(ctx, err)
	}
	return d.exitOf(ctx, &ended)
}

// broken is the end of a session that a signal ended, or an error.
func broken(ctx context.Context, err error) (int, error) {
	if ctx.Err() != nil {
		return exitBroken, nil
	}
	return 0, err
}

// exitOf is the exit code of a command that has ended.
func (d *debugSession) exitOf(ctx context.Context, ended *codebuild.CommandExecution) (int, error) {
	if ended.ExitCode != nil {
		return strconv.Atoi(*ended.ExitCode)
	}
	x, err := d.get(ctx)
	if err != nil {
		return 0, err
	}
	if view.SandboxOver(*x.Status) {
		return 0, d.over(x)
	}
	return exitBroken, nil // it was interrupted
}

// stamp is how long the time is that stands in the runner's lines.
const stamp = len("2006/01/02 15:04:05.000000 ")

// runnerLine returns what the runner says in a line of its own.
func runnerLine(line string) (said string, ok bool) {
	rest, ok := strings.CutPrefix(line, "[Container] ")
	if !ok || len(rest) < stamp {
		return "", false
	}
	return strings.TrimSuffix(rest[stamp:], "\n"), true
}

// show prints what a command writes: what stands in the log between the two lines that have its ID, which the command
// does not know. more is how many lines of its text follow the first one.
func (d *debugSession) show(id string, more int, to io.Writer) error {
	begun := false
	for {
		line, err := d.log.ReadString('\n')
		said, runners := runnerLine(line)
		switch {
		case runners && strings.HasPrefix(said, "Command "+id+": "):
			begun = true
			for range more {
				if _, err := d.log.ReadString('\n'); err != nil {
					return err
				}
			}
		case !begun:
		case runners && strings.HasPrefix(said, "Command "+id+" ended"):
			return nil
		default:
			if _, err := io.WriteString(to, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return errSandboxOver
		}
		if err != nil {
			return err
		}
	}
}

// followedLog reads a log as it grows, until it is complete.
type followedLog struct {
	ctx           context.Context //nolint:containedctx // of the session, whose reader this is
	conn          *awsproto.Client
	group, stream string
	offset        int64
	body          io.ReadCloser
	complete      func() bool
}

// Read implements io.Reader.
func (l *followedLog) Read(p []byte) (int, error) {
	for {
		if l.body == nil {
			if err := l.connect(); err != nil {
				return 0, err
			}
		}
		n, err := l.body.Read(p)
		l.offset += int64(n)
		if n > 0 || err == nil {
			return n, nil
		}
		_ = l.body.Close()
		l.body = nil
		switch {
		case l.ctx.Err() != nil:
			return 0, l.ctx.Err()
		case l.complete():
			return 0, io.EOF
		}
	}
}

func (l *followedLog) connect() error {
	q := url.Values{"group": {l.group}, "stream": {l.stream}, "follow": {"true"},
		"offset": {strconv.FormatInt(l.offset, 10)}}
	answer, err := l.conn.Get(l.ctx, slipway.Info(), slipway.LogPath, q) //nolint:bodyclose // Read closes it
	if err != nil {
		return err
	}
	l.body = answer.Body
	l.complete = func() bool { return answer.Trailer.Get(slipway.LogComplete) == "true" }
	return nil
}
