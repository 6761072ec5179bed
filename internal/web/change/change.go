// Package change shows what every stage shows of a change: its commit and subject, what it serves, its reports, and
// what can be done when it failed.
package change

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// BoardLines is how many pipelines a page of the board has.
const BoardLines = 40

// Change is a revision on its way, as every list and page names it.
type Change = view.Change

// changeHref leads to the commit of a change; "" if that is not here.
func changeHref(c Change) string {
	if c.Repository == "" || !kit.IsCommit(c.Commit) {
		return ""
	}
	return kit.CommitPath(c.Repository, c.Commit)
}

// Origin is the change that a deployment deploys, with the execution that it came by; empty if nothing is known of it.
type Origin struct{ Change Change }

// OriginOf finds the change that a deployment deploys.
func OriginOf(ctx context.Context, api slipway.API, deployment string) (o Origin, err error) {
	known, err := view.Describe(ctx, api, []string{deployment})
	o.Change = view.Described(known[deployment])
	return o, err
}

// Crumbs lead from the board by the pipeline and its execution to a page of a deployment; or from a list, if no
// pipeline started it.
func (o Origin) Crumbs(list, path, here string) [][2]string {
	c := o.Change
	if c.Pipeline == "" {
		return [][2]string{{list, path}, {here, ""}}
	}
	return [][2]string{{"Board", "/board"}, {c.Pipeline, kit.PipelinePath(c.Pipeline)},
		{"Execution " + c.Name(), kit.ExecutionPath(c.Pipeline, c.Execution)}, {here, ""}}
}
