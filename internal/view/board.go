package view

import (
	"context"
	"maps"
	"slices"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Board is where every change is: pipelines, and what was read to tell of them.
type Board struct {
	Pipelines []*Pipeline
	Changes   map[string]slipway.Change         // by the IDs of executions, builds and deployments
	Serving   map[string]slipway.ServingGroup   // by APPLICATION/GROUP
	Releases  map[string]slipway.ReleaseSummary // those under way, by their deployments
	Waiting   []slipway.Waiting
}

const (
	idsAtOnce    = 500 // that DescribeChanges takes
	groupsAtOnce = 200 // that ListServing takes
)

// NewBoard is a board of pipelines whose changes, groups, releases and waits are given.
func NewBoard(known Board, pipelines ...*Documents) *Board {
	b := &known
	b.compute(pipelines)
	return b
}

// ReadBoard computes the board of pipelines that GetBoard has told of. It takes four operations, and one more for each
// further 500 changes and 200 deployment groups.
func ReadBoard(ctx context.Context, api slipway.API, pipelines ...*Documents) (*Board, error) {
	b := &Board{
		Changes:  map[string]slipway.Change{},
		Serving:  map[string]slipway.ServingGroup{},
		Releases: map[string]slipway.ReleaseSummary{},
	}
	waiting, err := api.ListWaiting(ctx, &slipway.ListWaitingInput{})
	if err != nil {
		return nil, err
	}
	b.Waiting = waiting.Waiting
	live, err := api.ListReleases(ctx, &slipway.ListReleasesInput{Live: new(true), MaxResults: new(int32(100))})
	if err != nil {
		return nil, err
	}
	for _, r := range live.Releases {
		b.Releases[*r.DeploymentId] = r
	}
	return b, b.Add(ctx, api, pipelines...)
}

// Add adds pipelines to a board.
func (b *Board) Add(ctx context.Context, api slipway.API, pipelines ...*Documents) error {
	var ids []string
	var groups []slipway.GroupRef
	for _, p := range pipelines {
		ids, groups = append(ids, p.ids()...), append(groups, p.groups()...)
	}
	known, err := Describe(ctx, api, ids)
	if err != nil {
		return err
	}
	maps.Copy(b.Changes, known)
	for some := range slices.Chunk(groups, groupsAtOnce) {
		out, err := api.ListServing(ctx, &slipway.ListServingInput{Groups: some})
		if err != nil {
			return err
		}
		for _, g := range out.Groups {
			b.Serving[*g.ApplicationName+"/"+*g.DeploymentGroupName] = g
		}
	}
	b.compute(pipelines)
	return nil
}

func (b *Board) compute(pipelines []*Documents) {
	for _, d := range pipelines {
		b.Pipelines = append(b.Pipelines, b.pipeline(d))
	}
}

// ids are the executions of a pipeline's board, and the builds and deployments of its latest actions that failed.
func (d *Documents) ids() []string {
	var ids []string
	for id := range d.Executions {
		ids = append(ids, id)
	}
	for i := range d.State.StageStates {
		for _, a := range d.State.StageStates[i].ActionStates {
			if x := a.LatestExecution; x != nil && x.ExternalExecutionId != nil &&
				x.Status == codepipeline.ActionExecutionStatusFailed {
				ids = append(ids, *x.ExternalExecutionId)
			}
		}
	}
	return ids
}

// groups are the deployment groups that a pipeline deploys to.
func (d *Documents) groups() []slipway.GroupRef {
	var all []slipway.GroupRef
	for _, a := range d.Actions {
		if a.ApplicationName != nil && a.DeploymentGroupName != nil {
			all = append(all, slipway.GroupRef{
				ApplicationName:     a.ApplicationName,
				DeploymentGroupName: a.DeploymentGroupName,
			})
		}
	}
	return all
}

// ReadPipelines reads all pages of GetBoard, the pipelines that need a person first, or the one that is named.
func ReadPipelines(ctx context.Context, api slipway.API, names ...string) ([]*Documents, error) {
	all := []*Documents{}
	in := &slipway.GetBoardInput{}
	if len(names) > 0 {
		in.PipelineName = &names[0]
	}
	for {
		page, err := ReadPage(ctx, api, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Pipelines...)
		if page.NextToken == nil {
			return all, nil
		}
		in.NextToken = page.NextToken
	}
}

// Page is a page of GetBoard.
type Page struct {
	Pipelines []*Documents
	NextToken *string
}

// ReadPage reads one page of GetBoard.
func ReadPage(ctx context.Context, api slipway.API, in *slipway.GetBoardInput) (*Page, error) {
	out, err := api.GetBoard(ctx, in)
	if err != nil {
		return nil, err
	}
	page := &Page{NextToken: out.NextToken}
	for _, p := range out.Pipelines {
		d, err := ReadDocuments(p)
		if err != nil {
			return nil, err
		}
		page.Pipelines = append(page.Pipelines, &d)
	}
	return page, nil
}
