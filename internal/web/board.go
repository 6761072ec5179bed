package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// board is what the page of all pipelines shows: what needs a hand first.
type board struct {
	Hand, Way, Rest []line
	Failed, Waiting int
	More            string // where the next page is
}

// line is one pipeline.
type line struct {
	Name   string
	From   string // what starts it
	Kind   Kind
	Stages []mark
	Legs   []leg
}

// mark is a stage with its state.
type mark struct {
	Name string
	Kind Kind
	Last bool // of the pipeline: there is water behind it
}

// leg is a run of neighbouring stages that hold the same change.
type leg struct {
	Kind   Kind
	Stages []mark
	Change change
	Href   string
	Say    string // what it is at
}

// change is a revision on its way.
type change struct {
	Execution string
	Commit    string
	Message   string
	Since     *awsproto.Time
	Until     *awsproto.Time
}

// boardLines is how many pipelines a page of the board has.
const boardLines = 40

func (s *site) boardPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &slipway.GetBoardInput{MaxResults: new(int32(boardLines))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	out, err := s.Slipway.GetBoard(r.Context(), in)
	if err != nil {
		return err
	}
	releases, err := s.liveReleases(r.Context())
	if err != nil {
		return err
	}
	b := &board{}
	if out.NextToken != nil {
		b.More = "/board?after=" + url.QueryEscape(*out.NextToken)
	}
	for _, p := range out.Pipelines {
		d, state, executions, err := documents(p)
		if err != nil {
			return err
		}
		b.add(makeLine(d, state, executions, releases))
	}
	s.render(w, r, http.StatusOK, Board(s.shell(r, v, "Board", "pipelines", "releases"), b, s.Now()))
	return nil
}

func (b *board) add(l line) {
	switch l.Kind {
	case Failed:
		b.Failed++
		b.Hand = append(b.Hand, l)
	case Waiting:
		b.Waiting++
		b.Hand = append(b.Hand, l)
	case Running, Queued:
		b.Way = append(b.Way, l)
	default:
		b.Rest = append(b.Rest, l)
	}
	slices.SortStableFunc(b.Hand, func(x, y line) int { return rank(x.Kind) - rank(y.Kind) })
}

// rank orders states: broken, then awaited, then moving, then at rest.
func rank(k Kind) int {
	return slices.Index([]Kind{Failed, Waiting, Running, Queued, Back, Stopped, Superseded, Succeeded, Skipped, NotReached}, k)
}

// documents reads what a board tells of a pipeline.
func documents(p slipway.BoardPipeline) (*codepipeline.PipelineDeclaration, *codepipeline.GetPipelineStateOutput, map[string]codepipeline.PipelineExecutionSummary, error) {
	var d codepipeline.PipelineDeclaration
	var state codepipeline.GetPipelineStateOutput
	executions := map[string]codepipeline.PipelineExecutionSummary{}
	for _, part := range []struct {
		from json.RawMessage
		into any
	}{{p.Pipeline, &d}, {p.State, &state}, {p.Executions, &executions}} {
		if err := json.Unmarshal(part.from, part.into); err != nil {
			return nil, nil, nil, err
		}
	}
	return &d, &state, executions, nil
}

func makeLine(d *codepipeline.PipelineDeclaration, state *codepipeline.GetPipelineStateOutput, executions map[string]codepipeline.PipelineExecutionSummary, releases map[string]slipway.ReleaseSummary) line {
	l := line{Name: *d.Name, From: startedBy(d), Kind: NotReached}
	before := ""
	for i := range state.StageStates {
		stage := &state.StageStates[i]
		k, say := stageKind(stage, releases)
		m := mark{*stage.StageName, k, i == len(state.StageStates)-1}
		l.Stages = append(l.Stages, m)
		id := ""
		if stage.LatestExecution != nil {
			id = *stage.LatestExecution.PipelineExecutionId
		}
		if len(l.Legs) == 0 || id != before {
			l.Legs = append(l.Legs, leg{Kind: NotReached, Change: changeOf(executions[id], id), Href: "/pipelines/" + l.Name})
		}
		before = id
		g := &l.Legs[len(l.Legs)-1]
		g.Stages = append(g.Stages, m)
		if rank(k) < rank(g.Kind) || k == Succeeded && g.Kind == NotReached {
			g.Kind = k
		}
		if say != "" {
			g.Say = say
		}
		if in := stage.InboundExecution; in != nil {
			c := changeOf(executions[*in.PipelineExecutionId], *in.PipelineExecutionId)
			g.Say = strings.TrimSpace(g.Say + " Behind it waits " + short(c.Commit, c.Execution) + ".")
			if rank(Queued) < rank(l.Kind) {
				l.Kind = Queued
			}
		}
		if rank(g.Kind) < rank(l.Kind) {
			l.Kind = g.Kind
		}
	}
	return l
}

// short is a commit's first characters, or an execution's if its commit is not known.
func short(commit, execution string) string {
	if commit == "" {
		commit = execution
	}
	return commit[:min(7, len(commit))]
}

func changeOf(x codepipeline.PipelineExecutionSummary, id string) change {
	c := change{Execution: id, Since: x.StartTime, Until: x.LastUpdateTime}
	if len(x.SourceRevisions) > 0 {
		c.Commit, c.Message = text(x.SourceRevisions[0].RevisionId), firstLine(text(x.SourceRevisions[0].RevisionSummary))
	}
	if c.Message == "" && id != "" {
		c.Message = "Execution " + short("", id)
	}
	return c
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return first
}

// startedBy says what a push must go to.
func startedBy(d *codepipeline.PipelineDeclaration) string {
	for i := range d.Stages[0].Actions {
		c := d.Stages[0].Actions[i].Configuration
		switch {
		case c["BranchName"] != "":
			return c["RepositoryName"] + ", " + c["BranchName"]
		case c["S3Bucket"] != "":
			return "s3://" + c["S3Bucket"] + "/" + c["S3ObjectKey"]
		}
	}
	return ""
}

// stageKind is the state of a stage, and in words what is going on in it; releases are those under way, by their deployments.
func stageKind(stage *codepipeline.StageState, releases map[string]slipway.ReleaseSummary) (Kind, string) {
	if stage.LatestExecution == nil {
		return NotReached, ""
	}
	k := kindOf(string(stage.LatestExecution.Status))
	for _, a := range stage.ActionStates {
		x := a.LatestExecution
		if x == nil {
			continue
		}
		switch {
		case x.Token != nil && k == Running:
			return Waiting, "Waits for your approval"
		case x.Status == codepipeline.ActionExecutionStatusFailed && k == Failed:
			return Failed, *a.ActionName + ": " + failure(x)
		case x.Status == codepipeline.ActionExecutionStatusInProgress && k == Running:
			if r, ok := releases[text(x.ExternalExecutionId)]; ok {
				if one := releaseKind(r.Status, r.Paused); one == Waiting {
					k = one
				}
				return k, releaseWord(r.Status, r.Paused, r.Percent)
			}
			return Running, *a.ActionName + " is running"
		}
	}
	return k, ""
}

// failure is why an action failed, in one line.
func failure(x *codepipeline.ActionExecution) string {
	if x.ErrorDetails != nil && x.ErrorDetails.Message != nil {
		return firstLine(*x.ErrorDetails.Message)
	}
	if x.Summary != nil && *x.Summary != "" {
		return firstLine(*x.Summary)
	}
	return "failed"
}
