package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"slipway/api/awsproto"
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

// logName returns the log of an ID.
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
	return c.stream(ctx, conn, group, stream, os.Stdout)
}

// stream prints one log: all of it as bytes, or its last lines.
func (c *logsCommand) stream(ctx context.Context, conn *awsproto.Client, group, stream string,
	to io.Writer) (err error) {
	shown := &shownLog{to: to, coloured: terminal.IsTerminal(os.Stdout)}
	if c.Tail > 0 {
		err = c.streamLines(ctx, slipway.Client{Client: conn}, group, stream, shown)
	} else {
		err = c.streamBytes(ctx, conn, group, stream, shown)
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, shown.end())
}

// shownLog prints a log. A terminal gets lines without harmful control characters. A file or a pipe gets every byte.
type shownLog struct {
	to       io.Writer
	coloured bool
	written  int64  // bytes of the log
	part     []byte // with coloured: the beginning of a line that has not ended
	midLine  bool
}

// Write implements io.Writer.
func (l *shownLog) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	l.midLine = p[len(p)-1] != '\n'
	l.written += int64(len(p))
	if !l.coloured {
		return l.to.Write(p)
	}
	all := append(l.part, p...)
	last := bytes.LastIndexByte(all, '\n') + 1
	var text strings.Builder
	for line := range bytes.Lines(all[:last]) {
		text.WriteString(terminal.Painted(string(bytes.TrimSuffix(line, []byte("\n")))) + "\n")
	}
	l.part = bytes.Clone(all[last:])
	_, err := io.WriteString(l.to, text.String())
	return len(p), err
}

// end prints what is left of a line.
func (l *shownLog) end() error {
	if !l.midLine {
		return nil
	}
	_, err := io.WriteString(l.to, terminal.Painted(string(l.part))+"\n")
	return err
}

// streamBytes prints a log from its beginning. It asks again where an answer breaks off that followed the log.
func (c *logsCommand) streamBytes(
	ctx context.Context,
	conn *awsproto.Client,
	group, stream string,
	to *shownLog,
) error {
	q := url.Values{"group": {group}, "stream": {stream}}
	if c.Follow {
		q.Set("follow", "true")
	}
	buffer := make([]byte, 256<<10)
	for {
		q.Set("offset", strconv.FormatInt(to.written, 10))
		answer, err := conn.Get(ctx, slipway.Info(), slipway.LogPath, q)
		if err != nil {
			return err
		}
		before := to.written
		_, err = io.CopyBuffer(to, answer.Body, buffer)
		_ = answer.Body.Close()
		brokenOff := c.Follow && answer.Trailer.Get(slipway.LogComplete) != "true"
		if !brokenOff || ctx.Err() != nil || to.written == before && err != nil {
			return err
		}
	}
}

// streamLines prints the last lines of a log, and with -f those that follow.
func (c *logsCommand) streamLines(
	ctx context.Context,
	api slipway.API,
	group, stream string,
	to *shownLog,
) error {
	in := &slipway.ReadLogInput{
		LogGroupName:  &group,
		LogStreamName: &stream,
		FromEnd:       new(true),
		Lines:         &c.Tail,
	}
	for {
		page, err := api.ReadLog(ctx, in)
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, line := range page.Lines {
			text.WriteString(*line.Text + "\n")
		}
		if _, err := io.WriteString(to, text.String()); err != nil {
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
