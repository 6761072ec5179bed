package view

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Documents is a pipeline as GetBoard answers with it: its definition, the state of its stages, the executions that
// the state names, and what its providers say of its actions.
type Documents struct {
	Name       string                                           `json:"name"`
	Definition codepipeline.PipelineDeclaration                 `json:"pipeline"`
	State      codepipeline.GetPipelineStateOutput              `json:"state"`
	Executions map[string]codepipeline.PipelineExecutionSummary `json:"executions"`
	Actions    []slipway.DescribedAction                        `json:"actions,omitzero"`
}

// ReadDocuments reads the documents of GetBoard's answer.
func ReadDocuments(p slipway.BoardPipeline) (Documents, error) {
	d := Documents{
		Name:       text(p.Name),
		Executions: map[string]codepipeline.PipelineExecutionSummary{},
		Actions:    p.Actions,
	}
	for _, part := range []struct {
		from json.RawMessage
		into any
	}{{p.Pipeline, &d.Definition}, {p.State, &d.State}, {p.Executions, &d.Executions}} {
		if err := json.Unmarshal(part.from, part.into); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Newest is the execution that entered the pipeline last, of those that its stages name; nil if nothing ever ran.
func (d *Documents) Newest() *codepipeline.PipelineExecutionSummary {
	var newest *codepipeline.PipelineExecutionSummary
	for _, x := range d.Executions {
		if newest == nil || x.StartTime != nil && newest.StartTime != nil && x.StartTime.After(newest.StartTime.Time) {
			newest = &x
		}
	}
	return newest
}

// Pipeline is a pipeline as people see it.
type Pipeline struct {
	Documents
	Kind       Kind    `json:"kind"`
	Source     string  `json:"source"`                  // what starts it, in a few words: "greeter, main"
	Repository string  `json:"repositoryName,omitzero"` // of its source, if its changes are commits of one here
	Stages     []Stage `json:"stages"`
	Spans      []Span  `json:"-"`
}

// Stage is a stage of a pipeline, with the change that is in it or was in it last.
type Stage struct {
	Name     string                 `json:"name"`
	Kind     Kind                   `json:"kind"`
	Say      string                 `json:"say,omitzero"` // what is going on: why it failed, what it waits for
	Change   Change                 `json:"change,omitzero"`
	Inbound  *Change                `json:"inbound,omitzero"` // the change that enters next
	Behind   int                    `json:"behind,omitzero"`  // how many changes wait behind that one
	Closed   string                 `json:"closed,omitzero"`  // who closed the transition into it, and why
	Actions  []Action               `json:"actions"`
	Serves   []slipway.ServingGroup `json:"serves,omitzero"` // the versions that run in the groups it deploys to
	ClosedAt *awsproto.Time         `json:"closedAt,omitzero"`
	Gates    []Gate                 `json:"conditions,omitzero"` // its conditions, as far as they were checked
}

// Retryable reports whether the stage can be run again.
func (s *Stage) Retryable() bool { return s.Kind == Failed || s.Kind == Stopped }

// Action is an action of a stage with its latest run.
type Action struct {
	Stage    string                  `json:"-"`
	Name     string                  `json:"name"`
	Order    int32                   `json:"runOrder"`
	What     string                  `json:"what,omitzero"` // what it works on
	Kind     Kind                    `json:"kind"`
	Say      string                  `json:"say,omitzero"`      // why it failed, what it waits for
	External string                  `json:"external,omitzero"` // the build or deployment that it started
	URL      string                  `json:"url,omitzero"`      // of that, or of what it works on
	Since    *awsproto.Time          `json:"since,omitzero"`    // when its state changed last
	Token    string                  `json:"-"`                 // of an approval that waits
	Release  *slipway.ReleaseSummary `json:"release,omitzero"`  // that is under way
	Waiting  *slipway.Waiting        `json:"waiting,omitzero"`  // what a person is waited for to do
}

// Span is a run of neighbouring stages that hold the same change, or none.
type Span struct {
	Stages  []Stage
	Kind    Kind // of its stages the one that needs a person most
	Change  Change
	Say     string // what is going on in it
	Waits   string // which change waits to enter it
	Percent int32  // of the traffic that a release under way has moved; 0 for none
}

// pipeline computes a pipeline from its documents and from what else is known.
func (b *Board) pipeline(d *Documents) *Pipeline {
	p := &Pipeline{Documents: *d, Kind: NotReached}
	for _, a := range d.sources() {
		p.Source = first(p.Source, text(a.What))
		p.Repository = first(p.Repository, text(a.RepositoryName))
	}
	for i := range d.State.StageStates {
		s := b.stage(d, &d.State.StageStates[i])
		if Rank(s.Kind) < Rank(p.Kind) {
			p.Kind = s.Kind
		}
		if s.Inbound != nil && Rank(Queued) < Rank(p.Kind) {
			p.Kind = Queued
		}
		p.Stages = append(p.Stages, s)
	}
	p.Spans = Spans(p.Stages)
	return p
}

// sources are the actions of the first stage.
func (d *Documents) sources() []slipway.DescribedAction {
	if len(d.Definition.Stages) == 0 {
		return nil
	}
	return d.actionsOf(text(d.Definition.Stages[0].Name))
}

func (d *Documents) actionsOf(stage string) []slipway.DescribedAction {
	var all []slipway.DescribedAction
	for _, a := range d.Actions {
		if text(a.StageName) == stage {
			all = append(all, a)
		}
	}
	return all
}

func (b *Board) stage(d *Documents, st *codepipeline.StageState) Stage {
	s := Stage{Name: text(st.StageName), Kind: NotReached, Closed: closedWords(st.InboundTransitionState)}
	if s.Closed != "" {
		s.ClosedAt = st.InboundTransitionState.LastChangedAt
	}
	if x := st.LatestExecution; x != nil {
		s.Kind = KindOf(x.Status)
		s.Change = ChangeOf(d.Executions[*x.PipelineExecutionId], *x.PipelineExecutionId, b.Changes)
	}
	if in := st.InboundExecution; in != nil {
		s.Inbound = new(ChangeOf(d.Executions[*in.PipelineExecutionId], *in.PipelineExecutionId, b.Changes))
		s.Behind = max(0, len(st.InboundExecutions)-1)
	}
	told := d.actionsOf(s.Name)
	for i := range st.ActionStates {
		a := b.action(d.Name, st, &st.ActionStates[i])
		for _, t := range told {
			if text(t.ActionName) == a.Name {
				a.What = text(t.What)
			}
		}
		a.Order = d.order(s.Name, a.Name)
		s.Actions = append(s.Actions, a)
	}
	for _, t := range told {
		g, ok := b.Serving[text(t.ApplicationName)+"/"+text(t.DeploymentGroupName)]
		if ok && len(g.Versions) > 0 {
			s.Serves = append(s.Serves, g)
		}
	}
	s.Gates = gates(st)
	s.sum()
	return s
}

// order is the run order of an action.
func (d *Documents) order(stage, action string) int32 {
	for i := range d.Definition.Stages {
		st := &d.Definition.Stages[i]
		for j := range st.Actions {
			a := &st.Actions[j]
			if text(st.Name) == stage && text(a.Name) == action && a.RunOrder != nil {
				return *a.RunOrder
			}
		}
	}
	return 1
}

// sum says what is going on in a stage, by its actions. One that waits for a person counts most.
func (s *Stage) sum() {
	k := s.Kind
	if k != Running && k != Failed {
		return
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		switch {
		case k == Running && a.Kind == Waiting:
			s.Kind, s.Say = Waiting, a.Say
			return
		case a.Kind == k && s.Say == "":
			s.Say = a.Say
		}
	}
	for _, g := range s.Gates {
		if g.Kind == k && s.Say == "" {
			s.Say = g.Say
		}
	}
}

// action is an action with its latest run.
func (b *Board) action(pipeline string, st *codepipeline.StageState, state *codepipeline.ActionState) Action {
	a := Action{
		Stage: text(st.StageName),
		Name:  text(state.ActionName),
		Kind:  NotReached,
		URL:   text(state.EntityUrl),
	}
	x := state.LatestExecution
	if x == nil {
		return a
	}
	a.Kind, a.Since = KindOf(x.Status), x.LastStatusChange
	a.External, a.Token = text(x.ExternalExecutionId), text(x.Token)
	a.URL = first(text(x.ExternalExecutionUrl), a.URL)
	if r, ok := b.Releases[a.External]; ok {
		a.Release = &r
	}
	stopped := st.LatestExecution != nil && KindOf(st.LatestExecution.Status) == Stopped
	switch {
	case a.Kind == Failed:
		a.Say = b.failure(x)
	case a.Kind != Running || stopped:
		a.Say = FirstLine(text(x.Summary))
	default:
		b.goesOn(pipeline, st, &a)
	}
	return a
}

// goesOn says what an action is at that has not ended.
func (b *Board) goesOn(pipeline string, st *codepipeline.StageState, a *Action) {
	a.Waiting = b.awaits(pipeline, st, a)
	switch r := a.Release; {
	case a.Waiting != nil:
		a.Kind, a.Say = Waiting, WaitingSentence(a.Waiting)
	case r != nil:
		a.Kind, a.Say = ReleaseKind(r.Status, r.Paused), ReleaseWords(r.Status, r.Paused, r.Percent)
	default:
		a.Say = a.Name + " is running"
	}
}

// awaits is what waits for a person in an action; nil for nothing.
func (b *Board) awaits(pipeline string, st *codepipeline.StageState, a *Action) *slipway.Waiting {
	execution := ""
	if st.LatestExecution != nil {
		execution = text(st.LatestExecution.PipelineExecutionId)
	}
	for i := range b.Waiting {
		w := &b.Waiting[i]
		switch {
		case w.Kind == slipway.WaitingKindApproval:
			here := text(w.PipelineName) == pipeline && text(w.PipelineExecutionId) == execution
			if here && text(w.StageName) == a.Stage && text(w.ActionName) == a.Name {
				return w
			}
		case a.External != "" && a.External == text(w.DeploymentId):
			return w
		}
	}
	return nil
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

// closedWords say who closed a transition, and why; "" for one that is open.
func closedWords(t *codepipeline.TransitionState) string {
	if t == nil || t.Enabled == nil || *t.Enabled {
		return ""
	}
	say := "closed"
	if by := LastPart(text(t.LastChangedBy)); by != "" {
		say += " by " + by
	}
	if t.DisabledReason != nil {
		say += ": " + *t.DisabledReason
	}
	return say
}

// LastPart is the name at the end of an ARN.
func LastPart(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

// Spans puts neighbouring stages together that hold the same change.
func Spans(stages []Stage) []Span {
	var all []Span
	for i := range stages {
		s := &stages[i]
		if i == 0 || s.Change.Execution != stages[i-1].Change.Execution {
			all = append(all, Span{Kind: NotReached, Change: s.Change})
		}
		last := &all[len(all)-1]
		last.Stages = stages[i-len(last.Stages) : i+1]
		last.take(s)
	}
	return all
}

// take adds the state of a stage to that of its span.
func (g *Span) take(s *Stage) {
	if Rank(s.Kind) < Rank(g.Kind) {
		g.Kind = s.Kind
	}
	if s.Say != "" && s.Kind != Succeeded {
		g.Say = s.Say
	}
	if s.Inbound != nil {
		g.Waits = s.Inbound.Short() + " waits to enter " + s.Name
		if s.Behind > 0 {
			g.Waits += fmt.Sprintf(", and %d more", s.Behind)
		}
	}
	for _, a := range s.Actions {
		if s.Kind == Running && a.Release != nil && a.Release.Percent != nil {
			g.Percent = max(g.Percent, *a.Release.Percent)
		}
	}
}

// Groups are the actions of a stage by their run order. Those of a group run at the same time.
func (s *Stage) Groups() [][]Action {
	byOrder := map[int32][]Action{}
	for _, a := range s.Actions {
		byOrder[a.Order] = append(byOrder[a.Order], a)
	}
	var all [][]Action
	for _, order := range slices.Sorted(maps.Keys(byOrder)) {
		all = append(all, byOrder[order])
	}
	return all
}
