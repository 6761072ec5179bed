package main

import (
	"context"
	"time"

	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// waiting lists everything that waits for a person.
func waiting(ctx context.Context, api *contract, p printer) error {
	out, err := api.slipway.ListWaiting(ctx, &slipway.ListWaitingInput{})
	if err != nil {
		return err
	}
	now := time.Now()
	return p.print(out, func(t *terminal.Table) {
		t.Head("WAITS", "FOR", "SINCE", "COMMIT", "AUTHOR", "CHANGE")
		for i := range out.Waiting {
			w := &out.Waiting[i]
			var c view.Change
			if w.Change != nil {
				c = view.Described(*w.Change)
			}
			t.Row(
				terminal.Cell{Text: waitingName(w), Kind: terminal.Waiting},
				terminal.Text(view.WaitingSentence(w)),
				terminal.Text(terminal.Ago(w.Since, now)),
				commitCell(c),
				terminal.Text(c.Author),
				terminal.Text(c.Message),
			)
		}
		for i := range out.Waiting {
			t.Note("  " + answer(&out.Waiting[i]))
		}
		if len(out.Waiting) == 0 {
			t.Note("Nothing waits for a decision.")
		}
	})
}

// waitingName is what a person names to answer.
func waitingName(w *slipway.Waiting) string {
	if w.Kind == slipway.WaitingKindApproval {
		return *w.PipelineName + "/" + *w.StageName + "/" + *w.ActionName
	}
	return *w.DeploymentId
}

// answer is the command with which a person decides.
func answer(w *slipway.Waiting) string {
	name := terminal.Clean(waitingName(w))
	switch {
	case w.Kind == slipway.WaitingKindApproval:
		return "slipway approve " + name + "   (or reject)"
	case w.Paused != nil && *w.Paused:
		return "slipway resume " + name + "   (or rollback)"
	}
	return "slipway promote " + name + "   (or rollback)"
}
