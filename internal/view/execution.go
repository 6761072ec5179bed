package view

import (
	"strings"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Mark is a stage with its state, in a row of stages.
type Mark struct {
	Name string
	Kind Kind
}

// Execution is an execution of a pipeline, in a list or on a page of its own.
type Execution struct {
	ID     string
	Change Change
	Kind   Kind
	Word   string // its state: "Failed in Build"
	Note   string // why, where the state does not say it
	// SupersededBy is the execution that took its place, and SupersededName what that is called.
	SupersededBy, SupersededName string
	Stages                       []Mark
	Trigger                      string // what started it
}

// Live reports whether the execution has not ended.
func (x *Execution) Live() bool { return x.Kind == Running || x.Kind == Waiting }

// ExecutionOf is an execution of a pipeline: stages are those that it has reached.
func ExecutionOf(
	x codepipeline.PipelineExecutionSummary,
	stages []slipway.StageMark,
	d *codepipeline.PipelineDeclaration,
	known map[string]slipway.Change,
) Execution {
	id := *x.PipelineExecutionId
	one := Execution{
		ID:     id,
		Change: ChangeOf(x, id, known),
		Kind:   KindOf(x.Status),
		Word:   StatusWord(x.Status),
		Note:   text(x.StatusSummary),
	}
	if by, ok := strings.CutPrefix(one.Note, "Superseded by execution "); ok {
		one.SupersededBy, one.SupersededName, one.Note = by, Described(known[by]).Name(), ""
		if known[by].Id == nil {
			one.SupersededName = Short(by)
		}
	}
	if x.StopTrigger != nil && text(x.StopTrigger.Reason) != "" {
		one.Note = "“" + *x.StopTrigger.Reason + "”"
	}
	if x.Trigger != nil {
		one.Trigger = triggerWords(x.Trigger)
	}
	one.mark(stages, d)
	return one
}

// mark notes how an execution stands in each stage of its pipeline.
func (x *Execution) mark(reached []slipway.StageMark, d *codepipeline.PipelineDeclaration) {
	kinds := map[string]Kind{}
	for _, m := range x.read(reached) {
		kinds[m.Name] = m.Kind
	}
	for i := range d.Stages {
		k, ok := kinds[*d.Stages[i].Name]
		if !ok {
			k = NotReached
		}
		x.Stages = append(x.Stages, Mark{Name: *d.Stages[i].Name, Kind: k})
	}
	x.where()
}

// read reads the stages that an execution has reached. An execution waits if one of them does.
func (x *Execution) read(reached []slipway.StageMark) []Mark {
	var all []Mark
	for _, m := range reached {
		one := Mark{Name: text(m.StageName), Kind: KindOf(text(m.Status))}
		if m.Asks != nil && *m.Asks {
			one.Kind = Waiting
			if x.Kind == Running {
				x.Kind, x.Word = Waiting, Waiting.Title()
			}
		}
		all = append(all, one)
	}
	return all
}

// where says in which stage an execution failed or runs.
func (x *Execution) where() {
	for _, m := range x.Stages {
		if m.Kind == x.Kind && (x.Kind == Failed || x.Kind == Running) {
			x.Word += " in " + m.Name
			return
		}
	}
}

// ExecutionWith is an execution that carries a commit, with the stages that it has reached.
func ExecutionWith(x slipway.CommitExecution) Execution {
	one := Execution{
		Change: Described(*x.Change),
		Kind:   KindOf(text(x.Status)),
		Word:   StatusWord(text(x.Status)),
	}
	one.ID = one.Change.Execution
	one.Stages = one.read(x.Stages)
	one.where()
	return one
}

// Await notes what in an execution waits for a person.
func (x *Execution) Await(all []slipway.Waiting) {
	for i := range all {
		if text(all[i].PipelineExecutionId) == x.ID {
			x.Kind, x.Word, x.Note = Waiting, WaitingWords(&all[i]), WaitingReason(&all[i])
		}
	}
}

func triggerWords(t *codepipeline.ExecutionTrigger) string {
	switch t.TriggerType {
	case codepipeline.TriggerTypeCreatePipeline:
		return "Pipeline created"
	case codepipeline.TriggerTypeStartPipelineExecution:
		return "Started by hand"
	case codepipeline.TriggerTypeManualRollback:
		return "Rollback by hand"
	case codepipeline.TriggerTypeAutomatedRollback:
		return "Rollback after a failure"
	case codepipeline.TriggerTypePutActionRevision,
		codepipeline.TriggerTypePollForSourceChanges,
		codepipeline.TriggerTypeCloudWatchEvent:
		return "Push"
	}
	return string(t.TriggerType)
}

// Run is one run of an action.
type Run struct {
	Stage, Action string
	Kind          Kind
	Error         string // why it failed
	Say           string // what it says of itself
	By            string // who ended it, of an approval
	External      string // the build or deployment that it started
	URL           string // of that
	Token         string // of an approval that waits in an execution of the mode PARALLEL
	Detail        codepipeline.ActionExecutionDetail
}

// RunOf is one run of an action, with what DescribeChanges tells of what it started.
func RunOf(a codepipeline.ActionExecutionDetail, known map[string]slipway.Change) Run {
	one := Run{
		Stage:  text(a.StageName),
		Action: text(a.ActionName),
		Kind:   KindOf(a.Status),
		By:     LastPart(text(a.UpdatedBy)),
		Detail: a,
	}
	if asks(a) {
		one.Kind = Waiting
	}
	if a.Output == nil || a.Output.ExecutionResult == nil {
		return one
	}
	result := a.Output.ExecutionResult
	if one.Kind == Waiting {
		one.Token = text(result.ExternalExecutionId)
		return one
	}
	one.URL, one.External = text(result.ExternalExecutionUrl), text(result.ExternalExecutionId)
	one.Say = FirstLine(text(result.ExternalExecutionSummary))
	if result.ErrorDetails != nil {
		one.Error = Plain(text(result.ErrorDetails.Message))
	}
	if cause := known[one.External].Cause; cause != nil && one.Kind == Failed {
		one.Error = *cause
	}
	return one
}

// asks reports whether a run is an approval that waits.
func asks(a codepipeline.ActionExecutionDetail) bool {
	return a.Status == codepipeline.ActionExecutionStatusInProgress && a.Input != nil && a.Input.ActionTypeId != nil &&
		a.Input.ActionTypeId.Category == codepipeline.ActionCategoryApproval
}

// Marks are the stages of an execution as the runs of its actions leave them. The runs are the newest first.
func Marks(runs []codepipeline.ActionExecutionDetail) []slipway.StageMark {
	var all []slipway.StageMark
	at := map[string]int{} // by stage
	seen := map[string]bool{}
	for _, run := range runs {
		stage := text(run.StageName)
		key := stage + "/" + text(run.ActionName)
		if seen[key] {
			continue
		}
		seen[key] = true
		i, ok := at[stage]
		if !ok {
			i = len(all)
			at[stage] = i
			all = append(all, slipway.StageMark{StageName: &stage, Asks: new(false)})
		}
		m := &all[i]
		if m.Status == nil || Rank(KindOf(run.Status)) < Rank(KindOf(*m.Status)) {
			m.Status = new(string(run.Status))
		}
		*m.Asks = *m.Asks || asks(run)
	}
	return all
}

// Externals are the builds and deployments that runs started.
func Externals(runs []codepipeline.ActionExecutionDetail) []string {
	var ids []string
	for _, a := range runs {
		if a.Output != nil && a.Output.ExecutionResult != nil &&
			a.Output.ExecutionResult.ExternalExecutionId != nil && !asks(a) {
			ids = append(ids, *a.Output.ExecutionResult.ExternalExecutionId)
		}
	}
	return ids
}
