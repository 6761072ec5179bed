package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type logsCommand struct {
	client
	ID     string `arg:"" help:"A build's ID (PROJECT:UUID), a deployment's (d-…), or GROUP:STREAM of any log."`
	Follow bool   `short:"f" help:"Go on as the log grows, until it is complete."`
	Tail   int32  `short:"n" help:"Only the last lines."`
	Host   string `help:"Of a deployment: only what this host printed."`
	Event  string `help:"Of a deployment: only what the scripts of this lifecycle event printed."`
}

func (*logsCommand) Help() string {
	return "The log of a build as it is, colours and all; of a deployment, what the scripts printed on each host.\n\n" +
		"  slipway logs -f web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n" +
		"  slipway logs -n 50 web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n" +
		"  slipway logs d-A1B2C3D4E --event ApplicationStart"
}

// logName tells the log that an ID means.
func logName(id string) (group, stream string, err error) {
	id = id[strings.LastIndex(id, ":build/")+1:]
	id = strings.TrimPrefix(id, "build/")
	group, stream, ok := strings.Cut(id, ":")
	if !ok || group == "" || stream == "" {
		return "", "", usage(
			"%q is not the ID of a build (PROJECT:UUID) or of a deployment (d-…); slipway builds lists them",
			id,
		)
	}
	if !strings.HasPrefix(group, "/") {
		group = "/aws/codebuild/" + group
	}
	return group, stream, nil
}

const linesAPage = 5000

func (c *logsCommand) Run(ctx context.Context) error {
	if n, err := recognise(c.ID); err == nil && n.deployment != "" {
		return c.deployment(ctx, n.deployment)
	}
	group, stream, err := logName(c.ID)
	if err != nil {
		return err
	}
	conn, err := c.open()
	if err != nil {
		return err
	}
	return c.stream(ctx, slipway.Client{Client: conn}, group, stream, os.Stdout)
}

// stream prints one log.
func (c *logsCommand) stream(ctx context.Context, api slipway.API, group, stream string, to io.Writer) error {
	out, looked := bufio.NewWriter(to), terminal.IsTerminal(os.Stdout) // a file or a pipe gets every byte
	in := &slipway.ReadLogInput{
		LogGroupName:  &group,
		LogStreamName: &stream,
		FromLine:      new(int64(0)),
		Lines:         new(int32(linesAPage)),
	}
	if c.Tail > 0 {
		in.FromEnd, in.Lines = new(true), &c.Tail
	}
	for {
		page, err := api.ReadLog(ctx, in)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, line := range page.Lines {
			text := *line.Text
			if looked {
				text = terminal.Coloured(text)
			}
			_, _ = out.WriteString(text + "\n")
		}
		if err := out.Flush(); err != nil {
			return err
		}
		more := page.NextLine != nil && page.TotalLines != nil && *page.NextLine < *page.TotalLines
		if !more && (!c.Follow || page.Complete != nil && *page.Complete) {
			return nil
		}
		in = &slipway.ReadLogInput{
			LogGroupName:  &group,
			LogStreamName: &stream,
			FromLine:      page.NextLine,
			Lines:         new(int32(linesAPage)),
		}
		if c.Follow {
			in.WaitSeconds = new(int32(20))
		}
	}
}
