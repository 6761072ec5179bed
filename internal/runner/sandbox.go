package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
)

// phaseSandbox is the phase in which a sandbox waits for commands, by CodeBuild's name.
const phaseSandbox codebuild.BuildPhaseType = "RUN_SANDBOX"

// errInterrupted is the cause of a context that ended because somebody asked for the end of a command.
var errInterrupted = errors.New("the command was interrupted")

// nounOf is what messages call an order.
func nounOf(o slipway.Order) string {
	if o.Sandbox {
		return "sandbox"
	}
	return "build"
}

// commandSource is where a sandbox gets its commands from.
type commandSource interface {
	// next waits for the command after one that it returned before, from 0. One without an ID says that none has come
	// so far, and an error that none will come.
	next(ctx context.Context, after int64) (command, error)
	// interrupted waits until somebody asks for the end of a command, or ctx ends. It reports which.
	interrupted(ctx context.Context, id string, serial int64) bool
	// report hands over how a command ended. It returns when that is known, or not wanted, or ctx ends.
	report(ctx context.Context, id string, r slipway.CommandResult)
}

// command is a command of a sandbox.
type command struct {
	id     string
	serial int64
	text   string
	// session says that it begins where the session's command before it ended, with its exported variables.
	session bool
}

// toleratesSpec tells whether the build goes on without a buildspec that can be used: somebody may start a sandbox to
// find out what is wrong with it.
func (b *build) toleratesSpec(err error) bool {
	if !b.order.Sandbox {
		return false
	}
	b.log.say("WARNING: the sandbox does without the buildspec: %v", err)
	if b.spec == nil {
		b.spec = &buildspec.Spec{Version: "0.2"}
	}
	return true
}

// The names of the FIFOs to which the commands of a sandbox write, and of the file that has the present command, in the
// folder of tools.
const (
	commandOutput = "command-output"
	commandErrors = "command-errors"
	commandFile   = "command.sh"
	sessionFolder = "session"
)

// kept is what a sandbox needs to run commands.
type kept struct {
	out, err           *output
	outTail, errTail   *strand
	outInside, errors  string // the FIFOs, as the room shows them
	script, scriptFile string // the command, as the room shows it, and on this machine
	state              string // the folder and variables of the session, as the room shows it
}

// serveCommands runs commands until the sandbox is stopped, or its time is over.
func (b *build) serveCommands(ctx context.Context) error {
	k, err := b.keep()
	if err != nil {
		return fmt.Errorf("the sandbox cannot be prepared for commands: %w", err)
	}
	defer k.out.close()
	defer k.err.close()
	endTerminals := b.takeTerminals(ctx, func() (string, error) { return b.sessionState(k), nil })
	defer func() { endTerminals(sandboxOver(ctx)) }()
	b.log.say("The sandbox is ready for commands")
	for after := int64(0); ; {
		b.tell(string(phaseSandbox)) // again: a server that was started anew does not know it
		c, err := b.Commands.next(ctx, after)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return err
		case c.id == "":
			continue
		}
		after = c.serial
		r, err := b.command(ctx, k, c)
		if err != nil {
			return err
		}
		b.Commands.report(ctx, c.id, r)
	}
}

// keep makes what commands need.
func (b *build) keep() (k *kept, err error) {
	k = &kept{outTail: b.log.strand(), errTail: b.log.strand()}
	if k.scriptFile, k.script, err = b.space.tool(commandFile); err != nil {
		return nil, err
	}
	if k.state, err = b.sessionFolder(); err != nil {
		return nil, err
	}
	var out, errs *os.File
	if out, k.outInside, err = b.fifo(commandOutput); err != nil {
		return nil, err
	}
	if errs, k.errors, err = b.fifo(commandErrors); err != nil {
		_ = out.Close()
		return nil, err
	}
	k.out, k.err = newOutput(out, k.outTail), newOutput(errs, k.errTail)
	return k, nil
}

// sessionFolder makes a folder to which the room's user can write.
func (b *build) sessionFolder() (inside string, err error) {
	dir, inside, err := b.space.tool(sessionFolder)
	if err != nil {
		return "", err
	}
	return inside, errors.Join(os.Mkdir(dir, 0o700), b.space.own(dir))
}

// sessionText is a command of a session, between what it finds and what it leaves for the next one. Its own trap of
// EXIT takes the place of the one that keeps the state.
func sessionText(state, text string) string {
	now, next := quoted(state+"/state"), quoted(state+"/next")
	keep := "SLIPWAY_STATUS=$?; export -p >" + next + " && mv " + next + " " + now + "; exit $SLIPWAY_STATUS"
	return "trap " + quoted(keep) + " EXIT; [ ! -f " + now + " ] || { . " + now + "; cd \"$PWD\"; }\n" + text
}

// sessionState are the commands that give a shell what the last command of the session has left, or else what the
// sandbox began with.
func (b *build) sessionState(k *kept) string {
	now := quoted(k.state + "/state")
	return b.shell.initial + "[ ! -f " + now + " ] || { . " + now + "; cd \"$PWD\"; }\n"
}

// sandboxOver is why the terminals of a sandbox end.
func sandboxOver(ctx context.Context) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeout):
		return errors.New("the time of the sandbox is over")
	case errors.Is(cause, errStopped):
		return errors.New("the sandbox was stopped")
	}
	return errors.New("the sandbox has ended")
}

// fifo makes a FIFO that the room's user can write to, and opens it.
func (b *build) fifo(name string) (f *os.File, inside string, err error) {
	file, inside, err := b.space.tool(name)
	if err != nil {
		return nil, "", err
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		return nil, "", &os.PathError{Op: "mkfifo", Path: file, Err: err}
	}
	if err := b.space.own(file); err != nil {
		return nil, "", err
	}
	f, err = os.OpenFile(file, os.O_RDWR, 0) // with both ends, so that it outlasts each command
	return f, inside, err
}

// command runs one command to its end. The error is of the sandbox.
func (b *build) command(ctx context.Context, k *kept, c command) (r slipway.CommandResult, err error) {
	b.log.say("Command %s: %s", c.id, strings.TrimRight(c.text, "\n"))
	if err := b.place(k, c); err != nil {
		return r, fmt.Errorf("the command cannot be handed to the sandbox: %w", err)
	}
	own, end := context.WithCancelCause(ctx)
	defer end(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if b.Commands.interrupted(own, c.id, c.serial) {
			end(errInterrupted)
		}
	}()
	shell := strings.Join(b.shell.argv, " ")
	status, err := b.shell.run(own, shell+" "+quoted(k.script)+" </dev/null >"+quoted(k.outInside)+" 2>"+
		quoted(k.errors))
	r.Interrupted = err != nil && errors.Is(context.Cause(own), errInterrupted)
	end(nil)
	<-watched
	k.out.flush()
	k.err.flush()
	r.Output, r.Errors = k.outTail.cut(), k.errTail.cut()
	switch {
	case r.Interrupted:
		b.log.say("Command %s ended: it was interrupted, with all processes of the sandbox", c.id)
		return r, nil
	case err != nil:
		return r, err
	}
	r.ExitCode = int32(status)
	if limit := b.space.room.OutOfMemory(); limit > 0 {
		b.log.say("The sandbox had used up its memory, %s", bytesText(limit))
	}
	b.log.say("Command %s ended: exit status %d", c.id, status)
	return r, nil
}

// place writes a command to where the shell reads it. Its text is nobody's but the room's user's.
func (b *build) place(k *kept, c command) error {
	if err := os.Remove(k.scriptFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(k.scriptFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	text := c.text
	if c.session {
		text = sessionText(k.state, text)
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Close(), b.space.own(k.scriptFile))
}
