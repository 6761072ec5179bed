package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"slipway/api/codebuild"
	"slipway/internal/datachannel"
	"slipway/internal/terminal"
)

// leaving are the keys that close a terminal which does not answer any more, at the beginning of a line, as ssh has
// them.
const leaving = "~."

// errLeft says that the person closed the terminal.
var errLeft = errors.New("the person closed the terminal")

// terminal opens a terminal in the sandbox and returns the exit code of its shell.
func (d *debugSession) terminal(ctx context.Context) (int, error) {
	out, err := d.builds.StartSandboxConnection(ctx, &codebuild.StartSandboxConnectionInput{SandboxId: &d.id})
	if err != nil {
		return 0, err
	}
	s := out.SsmSession
	return attachTerminal(ctx, d.conn.HTTP, *s.StreamUrl, *s.TokenValue)
}

// attachTerminal connects the person's terminal with the one of a session.
func attachTerminal(ctx context.Context, client *http.Client, url, token string) (int, error) {
	c, err := datachannel.Open(ctx, client, url, token, version)
	if err != nil {
		return 0, exit(exitServer, err)
	}
	restore, err := terminal.Raw(os.Stdin)
	if err != nil {
		return 0, err
	}
	defer restore()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer terminal.Sizes(os.Stdout, func(cols, rows int) {
		_ = c.Resize(ctx, datachannel.WindowSize{Cols: uint32(cols), Rows: uint32(rows)})
	})()
	go func() { end(typeKeys(ctx, c, os.Stdin)) }()
	ending, err := c.Run(ctx, os.Stdout)
	restore()
	switch {
	case errors.Is(context.Cause(ctx), errLeft):
		fmt.Fprintln(os.Stderr)
		return exitBroken, nil
	case ctx.Err() != nil:
		return exitBroken, nil
	case err != nil:
		err = fmt.Errorf("the connection to the server is lost, and the terminal with it: %w", err)
		return 0, exit(exitServer, err)
	case ending.ExitCode != nil:
		return *ending.ExitCode, nil
	}
	fmt.Fprintln(os.Stderr)
	return 0, refused("%s", ending.Words)
}

// typeKeys sends what is typed, until nothing is, or the person closes the terminal.
func typeKeys(ctx context.Context, c *datachannel.Client, in io.Reader) error {
	keys := &leavingKeys{begins: true}
	for buffer := make([]byte, 1024); ; {
		n, err := in.Read(buffer)
		send, left := keys.pass(buffer[:n])
		if err := c.Type(ctx, send); err != nil {
			return err
		}
		if left {
			return errLeft
		}
		if err != nil {
			return err
		}
	}
}

// leavingKeys looks for the keys that close a terminal.
type leavingKeys struct {
	begins bool // a line does
	tilde  bool // it begins with the first of them, which was not sent
}

// pass returns what is to be sent of what was typed, and whether the terminal is to be closed.
func (k *leavingKeys) pass(typed []byte) (send []byte, left bool) {
	for _, b := range typed {
		switch {
		case k.tilde && b == leaving[1]:
			return send, true
		case k.tilde && b != leaving[0]:
			send = append(send, leaving[0])
		case !k.tilde && k.begins && b == leaving[0]:
			k.tilde, k.begins = true, false
			continue
		}
		k.tilde = false
		send = append(send, b)
		k.begins = b == '\r' || b == '\n'
	}
	return send, false
}
