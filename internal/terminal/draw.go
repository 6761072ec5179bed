package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// piece is text of one kind within a line.
type piece struct {
	text string
	kind Kind
}

// render cuts pieces to the screen's width and paints them.
func (s Screen) render(pieces ...piece) string {
	var b strings.Builder
	left := s.Width
	for _, p := range pieces {
		text := p.text
		if s.Width > 0 {
			text = fit(text, left)
			left -= displaywidth.String(text)
		}
		b.WriteString(s.paint(p.kind, text))
		if s.Width > 0 && left <= 0 {
			break
		}
	}
	return b.String()
}

// Draw draws the board: for each pipeline its stages, which change is in which of them, and what waits for whom.
func (b *Board) Draw(s Screen, now time.Time) []string {
	var lines []string
	for i := range b.Pipelines {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, b.pipeline(b.Pipelines[i], s, now)...)
	}
	if len(b.Pipelines) == 0 {
		lines = append(
			lines,
			"No pipelines yet. Create one with: aws codepipeline create-pipeline --cli-input-json file://pipeline.json",
		)
	}
	return lines
}

func (b *Board) pipeline(p *view.Pipeline, s Screen, now time.Time) []string {
	lines := []string{s.render(piece{Clean(p.Name), Strong}, piece{"  " + p.Kind.Word(), p.Kind})}
	lines = append(lines, stages(p, s)...)
	wide := 0
	for i := range p.Spans {
		wide = max(wide, displaywidth.String(names(&p.Spans[i])))
	}
	for i := range p.Spans {
		lines = append(lines, b.span(p, &p.Spans[i], min(wide, longestSpan), s, now)...)
	}
	return lines
}

// stages are the stages of a pipeline in one line, or in more where the screen ends.
func stages(p *view.Pipeline, s Screen) []string {
	var lines []string
	line, width := []piece{{"  ", Plain}}, 2
	for i := range p.Stages {
		k := p.Stages[i].Kind
		text, arrow := signs[k]+" "+Clean(p.Stages[i].Name), ""
		if i > 0 {
			arrow = " → "
		}
		more := displaywidth.String(arrow + text)
		if s.Width > 0 && i > 0 && width+more > s.Width {
			lines = append(lines, s.render(line...))
			line, width = []piece{{"   ", Plain}}, 3
		}
		line, width = append(line, piece{arrow, Faint}, piece{text, k}), width+more
	}
	return append(lines, s.render(line...))
}

const (
	longestSpan = 24 // columns for the names of a span's stages
	longestName = 20 // and of a commit's author
	roomy       = 70 // a narrower screen shows no authors
)

// names are the first and the last stage of a span.
func names(g *view.Span) string {
	first, last := Clean(g.Stages[0].Name), Clean(g.Stages[len(g.Stages)-1].Name)
	if first == last {
		return first
	}
	return first + " … " + last
}

// span says which change is in the stages of a span, and what is going on in each of them.
func (b *Board) span(p *view.Pipeline, g *view.Span, wide int, s Screen, now time.Time) []string {
	var lines []string
	if x, ok := p.Executions[g.Change.Execution]; ok {
		commit, text := Change(&x)
		by := Ago(x.StartTime, now)
		if g.Change.Author != "" && (s.Width == 0 || s.Width >= roomy) {
			by = fit(Clean(g.Change.Author), longestName) + ", " + by
		}
		head := "  " + pad(fit(names(g), wide), wide) + "  " + pad(commit, 7) + "  "
		if s.Width > 0 { // who and when stand at the end of the line
			room := s.Width - displaywidth.String(head) - displaywidth.String(by) - 2
			text = pad(fit(text, max(0, room)), room)
		}
		lines = append(lines, s.render(piece{head, Plain}, piece{text + "  ", Plain}, piece{by, Faint}))
	}
	for i := range g.Stages {
		lines = append(lines, b.stage(p, &g.Stages[i], s, now)...)
	}
	return lines
}

// stage says what is going on in a stage, if anything is.
func (b *Board) stage(p *view.Pipeline, stage *view.Stage, s Screen, now time.Time) []string {
	var lines []string
	name := Clean(stage.Name)
	say := func(k Kind, format string, args ...any) {
		lines = append(lines, s.render(piece{"    " + signs[k] + " ", k}, piece{fmt.Sprintf(format, args...), k}))
	}
	for i := range stage.Actions {
		b.action(p, stage, &stage.Actions[i], now, say)
	}
	for i := range stage.Gates {
		if g := &stage.Gates[i]; g.Kind == Running || g.Kind == Failed && stage.Kind == Failed {
			say(g.Kind, "%s of %s: %s", g.Name, name, Clean(g.Say))
		}
	}
	if stage.Closed != "" {
		say(Held, "Transition to %s %s", name, Clean(stage.Closed))
	}
	for i := range stage.Serves {
		g := &stage.Serves[i]
		say(Faint, "%s/%s runs %s", Clean(*g.ApplicationName), Clean(*g.DeploymentGroupName),
			Clean(view.ServingWords(g)))
	}
	if in := stage.Inbound; in != nil {
		if x, ok := p.Executions[in.Execution]; ok {
			commit, text := Change(&x)
			say(Queued, "%s waits to enter %s: %s", commit, name, text)
			if stage.Behind > 0 {
				say(Queued, "%d more wait behind it", stage.Behind)
			}
		}
	}
	return lines
}

// action says what an action is at. The board of one pipeline says it of every action, the board of all pipelines only
// of those that run, wait or have failed.
func (b *Board) action(
	p *view.Pipeline,
	stage *view.Stage,
	a *view.Action,
	now time.Time,
	say func(Kind, string, ...any),
) {
	name, external := Clean(a.Name), Clean(a.External)
	switch {
	case a.Kind == Waiting:
		say(Waiting, "%s: %s for %s: %s", name, lower(Clean(a.Say)), Between(a.Since, nil, now), answer(p, stage, a))
	case a.Kind == Failed && stage.Kind == Failed:
		say(Failed, "%s: %s", name, Clean(a.Say))
	case a.Kind == Running && a.Release != nil:
		say(Running, "%s: %s", name, shifting(a.Release))
	case a.Kind == Running:
		say(Running, "%s runs for %s  %s", name, Between(a.Since, nil, now), external)
	case b.Detailed && a.Kind != NotReached:
		say(a.Kind, "%s  %s", name, external)
	}
}

// answer is the command with which a person decides.
func answer(p *view.Pipeline, stage *view.Stage, a *view.Action) string {
	w := a.Waiting
	switch {
	case w == nil || w.Kind == slipway.WaitingKindApproval:
		return "slipway approve " + Clean(p.Name) + "/" + Clean(stage.Name)
	case w.Paused != nil && *w.Paused:
		return "slipway resume " + Clean(*w.DeploymentId)
	}
	return "slipway promote or rollback " + Clean(*w.DeploymentId)
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// shifting says where the traffic of a release is.
func shifting(r *slipway.ReleaseSummary) string {
	said := view.ReleaseWords(r.Status, r.Paused, r.Percent)
	if r.WantedPercent != nil && r.Percent != nil && *r.WantedPercent != *r.Percent {
		said += fmt.Sprintf(", going to %d %%", *r.WantedPercent)
	}
	return Clean(said + "  " + *r.DeploymentId)
}
