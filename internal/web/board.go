package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
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
	Serves []served
}

// mark is a stage with its state.
type mark struct {
	Name string
	Kind Kind
	Last bool   // of the pipeline: there is water behind it
	Door string // who closed the way into it, and why; "" if it is open
}

// served is a deployment group with what runs in it now.
type served struct {
	Group    string // its name
	Href     string
	Versions []servedVersion
}

type servedVersion struct {
	Change     change
	Deployment string
	Failed     bool
	Hosts      string // "" if all hosts run it
}

// leg is a run of neighbouring stages that hold the same change.
type leg struct {
	Kind   Kind
	Stages []mark
	Change change
	Href   string
	Say    string // what it is at
	Behind string // which change waits to enter it
	// Percent is how much of the traffic a release under way has moved; 0 for none.
	Percent int32
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
	pipelines, err := readPipelines(out.Pipelines)
	if err != nil {
		return err
	}
	known, err := view.ReadBoard(r.Context(), s.Slipway, pipelines...)
	if err != nil {
		return err
	}
	if in.NextToken == nil {
		if pipelines, err = s.awaited(r.Context(), known, pipelines); err != nil {
			return err
		}
	}
	b := &board{}
	if out.NextToken != nil {
		b.More = "/board?after=" + url.QueryEscape(*out.NextToken)
	}
	for _, p := range pipelines {
		b.add(makeLine(p, known))
	}
	s.render(w, r, http.StatusOK, Board(s.shell(r, v, "Board", "pipelines", "releases"), b, s.Now()))
	return nil
}

func readPipelines(from []slipway.BoardPipeline) ([]*view.Pipeline, error) {
	var all []*view.Pipeline
	for _, p := range from {
		read, err := view.ReadPipeline(p)
		if err != nil {
			return nil, err
		}
		all = append(all, &read)
	}
	return all, nil
}

// awaitedAtMost is how many pipelines are added to the first page of a board.
const awaitedAtMost = 20

// awaited adds the pipelines in which a release waits for a person, and which GetBoard has on a later page: to
// it they move.
func (s *site) awaited(ctx context.Context, known *view.Board, all []*view.Pipeline) ([]*view.Pipeline, error) {
	for _, w := range known.Waiting {
		name := text(w.PipelineName)
		if name == "" || len(all) > boardLines+awaitedAtMost ||
			slices.ContainsFunc(all, func(p *view.Pipeline) bool { return p.Name == name }) {
			continue
		}
		out, err := s.Slipway.GetBoard(ctx, &slipway.GetBoardInput{PipelineName: &name})
		if err != nil {
			continue //nolint:nilerr // it was deleted a moment ago
		}
		more, err := readPipelines(out.Pipelines)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
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

func makeLine(p *view.Pipeline, known *view.Board) line {
	l := line{Name: p.Name, From: startedBy(&p.Definition), Kind: NotReached}
	before := ""
	for i := range p.State.StageStates {
		stage := &p.State.StageStates[i]
		k, say := known.Stage(p.Name, stage)
		m := mark{*stage.StageName, k, i == len(p.State.StageStates)-1, doorWords(stage.InboundTransitionState)}
		l.Stages = append(l.Stages, m)
		id := ""
		if stage.LatestExecution != nil {
			id = *stage.LatestExecution.PipelineExecutionId
		}
		if len(l.Legs) == 0 || id != before {
			g := leg{Kind: NotReached, Change: changeOf(p.Executions[id], id, known.Changes)}
			if id != "" {
				g.Href = executionPath(p.Name, id)
			}
			l.Legs = append(l.Legs, g)
		}
		before = id
		g := &l.Legs[len(l.Legs)-1]
		g.take(m, say)
		for _, a := range stage.ActionStates {
			if x := a.LatestExecution; x != nil && m.Kind == Running {
				g.Percent = max(g.Percent, number32(known.Releases[text(x.ExternalExecutionId)].Percent))
			}
		}
		if in := stage.InboundExecution; in != nil {
			behind := changeOf(p.Executions[*in.PipelineExecutionId], *in.PipelineExecutionId, known.Changes)
			g.Behind = behind.short() + " waits to enter " + m.Name
			if rank(Queued) < rank(l.Kind) {
				l.Kind = Queued
			}
		}
		if rank(g.Kind) < rank(l.Kind) {
			l.Kind = g.Kind
		}
	}
	l.Serves = servedIn(&p.Definition, known)
	return l
}

// take adds a stage to a leg, whose state is that of its worst stage.
func (g *leg) take(m mark, say string) {
	g.Stages = append(g.Stages, m)
	if rank(m.Kind) < rank(g.Kind) || m.Kind == Succeeded && g.Kind == NotReached {
		g.Kind = m.Kind
	}
	if say != "" && m.Kind != Succeeded {
		g.Say = say
	}
}

// doorWords say who closed a transition, and why; "" for one that is open.
func doorWords(t *codepipeline.TransitionState) string {
	if !closed(t) {
		return ""
	}
	say := "closed"
	if by := lastPart(text(t.LastChangedBy)); by != "" {
		say += " by " + by
	}
	if t.DisabledReason != nil {
		say += ": " + *t.DisabledReason
	}
	return say
}

// servedIn are the groups that a pipeline deploys to, with what their hosts run.
func servedIn(d *codepipeline.PipelineDeclaration, known *view.Board) []served {
	var all []served
	for i := range d.Stages {
		for _, g := range known.Serves(&d.Stages[i]) {
			all = append(all, servedOf(g))
		}
	}
	return all
}

func servedOf(g slipway.ServingGroup) served {
	one := served{Group: *g.DeploymentGroupName, Href: string(groupURL(*g.ApplicationName, *g.DeploymentGroupName))}
	for _, v := range g.Versions {
		x := servedVersion{Deployment: *v.DeploymentId, Failed: v.Failed != nil && *v.Failed}
		if v.Change != nil {
			x.Change = described(*v.Change)
		}
		if len(g.Versions) > 1 {
			x.Hosts = view.Names(v.Hosts, 3)
		}
		one.Versions = append(one.Versions, x)
	}
	return one
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
