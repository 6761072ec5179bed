package pipeline

import (
	"slices"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// stageColumn is a stage on the page of its pipeline.
type stageColumn struct {
	view.Stage
	At   int      // its place in the pipeline, from 0
	Span kit.Kind // the state of the span of stages that hold the same change
	Over int      // how many columns the change reaches over; 0 if the one of a column before reaches over this one
	Next *view.Stage
}

// columnsARow is how many stages stand side by side at most.
const columnsARow = 6

// columns are the stages of a pipeline's page. A change reaches over neighbouring columns of one row.
func columns(p *view.Pipeline) []stageColumn {
	var all []stageColumn
	for row := range slices.Chunk(p.Stages, columnsARow) {
		for _, span := range view.Spans(row) {
			for i, st := range span.Stages {
				c := stageColumn{Stage: st, At: len(all), Span: span.Kind}
				switch {
				case st.Change.Execution == "":
					c.Span, c.Over = st.Kind, 1
				case i == 0:
					c.Over = len(span.Stages)
				}
				if next := c.At + 1; next < len(p.Stages) {
					c.Next = &p.Stages[next]
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// note is what an action says of itself on a page. That it runs its sign shows.
func note(a view.Action) string {
	if a.Kind == kit.Running && a.Release == nil {
		return ""
	}
	return a.Say
}

// isApproval reports whether an action waits for an approval.
func isApproval(a view.Action) bool {
	return a.Kind == kit.Waiting && a.Waiting != nil && a.Waiting.Kind == slipway.WaitingKindApproval && a.Token != ""
}
