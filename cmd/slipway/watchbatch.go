package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// batch follows a batch: it prints each of its builds when its state changes, below what it depends on, until the batch
// ends. Not on a terminal, it prints all of them once.
func (c *watchCommand) batch(ctx context.Context, api *contract, id string) error {
	if terminal.IsTerminal(os.Stdout) {
		conn, err := c.open() // without the line of progress: it waits for long
		if err != nil {
			return err
		}
		api = newContract(conn)
	}
	printed := map[string]string{}
	var since *string
	for {
		wait, err := api.slipway.WaitForChange(ctx, &slipway.WaitForChangeInput{
			Topics: []string{"batch/" + id, "builds"},
			Since:  since,
		})
		if err != nil {
			return err
		}
		since = wait.At
		b, err := api.batch(ctx, id)
		if err != nil {
			return err
		}
		for _, line := range batchTree(b) {
			if printed[line[0]] == line[1] {
				continue
			}
			printed[line[0]] = line[1]
			if _, err := fmt.Println(line[1]); err != nil {
				return err
			}
		}
		if b.Complete != nil && *b.Complete || !terminal.IsTerminal(os.Stdout) {
			return c.ended(b)
		}
	}
}

// batchTree is a line for each build of a batch, with its identifier.
func batchTree(b *codebuild.BuildBatch) (all [][2]string) {
	for _, x := range view.BatchBuilds(b) {
		line := x.Identifier + "  " + x.State
		for _, more := range []string{x.Build, x.Because} {
			if more != "" {
				line += "  " + more
			}
		}
		all = append(all, [2]string{x.Identifier, strings.Repeat("  ", x.Depth) + terminal.Clean(line)})
	}
	return all
}

// ended says how a batch stands in the end.
func (*watchCommand) ended(b *codebuild.BuildBatch) error {
	line := view.StatusWord(b.BuildBatchStatus)
	if b.StartTime != nil && b.EndTime != nil {
		line += " in " + b.EndTime.Sub(b.StartTime.Time).Round(time.Second).String()
	}
	if say := view.BatchCause(b); say != "" {
		line += ": " + say
	}
	_, err := fmt.Println(terminal.Clean(line))
	return err
}
