package web

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// change is a revision on its way, as every list and page names it: commit, subject, author, and the execution
// that carries it.
type change struct {
	Pipeline, Execution string
	Number              int64 // of the execution
	Repository          string
	Commit              string
	Message             string
	Author              string
	Cause               string // why it failed
	RollsBack           string // the deployment that it takes back
	Revision            string // what is deployed, where no commit is known
	Since, Until        *awsproto.Time
}

// changeOf is the change of an execution, with what is known of it besides.
func changeOf(x codepipeline.PipelineExecutionSummary, id string, known map[string]slipway.Change) change {
	c := described(known[id])
	c.Execution, c.Since, c.Until = id, x.StartTime, x.LastUpdateTime
	if len(x.SourceRevisions) > 0 {
		c.Commit, c.Message = text(
			x.SourceRevisions[0].RevisionId,
		), view.FirstLine(
			text(x.SourceRevisions[0].RevisionSummary),
		)
	}
	if c.Message == "" && id != "" {
		c.Message = "Execution " + view.Short(id)
	}
	return c
}

// described is what DescribeChanges tells of a change.
func described(c slipway.Change) change {
	return change{
		Pipeline:   text(c.PipelineName),
		Execution:  text(c.ExecutionId),
		Number:     number(c.ExecutionNumber),
		Repository: text(c.RepositoryName),
		Commit:     text(c.CommitId),
		Message: text(
			c.Subject,
		),
		Author:    text(c.Author),
		Cause:     text(c.Cause),
		RollsBack: text(c.RollsBack),
		Revision:  text(c.Revision),
	}
}

// short is the change's commit, or its execution where that is not known, as people read it.
func (c change) short() string {
	if c.Commit == "" {
		return view.Short(c.Execution)
	}
	return view.Short(c.Commit)
}

// href leads to the commit; "" if that is not here.
func (c change) href() string {
	if c.Repository == "" || !isCommit(c.Commit) {
		return ""
	}
	return commitPath(c.Repository, c.Commit)
}

// name is what the execution is called: its number.
func (c change) name() string {
	if c.Number > 0 {
		return view.Number(c.Number)
	}
	return view.Short(c.Execution)
}

// describe asks what changes carry, by the IDs of executions, builds and deployments.
func (s *site) describe(ctx context.Context, ids []string) (map[string]slipway.Change, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := s.Slipway.DescribeChanges(ctx, &slipway.DescribeChangesInput{Ids: ids})
	if err != nil {
		return nil, err
	}
	return out.Changes, nil
}
