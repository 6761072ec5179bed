package view

import (
	"context"
	"encoding/json"
	"slices"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Pipeline is a pipeline as the board has it: its definition, the state of its stages, and the executions that
// the state names.
type Pipeline struct {
	Name       string                                           `json:"name"`
	Definition codepipeline.PipelineDeclaration                 `json:"pipeline"`
	State      codepipeline.GetPipelineStateOutput              `json:"state"`
	Executions map[string]codepipeline.PipelineExecutionSummary `json:"executions"`
}

// ReadPipeline reads the documents of which GetBoard's answer is made.
func ReadPipeline(p slipway.BoardPipeline) (Pipeline, error) {
	read := Pipeline{Name: text(p.Name), Executions: map[string]codepipeline.PipelineExecutionSummary{}}
	for _, part := range []struct {
		from json.RawMessage
		into any
	}{{p.Pipeline, &read.Definition}, {p.State, &read.State}, {p.Executions, &read.Executions}} {
		if err := json.Unmarshal(part.from, part.into); err != nil {
			return read, err
		}
	}
	return read, nil
}

// Board is what the pipelines of a board alone do not tell: which changes these are, why something failed, what
// waits for whom, what serves where.
type Board struct {
	Changes  map[string]slipway.Change         // by the IDs of executions, builds and deployments
	Serving  map[string]slipway.ServingGroup   // by APPLICATION/GROUP
	Releases map[string]slipway.ReleaseSummary // those under way, by their deployments
	Waiting  []slipway.Waiting
}

// idsAtOnce is how many IDs DescribeChanges takes.
const idsAtOnce = 500

// ReadBoard asks for it: four operations, and one more for each 500 changes.
func ReadBoard(ctx context.Context, api slipway.API, pipelines ...*Pipeline) (*Board, error) {
	b := &Board{
		Changes:  map[string]slipway.Change{},
		Serving:  map[string]slipway.ServingGroup{},
		Releases: map[string]slipway.ReleaseSummary{},
	}
	var ids []string
	var groups []slipway.GroupRef
	for _, p := range pipelines {
		ids, groups = append(ids, p.ids()...), append(groups, p.groups()...)
	}
	if err := b.describe(ctx, api, ids); err != nil {
		return nil, err
	}
	for some := range slices.Chunk(groups, 200) { // what the operation takes
		out, err := api.ListServing(ctx, &slipway.ListServingInput{Groups: some})
		if err != nil {
			return nil, err
		}
		for _, g := range out.Groups {
			b.Serving[*g.ApplicationName+"/"+*g.DeploymentGroupName] = g
		}
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
	return b, nil
}

func (b *Board) describe(ctx context.Context, api slipway.API, ids []string) error {
	for some := range slices.Chunk(ids, idsAtOnce) {
		out, err := api.DescribeChanges(ctx, &slipway.DescribeChangesInput{Ids: some})
		if err != nil {
			return err
		}
		for id, c := range out.Changes {
			b.Changes[id] = c
		}
	}
	return nil
}

// ids are the executions of a pipeline's board, and the builds and deployments of its latest actions.
func (p *Pipeline) ids() []string {
	var ids []string
	for id := range p.Executions {
		ids = append(ids, id)
	}
	for i := range p.State.StageStates {
		for _, a := range p.State.StageStates[i].ActionStates {
			if x := a.LatestExecution; x != nil && x.ExternalExecutionId != nil &&
				x.Status == codepipeline.ActionExecutionStatusFailed {
				ids = append(ids, *x.ExternalExecutionId)
			}
		}
	}
	return ids
}

func (p *Pipeline) groups() []slipway.GroupRef {
	var all []slipway.GroupRef
	for i := range p.Definition.Stages {
		for j := range p.Definition.Stages[i].Actions {
			if app, group := Group(&p.Definition.Stages[i].Actions[j]); app != "" {
				all = append(all, slipway.GroupRef{ApplicationName: &app, DeploymentGroupName: &group})
			}
		}
	}
	return all
}

// Group is the deployment group of a deploy action; "" of any other.
func Group(a *codepipeline.ActionDeclaration) (application, group string) {
	if a == nil || a.ActionTypeId == nil || text(a.ActionTypeId.Provider) != "CodeDeploy" {
		return "", ""
	}
	return a.Configuration["ApplicationName"], a.Configuration["DeploymentGroupName"]
}

// Serves are the groups of a stage with the versions that their hosts run.
func (b *Board) Serves(d *codepipeline.StageDeclaration) []slipway.ServingGroup {
	var all []slipway.ServingGroup
	for i := range d.Actions {
		if app, group := Group(&d.Actions[i]); app != "" {
			if g, ok := b.Serving[app+"/"+group]; ok && len(g.Versions) > 0 {
				all = append(all, g)
			}
		}
	}
	return all
}

// Awaits is what waits for a person in an action of a stage; nil for nothing.
func (b *Board) Awaits(pipeline, stage string, a *codepipeline.ActionState) *slipway.Waiting {
	for i := range b.Waiting {
		w := &b.Waiting[i]
		switch {
		case w.Kind == slipway.WaitingKindApproval:
			if text(w.PipelineName) == pipeline && text(w.StageName) == stage &&
				text(w.ActionName) == text(a.ActionName) {
				return w
			}
		case a.LatestExecution != nil && text(a.LatestExecution.ExternalExecutionId) == text(w.DeploymentId):
			return w
		}
	}
	return nil
}

// Stage is the state of a stage, and in words what is going on in it.
func (b *Board) Stage(pipeline string, stage *codepipeline.StageState) (Kind, string) {
	if stage.LatestExecution == nil {
		return NotReached, ""
	}
	k, say := KindOf(stage.LatestExecution.Status), ""
	for i := range stage.ActionStates {
		a := &stage.ActionStates[i]
		one, words := b.Action(pipeline, stage, a)
		switch {
		case one == Waiting && k == Running:
			return Waiting, words
		case one == Failed && k == Failed && say == "":
			say = words
		case one == Running && k == Running && say == "":
			say = words
		}
	}
	return k, say
}

// Action is the state of an action, and in words what is going on: why it failed, what it waits for.
func (b *Board) Action(pipeline string, stage *codepipeline.StageState, a *codepipeline.ActionState) (Kind, string) {
	x := a.LatestExecution
	if x == nil {
		return NotReached, ""
	}
	k := KindOf(x.Status)
	stopped := stage.LatestExecution != nil && KindOf(stage.LatestExecution.Status) == Stopped
	switch {
	case k == Failed:
		return k, b.failure(x)
	case k != Running || stopped:
		return k, FirstLine(text(x.Summary))
	}
	if w := b.Awaits(pipeline, text(stage.StageName), a); w != nil {
		return Waiting, WaitingSentence(w)
	}
	if r, ok := b.Releases[text(x.ExternalExecutionId)]; ok {
		return ReleaseKind(r.Status, r.Paused), ReleaseWords(r.Status, r.Paused, r.Percent)
	}
	return k, text(a.ActionName) + " is running"
}

// failure is why an action failed, in one sentence.
func (b *Board) failure(x *codepipeline.ActionExecution) string {
	if c, ok := b.Changes[text(x.ExternalExecutionId)]; ok && c.Cause != nil {
		return *c.Cause
	}
	if x.ErrorDetails != nil && x.ErrorDetails.Message != nil {
		return Plain(*x.ErrorDetails.Message)
	}
	return first(Plain(text(x.Summary)), "failed")
}

// Pipeline is the state of a pipeline: what of it needs a hand most.
func (b *Board) Pipeline(p *Pipeline) Kind {
	k := NotReached
	for i := range p.State.StageStates {
		stage := &p.State.StageStates[i]
		of, _ := b.Stage(p.Name, stage)
		if stage.InboundExecution != nil && Rank(Queued) < Rank(of) {
			of = Queued
		}
		if Rank(of) < Rank(k) {
			k = of
		}
	}
	return k
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
