package container

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"

	"slipway/internal/runner/room"
)

// terminal is a terminal that the engine made in a container.
type terminal struct {
	room    *containerRoom
	id      string // of the engine, for its program
	mark    string
	stream  io.ReadWriteCloser
	closing sync.Once
}

// Terminal implements room.Terminals.
func (r *containerRoom) Terminal(ctx context.Context, c room.Command, size room.Size) (room.Terminal, error) {
	t := &terminal{room: r, mark: runMark + rand.Text()}
	stream, id, err := r.engine.api.exec(context.WithoutCancel(ctx), r.id, program{
		User: "0:0", Cmd: c.Args, Env: append([]string{t.mark}, c.Env...), WorkingDir: "/",
		AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true,
	})
	if err != nil {
		return nil, err
	}
	t.id = id
	both, ok := stream.(io.ReadWriteCloser)
	if !ok {
		_ = stream.Close()
		r.killMarked(t.mark)
		return nil, errors.New("the container engine gives no connection on which a terminal can be typed to")
	}
	t.stream = both
	if err := t.Resize(size); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// Read implements room.Terminal.
func (t *terminal) Read(p []byte) (int, error) {
	n, err := t.stream.Read(p)
	if err != nil {
		err = io.EOF // whatever it is, the terminal shows no more
	}
	return n, err
}

// Write implements room.Terminal.
func (t *terminal) Write(p []byte) (int, error) { return t.stream.Write(p) }

// Resize implements room.Terminal.
func (t *terminal) Resize(s room.Size) error {
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	return t.room.engine.api.post(ctx, fmt.Sprintf("/exec/%s/resize?h=%d&w=%d", t.id, s.Rows, s.Cols))
}

// Wait implements room.Terminal.
func (t *terminal) Wait() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
	defer cancel()
	return t.room.engine.api.exitCode(ctx, t.id)
}

// Close implements room.Terminal.
func (t *terminal) Close() error {
	t.closing.Do(func() {
		t.room.killMarked(t.mark)
		_ = t.stream.Close()
	})
	return nil
}
