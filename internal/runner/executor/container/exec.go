package container

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// program is a program to be run in a container that runs.
type program struct {
	User, WorkingDir           string
	Cmd, Env                   []string
	AttachStdout, AttachStderr bool
	AttachStdin, Tty           bool `json:",omitzero"`
}

// exec starts a program and returns the stream of what it writes, which separate reads unless it has a terminal, and
// its ID.
func (e *engine) exec(ctx context.Context, container string, p program) (stream io.ReadCloser, id string, err error) {
	var made struct{ ID string }
	if err := e.call(ctx, http.MethodPost, "/containers/"+container+"/exec", p, &made); err != nil {
		return nil, "", err
	}
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"tcp"}}
	start := struct{ Detach, Tty bool }{Tty: p.Tty}
	answer, err := e.open(ctx, http.MethodPost, "/exec/"+made.ID+"/start", header, start)
	if err != nil {
		return nil, "", err
	}
	return answer.Body, made.ID, nil
}

// exitCode is how a program ended that exec started.
func (e *engine) exitCode(ctx context.Context, id string) (int, error) {
	var end struct{ ExitCode int }
	err := e.call(ctx, http.MethodGet, "/exec/"+id+"/json", nil, &end)
	return end.ExitCode, err
}

// separate writes the frames of a stream to where they belong, up to the stream's end: a byte for standard output (1)
// or error (2), three of nothing, and the length, before each.
func separate(stdout, stderr io.Writer, stream io.Reader) error {
	for {
		var head [8]byte
		if _, err := io.ReadFull(stream, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		to := stdout
		switch head[0] {
		case 1:
		case 2:
			to = stderr
		default:
			return fmt.Errorf("the container engine sends a stream of the kind %d", head[0])
		}
		if to == nil {
			to = io.Discard
		}
		if _, err := io.CopyN(to, stream, int64(binary.BigEndian.Uint32(head[4:]))); err != nil {
			return err
		}
	}
}
