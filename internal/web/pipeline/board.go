package pipeline

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// board is what the page of all pipelines shows: those that need a person first.
type board struct {
	Urgent, Running, Idle []*view.Pipeline
	More                  string // where the next page is
}

func (s *pages) boardPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &slipway.GetBoardInput{MaxResults: new(int32(change.BoardLines))}
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
	s.Render(w, r, http.StatusOK, Board(s.Shell(r, v, "Board", "pipelines", "releases"), b, s.Now()))
	return nil
}

// awaitedAtMost is how many pipelines are added to the first page of a board.
const awaitedAtMost = 20

// addAwaited adds the pipelines in which a release waits for a person, and which GetBoard has on a later page.
func (s *pages) addAwaited(ctx context.Context, known *view.Board) error {
	var more []*view.Documents
	for _, w := range known.Waiting {
		name := kit.Text(w.PipelineName)
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
	case kit.Failed, kit.Waiting:
		b.Urgent = append(b.Urgent, p)
	case kit.Running, kit.Queued:
		b.Running = append(b.Running, p)
	default:
		b.Idle = append(b.Idle, p)
	}
	slices.SortStableFunc(b.Urgent, func(x, y *view.Pipeline) int { return view.Rank(x.Kind) - view.Rank(y.Kind) })
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
func servedIn(p *view.Pipeline) []change.Served {
	var all []change.Served
	for i := range p.Stages {
		for _, g := range p.Stages[i].Serves {
			all = append(all, change.ServedOf(g))
		}
	}
	return all
}

// marks are the stages of a pipeline, a sign each.
func marks(stages []view.Stage) []view.Mark {
	all := make([]view.Mark, len(stages))
	for i := range stages {
		all[i] = view.Mark{Name: stages[i].Name, Kind: stages[i].Kind}
	}
	return all
}
