package terminal

import (
	"strings"

	"slipway/api/codepipeline"
)

// Stage is the kind of a stage's state, and in words what is going on in it: what runs, what is waited for, why it failed.
func Stage(stage *codepipeline.StageState) (Kind, string) {
	if stage.LatestExecution == nil {
		return NotReached, ""
	}
	k := KindOf(stage.LatestExecution.Status)
	for i := range stage.ActionStates {
		a := &stage.ActionStates[i]
		x := a.LatestExecution
		switch {
		case x == nil:
		case x.Token != nil && k == Running:
			return Waiting, *a.ActionName + " waits for approval"
		case x.Status == codepipeline.ActionExecutionStatusFailed && k == Failed:
			return Failed, *a.ActionName + ": " + Failure(x)
		case x.Status == codepipeline.ActionExecutionStatusInProgress && k == Running:
			return Running, *a.ActionName + " runs"
		}
	}
	return k, ""
}

// Failure is why an action failed, in one line.
func Failure(x *codepipeline.ActionExecution) string {
	for _, text := range []*string{message(x.ErrorDetails), x.Summary} {
		if text != nil && *text != "" {
			first, _, _ := strings.Cut(strings.TrimSpace(*text), "\n")
			return Clean(first)
		}
	}
	return "failed"
}

func message(d *codepipeline.ErrorDetails) *string {
	if d == nil {
		return nil
	}
	return d.Message
}

// Kind is the state of a pipeline: what of it needs a hand most.
func (p *Pipeline) Kind() Kind {
	k := NotReached
	for i := range p.State.StageStates {
		stage := &p.State.StageStates[i]
		of, _ := Stage(stage)
		if stage.InboundExecution != nil && weight(Queued) > weight(of) {
			of = Queued
		}
		if weight(of) > weight(k) {
			k = of
		}
	}
	return k
}

// weight orders kinds: at rest, moving, awaited, broken.
func weight(k Kind) int {
	return map[Kind]int{NotReached: 0, Superseded: 1, Succeeded: 2, Stopped: 3, Queued: 4, Running: 5, Waiting: 6, Failed: 7}[k]
}

// Newest is the execution that entered the pipeline last, of those that its stages name; nil if nothing ever ran.
func (p *Pipeline) Newest() *codepipeline.PipelineExecutionSummary {
	var newest *codepipeline.PipelineExecutionSummary
	for _, x := range p.Executions {
		if newest == nil || x.StartTime != nil && newest.StartTime != nil && x.StartTime.After(newest.StartTime.Time) {
			newest = &x
		}
	}
	return newest
}

// Change is what an execution carries: its commit, or its own ID where it has none, cut short, and the first line of the message.
func Change(x *codepipeline.PipelineExecutionSummary) (commit, text string) {
	if x == nil {
		return "", ""
	}
	if len(x.SourceRevisions) == 0 {
		return Short(*x.PipelineExecutionId), ""
	}
	r := &x.SourceRevisions[0]
	if r.RevisionSummary != nil {
		text, _, _ = strings.Cut(strings.TrimSpace(*r.RevisionSummary), "\n")
	}
	return Short(*r.RevisionId), Clean(text)
}

// Short is the beginning of a commit or an ID.
func Short(id string) string { return Clean(id[:min(8, len(id))]) }

// Signs are the stages of a pipeline, a sign each.
func (p *Pipeline) Signs() string {
	var b strings.Builder
	for i := range p.State.StageStates {
		k, _ := Stage(&p.State.StageStates[i])
		b.WriteString(signs[k])
	}
	return b.String()
}
