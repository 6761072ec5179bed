package runner

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// The names in the folder of tools by which codebuild-breakpoint and codebuild-resume know each other: a folder, the
// FIFOs to which they write what happened and who goes on, and the state of the command that paused.
const (
	debugFolder = "debug"
	debugEvents = "events"
	debugResume = "resume"
	debugPaused = "paused"
)

// debugging is the debug session of a build, or of none.
type debugging struct {
	build  *build
	events *output
	line   []byte // of events, what has come of it

	mu     sync.Mutex
	paused int              // how many commands are
	told   slipway.Progress // what the server was told last, without a pause
	tell   func(slipway.Progress)
}

// debugs tells whether the build has a debug session.
func (b *build) debugs() bool {
	d := b.order.Build.DebugSession
	return d != nil && value(d.SessionEnabled) && b.Terminals != nil && !b.order.Sandbox && !b.order.ReadBatch
}

// beginDebugging lets people open terminals in the build, and codebuild-breakpoint pause it, until end is called.
// Without a debug session it does nothing, and neither do they.
func (b *build) beginDebugging(ctx context.Context) (end func()) {
	if !b.debugs() {
		return func() {}
	}
	d := &debugging{build: b, tell: b.Progress}
	state, err := d.open()
	if err != nil {
		b.log.say("The build has no debug session, and codebuild-breakpoint does not pause it: %v", err)
		return func() {}
	}
	b.debug = d
	b.log.say("The build has a debug session: codebuild-breakpoint pauses it")
	now := quoted(state)
	endTerminals := b.takeTerminals(ctx, func() (string, error) {
		return b.shell.initial + "[ ! -r " + now + " ] || { . " + now + "; cd \"$PWD\"; }\n", nil
	})
	return func() {
		endTerminals(debugOver(ctx))
		d.events.close()
	}
}

// open makes the folder and its FIFOs. Each of the build's users may pause it, whoever run-as names. It returns where
// the room shows the state of a command that pauses.
func (d *debugging) open() (state string, err error) {
	dir, inside, err := d.build.space.tool(debugFolder)
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)); err != nil {
		return "", err
	}
	for _, name := range []string{debugEvents, debugResume} {
		file := filepath.Join(dir, name)
		err := errors.Join(syscall.Mkfifo(file, 0o600), os.Chmod(file, 0o666))
		if err != nil {
			return "", err
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, debugEvents), os.O_RDWR, 0) // with both ends: it outlasts each command
	if err != nil {
		return "", err
	}
	d.events = newOutput(f, d)
	return inside + "/" + debugPaused, nil
}

// maxEvent is longer than any line of events. The build may write what it likes.
const maxEvent = 64

// output implements sink: it reads what codebuild-breakpoint tells.
func (d *debugging) output(p []byte) {
	for _, c := range p {
		switch {
		case c != '\n' && len(d.line) < maxEvent:
			d.line = append(d.line, c)
		case c == '\n':
			d.event(string(bytes.TrimSpace(d.line)))
			d.line = d.line[:0]
		}
	}
}

func (d *debugging) event(what string) {
	id := value(d.build.order.Build.Id)
	d.mu.Lock()
	switch {
	case what == "paused":
		d.paused++
	case what == "resumed" && d.paused > 0:
		d.paused--
	default:
		d.mu.Unlock()
		return
	}
	d.mu.Unlock()
	if what == "paused" {
		d.build.log.say("The build is paused. %s", howToConnect(id))
	} else {
		d.build.log.say("The build goes on")
	}
	d.retell()
}

// howToConnect says how a terminal is opened in a build that is paused, and how it goes on.
func howToConnect(id string) string {
	return "Open a terminal in it: slipway debug " + id + " (or aws ssm start-session --target " + slipway.BuildTarget +
		id + "). codebuild-resume lets it go on. Its time-out goes on, too."
}

// progress is what the server is told of a build: that it is paused, while it is.
func (d *debugging) progress(p slipway.Progress) slipway.Progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = p
	return d.shown()
}

// shown is the progress with the pause in it. d.mu is held.
func (d *debugging) shown() slipway.Progress {
	p := d.told
	if d.paused == 0 || len(p.Phases) == 0 {
		return p
	}
	p.Phases = slices.Clone(p.Phases)
	last := &p.Phases[len(p.Phases)-1]
	last.Contexts = []codebuild.PhaseContext{{StatusCode: new(slipway.Paused),
		Message: new("Paused by codebuild-breakpoint. " + howToConnect(value(d.build.order.Build.Id)))}}
	return p
}

// remind tells the server once more that the build is paused: one that was started anew does not know it.
func (d *debugging) remind() {
	d.mu.Lock()
	paused := d.paused > 0
	d.mu.Unlock()
	if paused {
		d.retell()
	}
}

// retell tells the server once more how far the build is.
func (d *debugging) retell() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.tell != nil && len(d.told.Phases) > 0 {
		d.tell(d.shown())
	}
}

// debugOver is why the terminals of a build end.
func debugOver(ctx context.Context) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeout):
		return errors.New("the time of the build is over")
	case errors.Is(cause, errStopped):
		return errors.New("the build was stopped")
	}
	return errors.New("the build has ended")
}
