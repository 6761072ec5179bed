package web

import (
	"encoding/json"
	"net/http"
	"net/url"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

const executionsShown = 25

// pipelineView is one pipeline as its page shows it.
type pipelineView struct {
	Name       string
	Kind       Kind
	Stages     []berth
	Approvals  []approval
	Executions []executionRow
	More       string // where older executions are
	Running    []executionRow
	Failed     int
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
	d, state, executions, err := documents(board.Pipelines[0])
	if err != nil {
		return nil, err
	}
	releases, err := s.liveReleases(ctx)
	if err != nil {
		return nil, err
	}
	p := makePipeline(d, state, executions, releases)
	for _, x := range list.Executions {
		var summary codepipeline.PipelineExecutionSummary
		if err := json.Unmarshal(x.Summary, &summary); err != nil {
			return nil, err
		}
		row := listedRow(summary, x.Stages, d)
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
func makePipeline(d *codepipeline.PipelineDeclaration, state *codepipeline.GetPipelineStateOutput, executions map[string]codepipeline.PipelineExecutionSummary, releases map[string]slipway.ReleaseSummary) *pipelineView {
	p := &pipelineView{Name: *d.Name, Kind: NotReached}
	declared := map[string]*codepipeline.StageDeclaration{}
	for i := range d.Stages {
		declared[*d.Stages[i].Name] = &d.Stages[i]
	}
	before := ""
	for i := range state.StageStates {
		st := &state.StageStates[i]
		k, _ := stageKind(st, releases)
		b := berth{Name: *st.StageName, Kind: k, Door: st.InboundTransitionState, Closed: closed(st.InboundTransitionState), Retryable: k == Failed || k == Stopped}
		if i+1 < len(state.StageStates) {
			b.Next, b.NextDoor = *state.StageStates[i+1].StageName, state.StageStates[i+1].InboundTransitionState
		}
		if st.LatestExecution != nil {
			id := *st.LatestExecution.PipelineExecutionId
			b.Change, b.Cont = changeOf(executions[id], id), id == before
			before = id
		}
		if in := st.InboundExecution; in != nil {
			b.Inbound = new(changeOf(executions[*in.PipelineExecutionId], *in.PipelineExecutionId))
		}
		b.Groups = groups(declared[b.Name], st, k, releases)
		for _, g := range b.Groups {
			for _, a := range g {
				if a.Kind == Waiting && a.run != nil && a.run.Token != nil {
					p.Approvals = append(p.Approvals, makeApproval(a, b.Change, executions[b.Change.Execution], actionOf(declared[b.Name], a.Name)))
				}
			}
		}
		if k == Failed {
			p.Failed++
		}
		if rank(k) < rank(p.Kind) {
			p.Kind = k
		}
		p.Stages = append(p.Stages, b)
	}
	moor(p.Stages)
	return p
}
