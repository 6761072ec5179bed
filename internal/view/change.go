package view

import (
	"context"
	"maps"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Change is a revision on its way, as every list and page names it: commit, subject, author, and the execution that
// carries it. Members that do not apply, or are not known, are empty.
type Change struct {
	ID         string           `json:"id,omitzero"`   // of the build, deployment or execution that was asked for
	Work       slipway.WorkKind `json:"kind,omitzero"` // which of them that is
	Pipeline   string           `json:"pipelineName,omitzero"`
	Execution  string           `json:"executionId,omitzero"`
	Number     int64            `json:"executionNumber,omitzero"`
	Repository string           `json:"repositoryName,omitzero"`
	Commit     string           `json:"commitId,omitzero"`
	Message    string           `json:"subject,omitzero"`
	Author     string           `json:"author,omitzero"`
	Cause      string           `json:"cause,omitzero"`     // why it failed
	RollsBack  string           `json:"rollsBack,omitzero"` // the deployment that it takes back
	Revision   string           `json:"revision,omitzero"`  // what is deployed, where no commit is known
	Since      *awsproto.Time   `json:"since,omitzero"`
	Until      *awsproto.Time   `json:"until,omitzero"` // when the execution changed last
}

// ChangeOf is the change of an execution, with what DescribeChanges tells of it.
func ChangeOf(x codepipeline.PipelineExecutionSummary, id string, known map[string]slipway.Change) Change {
	c := Described(known[id])
	c.Execution, c.Since, c.Until = id, x.StartTime, x.LastUpdateTime
	if len(x.SourceRevisions) > 0 {
		c.Commit = text(x.SourceRevisions[0].RevisionId)
		c.Message = FirstLine(text(x.SourceRevisions[0].RevisionSummary))
	}
	if c.Message == "" && id != "" {
		c.Message = "Execution " + Short(id)
	}
	return c
}

// Describe asks what changes builds, deployments and executions carry, by their IDs. It takes one operation for each
// 500 of them.
func Describe(ctx context.Context, api slipway.API, ids []string) (map[string]slipway.Change, error) {
	all := map[string]slipway.Change{}
	for some := range slices.Chunk(ids, idsAtOnce) {
		out, err := api.DescribeChanges(ctx, &slipway.DescribeChangesInput{Ids: some})
		if err != nil {
			return nil, err
		}
		maps.Copy(all, out.Changes)
	}
	return all, nil
}

// Described is what DescribeChanges tells of a change.
func Described(c slipway.Change) Change {
	d := Change{
		ID:         text(c.Id),
		Work:       c.Kind,
		Pipeline:   text(c.PipelineName),
		Execution:  text(c.ExecutionId),
		Repository: text(c.RepositoryName),
		Commit:     text(c.CommitId),
		Message:    text(c.Subject),
		Author:     text(c.Author),
		Cause:      text(c.Cause),
		RollsBack:  text(c.RollsBack),
		Revision:   text(c.Revision),
	}
	if c.ExecutionNumber != nil {
		d.Number = *c.ExecutionNumber
	}
	return d
}

// Short is the change's commit, or its execution where that is not known, as people read it.
func (c Change) Short() string {
	if c.Commit == "" {
		return Short(c.Execution)
	}
	return Short(c.Commit)
}

// Name is what the execution is called: its number, or the beginning of its ID where that is not known.
func (c Change) Name() string {
	if c.Number > 0 {
		return Number(c.Number)
	}
	return Short(c.Execution)
}

// Title is what a change is called in one line: the deployment that it takes back, its subject, or what is deployed
// where no commit is known.
func (c Change) Title() string {
	switch {
	case c.RollsBack != "":
		return "rollback of " + c.RollsBack
	case c.Message == "" && c.Commit == "":
		return c.Revision
	}
	return c.Message
}

// Words name a change: its commit, its subject and who made it; or what was deployed, where no commit is known.
func (c Change) Words() string {
	if c.Commit == "" {
		return c.Revision
	}
	said := Short(c.Commit)
	if c.Message != "" {
		said += " “" + c.Message + "”"
	}
	if c.Author != "" {
		said += " by " + c.Author
	}
	return said
}
