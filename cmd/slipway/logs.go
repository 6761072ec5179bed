package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"slipway/api/slipway"
)

type logsCommand struct {
	client
	ID     string `arg:"" help:"A build's ID (PROJECT:UUID), or GROUP:STREAM of any log."`
	Follow bool   `short:"f" help:"Go on as the log grows, until it is complete."`
	Tail   int32  `short:"n" help:"Only the last lines."`
}

// logName tells the log that an ID means.
func logName(id string) (group, stream string, err error) {
	id = id[strings.LastIndex(id, ":build/")+1:]
	id = strings.TrimPrefix(id, "build/")
	group, stream, ok := strings.Cut(id, ":")
	if !ok || group == "" || stream == "" {
		return "", "", fmt.Errorf("%q is no build's ID: it has the form PROJECT:UUID, as list-builds prints it", id)
	}
	if !strings.HasPrefix(group, "/") {
		group = "/aws/codebuild/" + group
	}
	return group, stream, nil
}

const linesAPage = 5000

func (c *logsCommand) Run(ctx context.Context) error {
	group, stream, err := logName(c.ID)
	if err != nil {
		return err
	}
	conn, err := c.open()
	if err != nil {
		return err
	}
	api := slipway.Client{Client: conn}
	out := bufio.NewWriter(os.Stdout)
	in := &slipway.ReadLogInput{LogGroupName: &group, LogStreamName: &stream, FromLine: new(int64(0)), Lines: new(int32(linesAPage))}
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
			_, _ = out.WriteString(*line.Text + "\n")
		}
		if err := out.Flush(); err != nil {
			return err
		}
		more := page.NextLine != nil && page.TotalLines != nil && *page.NextLine < *page.TotalLines
		if !more && (!c.Follow || page.Complete != nil && *page.Complete) {
			return nil
		}
		in = &slipway.ReadLogInput{LogGroupName: &group, LogStreamName: &stream, FromLine: page.NextLine, Lines: new(int32(linesAPage))}
		if c.Follow {
			in.WaitSeconds = new(int32(20))
		}
	}
}
