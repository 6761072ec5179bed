package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

const executionsShown = 25

// pipelineView is one pipeline as its page shows it.
type pipelineView struct {
	*view.Pipeline
	Approvals []approval
	Asking    []asking // releases that wait for a decision
	Listed    []view.Execution
	More      string // where older executions are
	Live      int    // executions of the page that have not ended
	Failed    int    // stages
}

// asking is a release in a stage that waits for a person.
type asking struct {
	Stage, Say, Href string
	Change           change.Change
}

// fresh reports whether a new execution is what is likely wanted: nothing failed, and nothing waits.
func (p *pipelineView) fresh() bool {
	return len(p.Approvals) == 0 && len(p.Asking) == 0 && p.Failed == 0
}

func (s *pages) pipelinePage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	p, err := s.pipelineView(r, 0)
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, PipelinePage(s.Shell(r, v, p.Name, "pipeline/"+p.Name, "releases"), p, s.Now()))
	return nil
}

// pipelineView reads a pipeline. Of the diffs of its approvals it reads so many lines.
func (s *pages) pipelineView(r *http.Request, lines int32) (*pipelineView, error) {
	ctx, name := r.Context(), r.PathValue("name")
	read, err := view.ReadPipelines(ctx, s.Slipway, name)
	if err != nil {
		return nil, err
	}
	known, err := view.ReadBoard(ctx, s.Slipway, read...)
	if err != nil {
		return nil, err
	}
	if len(known.Pipelines) == 0 { // the board leaves out what its reader may not see; the pipeline itself refuses it
		_, err := s.Pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &name})
		return nil, cmp.Or(err, error(kit.ErrNoPage))
	}
	p := makePipeline(known.Pipelines[0])
	if err := s.list(ctx, p, r.URL.Query().Get("after"), known.Waiting); err != nil {
		return nil, err
	}
	for i := range p.Approvals {
		if err := s.weigh(r, p, &p.Approvals[i], lines); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// list reads a page of a pipeline's executions: the first, or the one after a token.
func (s *pages) list(ctx context.Context, p *pipelineView, after string, waiting []slipway.Waiting) error {
	in := &slipway.ListExecutionsInput{PipelineName: &p.Name, MaxResults: new(int32(executionsShown))}
	if after != "" {
		in.NextToken = &after
	}
	list, err := s.Slipway.ListExecutions(ctx, in)
	if err != nil {
		return err
	}
	ids, summaries := []string{}, make([]codepipeline.PipelineExecutionSummary, len(list.Executions))
	for i, x := range list.Executions {
		if err := json.Unmarshal(x.Summary, &summaries[i]); err != nil {
			return err
		}
		ids = append(ids, *summaries[i].PipelineExecutionId)
	}
	changes, err := view.Describe(ctx, s.Slipway, ids)
	if err != nil {
		return err
	}
	for i, x := range list.Executions {
		one := view.ExecutionOf(summaries[i], x.Stages, &p.Definition, changes)
		one.Await(waiting)
		if one.Live() {
			p.Live++
		}
		p.Listed = append(p.Listed, one)
	}
	if list.NextToken != nil {
		p.More = kit.PipelinePath(p.Name) + "?after=" + url.QueryEscape(*list.NextToken) + "#executions"
	}
	return nil
}

// makePipeline finds in the stages of a pipeline what waits for a person.
func makePipeline(from *view.Pipeline) *pipelineView {
	p := &pipelineView{Pipeline: from}
	for i := range from.Stages {
		st := &from.Stages[i]
		if st.Kind == kit.Failed {
			p.Failed++
		}
		for _, a := range st.Actions {
			switch {
			case isApproval(a):
				p.Approvals = append(p.Approvals, makeApproval(a, st.Change, from.Executions[st.Change.Execution]))
			case a.Kind == kit.Waiting && a.Release != nil:
				href := kit.ReleasePath(a.External)
				p.Asking = append(p.Asking, asking{Stage: st.Name, Say: a.Say, Href: href, Change: st.Change})
			}
		}
	}
	return p
}
