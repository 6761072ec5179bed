package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"sync"
	"time"

	"slipway/internal/datachannel"
	"slipway/internal/mask"
	"slipway/internal/runner/room"
)

const (
	// maxTerminals is how many terminals a build may have open at a time.
	maxTerminals = 8
	// holdBack is how long the end of what a terminal shows is held back that may be the beginning of a secret. A
	// person who types one slowly sees it.
	holdBack = 50 * time.Millisecond
	// terminalFile is how the names of the files begin by which terminals are started, in the folder of tools.
	terminalFile = "terminal-"
)

// errManyOpen is what a person is told who opens one more.
var errManyOpen = fmt.Errorf("%d terminals are open in this sandbox already; close one of them first", maxTerminals)

// terminals are those of a build that takes them now.
type terminals struct {
	build   *build
	begin   func() (string, error) // commands that a shell begins with
	ctx     context.Context        //nolint:containedctx // of all of them
	end     context.CancelCauseFunc
	polling sync.WaitGroup
	open    sync.WaitGroup
	slots   chan struct{}
}

// takeTerminals lets people open terminals in the build's room until end is called. They end then, with the cause as
// their word. begin returns the commands with which a terminal's shell begins: its variables and folder.
func (b *build) takeTerminals(ctx context.Context, begin func() (string, error)) (end func(cause error)) {
	rooms, ok := b.space.room.(room.Terminals)
	if b.Terminals == nil || !ok {
		return func(error) {}
	}
	t := &terminals{build: b, begin: begin, slots: make(chan struct{}, maxTerminals)}
	t.ctx, t.end = context.WithCancelCause(context.WithoutCancel(ctx))
	t.polling.Go(func() { t.poll(rooms) })
	return func(cause error) {
		t.end(cause)
		t.polling.Wait()
		t.open.Wait()
	}
}

// poll starts what people open.
func (t *terminals) poll(rooms room.Terminals) {
	for after := int64(0); ; {
		o, err := t.build.Terminals.next(t.ctx, after)
		if err != nil {
			return
		}
		if d := t.build.debug; d != nil {
			d.remind()
		}
		if o.session == "" {
			continue
		}
		after = o.serial
		t.open.Go(func() { t.serve(rooms, o) })
	}
}

// serve has one terminal, from its beginning to its end.
func (t *terminals) serve(rooms room.Terminals, o opening) {
	b := t.build
	conn, err := b.Terminals.connect(t.ctx, o)
	if err != nil {
		if t.ctx.Err() == nil {
			b.log.say("Terminal %s: its client is gone: %v", o.session, err)
		}
		return
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	default:
		_ = datachannel.Refuse(t.ctx, conn, o.session, errManyOpen)
		return
	}
	term, err := t.start(rooms)
	if err != nil {
		b.log.say("Terminal %s cannot be opened: %v", o.session, err)
		_ = datachannel.Refuse(t.ctx, conn, o.session, fmt.Errorf("the terminal cannot be opened: %w", err))
		return
	}
	b.log.say("Terminal %s opened by %s", o.session, o.caller)
	shown := newVeil(b.log, term)
	defer shown.lift()
	err = datachannel.Serve(t.ctx, conn, o.session, shown)
	if err != nil {
		b.log.say("Terminal %s ended: %v", o.session, err)
		return
	}
	b.log.say("Terminal %s ended", o.session)
}

// start starts a shell on a terminal: bash where there is one. Its variables are in a file that nobody else can read
// and that it removes, so that no program that has the runner's rights gets any of them.
func (t *terminals) start(rooms room.Terminals) (room.Terminal, error) {
	commands, err := t.begin()
	if err != nil {
		return nil, err
	}
	b := t.build
	dir, inside, err := b.space.tool("")
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, terminalFile)
	if err != nil {
		return nil, err
	}
	at := path.Join(inside, path.Base(f.Name()))
	text := "rm -f " + quoted(at) + "\n" + commands + "export TERM=xterm-256color\n" +
		"if command -v bash >/dev/null 2>&1; then SHELL=$(command -v bash); export SHELL; exec bash; fi\n" +
		"exec /bin/sh -i\n"
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close(), b.space.own(f.Name())); err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	size := room.Size{Cols: uint16(datachannel.Usual.Cols), Rows: uint16(datachannel.Usual.Rows)}
	term, err := rooms.Terminal(t.ctx, room.Command{Args: []string{"/bin/sh", at}, Env: baseEnvironment()}, size)
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return term, err
}

// veil is a terminal in which the secrets of its build are masked, as in the log.
type veil struct {
	room.Terminal
	log     *logbook
	secrets mask.Masker // guarded by log
	read    chan chunk
	left    []byte // what may be shown and was not read yet
	quit    chan struct{}
	lifting sync.Once
}

// chunk is what a terminal has shown, or its end.
type chunk struct {
	text []byte
	err  error
}

func newVeil(log *logbook, t room.Terminal) *veil {
	v := &veil{Terminal: t, log: log, read: make(chan chunk), quit: make(chan struct{})}
	log.mu.Lock()
	v.secrets.Know(&log.secrets)
	log.veils[v] = true
	log.mu.Unlock()
	go v.pump()
	return v
}

func (v *veil) pump() {
	for {
		buffer := make([]byte, 4<<10)
		n, err := v.Terminal.Read(buffer)
		select {
		case v.read <- chunk{buffer[:n], err}:
		case <-v.quit:
			return
		}
		if err != nil {
			return
		}
	}
}

// Read implements datachannel.Terminal.
func (v *veil) Read(p []byte) (int, error) {
	for len(v.left) == 0 {
		var late <-chan time.Time
		if v.holds() {
			t := time.NewTimer(holdBack)
			defer t.Stop()
			late = t.C
		}
		select {
		case c := <-v.read:
			v.left = v.masked(c.text, c.err != nil)
			if c.err != nil && len(v.left) == 0 {
				return 0, c.err
			}
			if c.err != nil {
				v.read = nil
				n := copy(p, v.left)
				v.left = v.left[n:]
				return n, nil
			}
		case <-late:
			v.left = v.masked(nil, true)
		}
		if v.read == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, v.left)
	v.left = v.left[n:]
	return n, nil
}

// holds tells whether something is held back.
func (v *veil) holds() bool {
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	return v.secrets.Holds()
}

// masked is what may be shown of a text and of what was held back before; all of it if nothing is to be held back.
func (v *veil) masked(p []byte, all bool) []byte {
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	out := append([]byte(nil), v.secrets.Next(p)...)
	if all {
		out = append(out, v.secrets.Rest()...)
	}
	return out
}

// Resize implements datachannel.Terminal.
func (v *veil) Resize(s datachannel.WindowSize) error {
	return v.Terminal.Resize(room.Size{Cols: uint16(s.Cols), Rows: uint16(s.Rows)})
}

// lift ends the veil, once its terminal has ended.
func (v *veil) lift() {
	v.lifting.Do(func() { close(v.quit) })
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	delete(v.log.veils, v)
}
