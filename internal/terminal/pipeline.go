package terminal

import (
	"slipway/api/codepipeline"
	"slipway/internal/view"
)

// Change is what an execution carries: its commit, or its own ID where it has none, cut short, and the first
// line of the message.
func Change(x *codepipeline.PipelineExecutionSummary) (commit, text string) {
	if x == nil || x.PipelineExecutionId == nil {
		return "", ""
	}
	if len(x.SourceRevisions) == 0 {
		return Short(*x.PipelineExecutionId), ""
	}
	r := &x.SourceRevisions[0]
	if r.RevisionSummary != nil {
		text = view.FirstLine(*r.RevisionSummary)
	}
	return Short(*r.RevisionId), Clean(text)
}

// Short is the beginning of a commit or an ID.
func Short(id string) string { return Clean(view.Short(id)) }

// Signs are the stages of a pipeline, a sign each.
func Signs(p *view.Pipeline) string {
	text := ""
	for i := range p.Stages {
		text += signs[p.Stages[i].Kind]
	}
	return text
}
