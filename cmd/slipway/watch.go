package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"slipway/internal/terminal"
)

type watchCommand struct {
	client
	Pipeline string `arg:"" optional:"" help:"Watch only this pipeline, with each of its actions, or this batch of builds (PROJECT:UUID)." name:"pipeline|batch"`
}

func (*watchCommand) Help() string {
	return `The live board: every pipeline as a line of stages, which change is where, and what waits for whom. What needs a
hand stands first. It follows each change as it happens, and goes on when the server comes back. j and k scroll, q
quits. Not on a terminal, it prints the board once.

  slipway watch
  slipway watch web
  slipway watch web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11   # the builds of a batch, until it ends
  slipway watch | head -20`
}

func (c *watchCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if n, err := recognise(c.Pipeline); err == nil && n.build != "" {
		return c.batch(ctx, api, n.build)
	}
	reader := &terminal.Reader{Slipway: api.slipway, Name: c.Pipeline}
	if terminal.IsTerminal(os.Stdin) && terminal.IsTerminal(os.Stdout) {
		conn, err := c.open() // without the line of progress: it waits for long
		if err != nil {
			return err
		}
		reader.Slipway = newContract(conn).slipway
		return (&terminal.Watch{Reader: reader, Endpoint: c.Endpoint, In: os.Stdin, Out: os.Stdout}).Run(ctx)
	}
	board, err := reader.Read(ctx)
	if err != nil {
		return err
	}
	for _, line := range board.Draw(terminal.ScreenOf(os.Stdout), time.Now()) {
		if _, err := fmt.Println(line); err != nil {
			return err
		}
	}
	return nil
}
