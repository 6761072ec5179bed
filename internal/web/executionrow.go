package web

import (
	"strings"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// executionRow is an execution in the table.
type executionRow struct {
	ID           string
	Change       change
	CommitHref   string
	Kind         Kind
	Word         string
	Note         string
	SupersededBy string
	// SupersededName is its number, if it is on the same page.
	SupersededName string
	Stages         []mark
	Trigger        string
}

func commitHref(x codepipeline.PipelineExecutionSummary) string {
	if len(x.SourceRevisions) == 0 || x.SourceRevisions[0].RevisionUrl == nil {
		return ""
	}
	return pathOf(*x.SourceRevisions[0].RevisionUrl)
}

// listedRow shows an execution of a list.
func listedRow(
	x codepipeline.PipelineExecutionSummary,
	stages []slipway.StageMark,
	d *codepipeline.PipelineDeclaration,
	known map[string]slipway.Change,
) executionRow {
	id := *x.PipelineExecutionId
	row := executionRow{
		ID:         id,
		Change:     changeOf(x, id, known),
		CommitHref: commitHref(x),
		Kind:       kindOf(string(x.Status)),
		Note:       text(x.StatusSummary),
	}
	if by, ok := strings.CutPrefix(row.Note, "Superseded by execution "); ok {
		row.SupersededBy, row.SupersededName, row.Note = by, described(known[by]).name(), ""
		if known[by].Id == nil {
			row.SupersededName = view.Short(by)
		}
	}
	if x.StopTrigger != nil && text(x.StopTrigger.Reason) != "" {
		row.Note = "“" + *x.StopTrigger.Reason + "”"
	}
	if x.Trigger != nil {
		row.Trigger = triggerWords(x.Trigger)
	}
	kinds := map[string]Kind{}
	for _, m := range stages {
		k := kindOf(text(m.Status))
		if m.Asks != nil && *m.Asks {
			k = Waiting
			if row.Kind == Running {
				row.Kind = Waiting
			}
		}
		kinds[text(m.StageName)] = k
	}
	for i := range d.Stages {
		k, ok := kinds[*d.Stages[i].Name]
		if !ok {
			k = NotReached
		}
		row.Stages = append(row.Stages, mark{Name: *d.Stages[i].Name, Kind: k})
	}
	row.Word = view.StatusWord(x.Status)
	if row.Kind == Waiting {
		row.Word = Waiting.Title()
	}
	row.where()
	return row
}

// where says in which stage an execution failed, waits, or is.
func (row *executionRow) where() {
	for _, m := range row.Stages {
		if m.Kind == row.Kind && (row.Kind == Failed || row.Kind == Running) {
			row.Word += " in " + m.Name
			return
		}
	}
}

// awaits notes that something in an execution waits for a person.
func (row *executionRow) awaits(all []slipway.Waiting) {
	for i := range all {
		if text(all[i].PipelineExecutionId) == row.ID {
			row.Kind, row.Word, row.Note = Waiting, view.WaitingWords(&all[i]), view.WaitingReason(&all[i])
		}
	}
}

// marksOf are the stages of an execution as the runs of its actions leave them; runs are the newest first.
func marksOf(runs []codepipeline.ActionExecutionDetail) []slipway.StageMark {
	kinds := map[string]codepipeline.ActionExecutionStatus{}
	asks := map[string]bool{}
	seen := map[string]bool{}
	var names []string
	for _, run := range runs {
		stage := text(run.StageName)
		key := stage + "/" + text(run.ActionName)
		if seen[key] {
			continue
		}
		seen[key] = true
		old, ok := kinds[stage]
		if !ok {
			names = append(names, stage)
		}
		if !ok || rank(kindOf(string(run.Status))) < rank(kindOf(string(old))) {
			kinds[stage] = run.Status
		}
		asks[stage] = asks[stage] || run.Status == codepipeline.ActionExecutionStatusInProgress && isApproval(run)
	}
	var all []slipway.StageMark
	for _, name := range names {
		all = append(all, slipway.StageMark{StageName: &name, Status: new(string(kinds[name])), Asks: new(asks[name])})
	}
	return all
}

func isApproval(run codepipeline.ActionExecutionDetail) bool {
	return run.Input != nil && run.Input.ActionTypeId != nil &&
		run.Input.ActionTypeId.Category == codepipeline.ActionCategoryApproval
}

func triggerWords(t *codepipeline.ExecutionTrigger) string {
	switch t.TriggerType {
	case codepipeline.TriggerTypeCreatePipeline:
		return "Pipeline created"
	case codepipeline.TriggerTypeStartPipelineExecution:
		return "Started by hand"
	case codepipeline.TriggerTypePutActionRevision,
		codepipeline.TriggerTypePollForSourceChanges,
		codepipeline.TriggerTypeCloudWatchEvent:
		return "Push"
	}
	return string(t.TriggerType)
}
