// Package change shows what every stage shows of a change: its commit and subject, what it serves, its reports, and
// what can be done when it failed.
package change

import (
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

// Crumbs lead from the board by the pipeline and the execution of a change to a page of its deployment; or from a list,
// if no pipeline started it.
func Crumbs(c Change, list, path, here string) [][2]string {
	if c.Pipeline == "" {
		return [][2]string{{list, path}, {here, ""}}
	}
	return [][2]string{{"Board", "/board"}, {c.Pipeline, kit.PipelinePath(c.Pipeline)},
		{"Execution " + c.Name(), kit.ExecutionPath(c.Pipeline, c.Execution)}, {here, ""}}
}
