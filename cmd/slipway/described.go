package main

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// describe asks what changes carry, by the IDs of executions, builds and deployments.
func (c *contract) describe(ctx context.Context, ids []string) (map[string]slipway.Change, error) {
	all := map[string]slipway.Change{}
	const atOnce = 500
	for len(ids) > 0 {
		n := min(len(ids), atOnce)
		out, err := c.slipway.DescribeChanges(ctx, &slipway.DescribeChangesInput{Ids: ids[:n]})
		if err != nil {
			return nil, err
		}
		for id, change := range out.Changes {
			all[id] = change
		}
		ids = ids[n:]
	}
	return all, nil
}

// commitCell is the commit of a change.
func commitCell(c slipway.Change) terminal.Cell {
	if c.CommitId == nil {
		return terminal.Cell{}
	}
	return terminal.Text(terminal.Short(*c.CommitId))
}

// said is the last cell of a row: why it failed, else what it takes back, else the subject of the change.
func said(c slipway.Change, k terminal.Kind) terminal.Cell {
	switch {
	case c.Cause != nil && k != terminal.Succeeded:
		return terminal.Pointed(c.Cause)
	case c.RollsBack != nil:
		return terminal.Text("rollback of " + *c.RollsBack)
	case c.Subject == nil && c.CommitId == nil:
		return terminal.Pointed(c.Revision)
	}
	return terminal.Pointed(c.Subject)
}

// startedBy is who started a build: a person, or an execution by its number.
func startedBy(initiator *string, c slipway.Change) terminal.Cell {
	if c.PipelineName != nil && c.ExecutionNumber != nil {
		return terminal.Text(*c.PipelineName + " " + view.Number(*c.ExecutionNumber))
	}
	return terminal.Pointed(initiator)
}
