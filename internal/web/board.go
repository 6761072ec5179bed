package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// board is what the page of all pipelines shows: those that need a person first.
type board struct {
	Urgent, Running, Idle []*view.Pipeline
	More                  string // where the next page is
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

// boardLines is how many pipelines a page of the board has.
const boardLines = 40

func (s *site) boardPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &slipway.GetBoardInput{MaxResults: new(int32(boardLines))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	page, err := view.ReadPage(r.Context(), s.Slipway, in)
	if err != nil {
		return err
	}
	known, err := view.ReadBoard(r.Context(), s.Slipway, page.Pipelines...)
	if err != nil {
		return err
	}
	if in.NextToken == nil {
		if err := s.addAwaited(r.Context(), known); err != nil {
			return err
		}
	}
	b := &board{}
	if page.NextToken != nil {
		b.More = "/board?after=" + url.QueryEscape(*page.NextToken)
	}
	for _, p := range known.Pipelines {
		b.add(p)
	}
	s.render(w, r, http.StatusOK, Board(s.shell(r, v, "Board", "pipelines", "releases"), b, s.Now()))
	return nil
}

// awaitedAtMost is how many pipelines are added to the first page of a board.
const awaitedAtMost = 20

// addAwaited adds the pipelines in which a release waits for a person, and which GetBoard has on a later page.
func (s *site) addAwaited(ctx context.Context, known *view.Board) error {
	var more []*view.Documents
	for _, w := range known.Waiting {
		name := text(w.PipelineName)
		listed := slices.ContainsFunc(known.Pipelines, func(p *view.Pipeline) bool { return p.Name == name }) ||
			slices.ContainsFunc(more, func(d *view.Documents) bool { return d.Name == name })
		if name == "" || listed || len(more) == awaitedAtMost {
			continue
		}
		one, err := view.ReadPipelines(ctx, s.Slipway, name)
		if err != nil {
			continue //nolint:nilerr // it was deleted a moment ago
		}
		more = append(more, one...)
	}
	return known.Add(ctx, s.Slipway, more...)
}

func (b *board) add(p *view.Pipeline) {
	switch p.Kind {
	case Failed, Waiting:
		b.Urgent = append(b.Urgent, p)
	case Running, Queued:
		b.Running = append(b.Running, p)
	default:
		b.Idle = append(b.Idle, p)
	}
	slices.SortStableFunc(b.Urgent, func(x, y *view.Pipeline) int { return rank(x.Kind) - rank(y.Kind) })
}

// closed are the closed transitions of a pipeline, in words.
func closed(p *view.Pipeline) []string {
	var all []string
	for i := range p.Stages {
		if s := &p.Stages[i]; s.Closed != "" {
			all = append(all, "Transition to "+s.Name+" "+s.Closed)
		}
	}
	return all
}

// servedIn are the groups that a pipeline deploys to, with what their hosts run.
func servedIn(p *view.Pipeline) []served {
	var all []served
	for i := range p.Stages {
		for _, g := range p.Stages[i].Serves {
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
			x.Change = view.Described(*v.Change)
		}
		if len(g.Versions) > 1 {
			x.Hosts = view.Names(v.Hosts, 3)
		}
		one.Versions = append(one.Versions, x)
	}
	return one
}

// marks are the stages of a pipeline, a sign each.
func marks(stages []view.Stage) []view.Mark {
	all := make([]view.Mark, len(stages))
	for i := range stages {
		all[i] = view.Mark{Name: stages[i].Name, Kind: stages[i].Kind}
	}
	return all
}
