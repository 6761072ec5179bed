package web

import (
	"encoding/json"
	"net/http"
	"net/url"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

const executionsShown = 25

// pipelineView is one pipeline as its page shows it.
type pipelineView struct {
	Name       string
	Kind       Kind
	Stages     []berth
	Approvals  []approval
	Asking     []asking // releases that wait for a decision
	Executions []executionRow
	More       string // where older executions are
	Running    []executionRow
	Failed     int
}

// asking is a release in a stage that waits for a person.
type asking struct {
	Stage, Say, Href string
	Change           change
}

// fresh tells whether a new execution is what is likely wanted: nothing failed, and nothing waits.
func (p *pipelineView) fresh() bool {
	return len(p.Approvals) == 0 && len(p.Asking) == 0 && p.Failed == 0
}

func (s *site) pipelinePage(w http.ResponseWriter, r *http.Request, v visitor) error {
	p, err := s.pipelineView(r, 0)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, PipelinePage(s.shell(r, v, p.Name, "pipeline/"+p.Name, "releases"), p, s.Now()))
	return nil
}

// pipelineView reads a pipeline; of the diffs of approvals it reads so many lines.
func (s *site) pipelineView(r *http.Request, lines int32) (*pipelineView, error) {
	ctx, name := r.Context(), r.PathValue("name")
	board, err := s.Slipway.GetBoard(ctx, &slipway.GetBoardInput{PipelineName: &name})
	if err != nil {
		return nil, err
	}
	in := &slipway.ListExecutionsInput{PipelineName: &name, MaxResults: new(int32(executionsShown))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Slipway.ListExecutions(ctx, in)
	if err != nil {
		return nil, err
	}
	all, err := readPipelines(board.Pipelines)
	if err != nil {
		return nil, err
	}
	known, err := view.ReadBoard(ctx, s.Slipway, all...)
	if err != nil {
		return nil, err
	}
	p, d := makePipeline(all[0], known), &all[0].Definition
	var ids []string
	var summaries []codepipeline.PipelineExecutionSummary
	for _, x := range list.Executions {
		var summary codepipeline.PipelineExecutionSummary
		if err := json.Unmarshal(x.Summary, &summary); err != nil {
			return nil, err
		}
		ids, summaries = append(ids, *summary.PipelineExecutionId), append(summaries, summary)
	}
	changes, err := s.describe(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, x := range list.Executions {
		row := listedRow(summaries[i], x.Stages, d, changes)
		row.awaits(known.Waiting)
		if row.Kind == Running || row.Kind == Waiting {
			p.Running = append(p.Running, row)
		}
		p.Executions = append(p.Executions, row)
	}
	if list.NextToken != nil {
		p.More = pipelinePath(name) + "?after=" + url.QueryEscape(*list.NextToken) + "#executions"
	}
	for i := range p.Approvals {
		if err := s.weigh(r, d, p, &p.Approvals[i], lines); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// makePipeline puts the stages together from what the services told.
func makePipeline(from *view.Pipeline, known *view.Board) *pipelineView {
	p := &pipelineView{Name: from.Name, Kind: NotReached}
	declared := map[string]*codepipeline.StageDeclaration{}
	for i := range from.Definition.Stages {
		declared[*from.Definition.Stages[i].Name] = &from.Definition.Stages[i]
	}
	before, state := "", from.State.StageStates
	for i := range state {
		st := &state[i]
		k, _ := known.Stage(p.Name, st)
		b := berth{
			Name:      *st.StageName,
			Kind:      k,
			Door:      st.InboundTransitionState,
			Closed:    closed(st.InboundTransitionState),
			Retryable: k == Failed || k == Stopped,
		}
		if i+1 < len(state) {
			b.Next, b.NextDoor = *state[i+1].StageName, state[i+1].InboundTransitionState
		}
		if st.LatestExecution != nil {
			id := *st.LatestExecution.PipelineExecutionId
			b.Change, b.Cont = changeOf(from.Executions[id], id, known.Changes), id == before
			before = id
		}
		if in := st.InboundExecution; in != nil {
			b.Inbound = new(changeOf(from.Executions[*in.PipelineExecutionId], *in.PipelineExecutionId, known.Changes))
		}
		b.Groups = groups(p.Name, declared[b.Name], st, known)
		if d := declared[b.Name]; d != nil {
			for _, g := range known.Serves(d) {
				b.Serves = append(b.Serves, servedOf(g))
			}
		}
		p.take(b, from.Executions[b.Change.Execution], declared[b.Name])
	}
	moor(p.Stages)
	return p
}

// take adds a stage, and what waits in it.
func (p *pipelineView) take(b berth, x codepipeline.PipelineExecutionSummary, d *codepipeline.StageDeclaration) {
	for _, g := range b.Groups {
		for _, a := range g {
			switch {
			case a.Kind == Waiting && a.run != nil && a.run.Token != nil:
				p.Approvals = append(p.Approvals, makeApproval(a, b.Change, x, actionOf(d, a.Name)))
			case a.Kind == Waiting && a.Release != "":
				p.Asking = append(p.Asking, asking{Stage: b.Name, Say: a.Say, Href: a.Release, Change: b.Change})
			}
		}
	}
	if b.Kind == Failed {
		p.Failed++
	}
	if rank(b.Kind) < rank(p.Kind) {
		p.Kind = b.Kind
	}
	p.Stages = append(p.Stages, b)
}
