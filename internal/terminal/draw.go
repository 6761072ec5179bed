package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"slipway/api/codepipeline"
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

func (b *Board) pipeline(p *Pipeline, s Screen, now time.Time) []string {
	k := b.Known.Pipeline(p)
	lines := []string{s.render(piece{Clean(p.Name), Strong}, piece{"  " + k.Word(), k})}
	lines = append(lines, b.stages(p, s)...)
	all, wide := legs(p), 0
	for _, l := range all {
		wide = max(wide, displaywidth.String(l.span()))
	}
	for _, l := range all {
		lines = append(lines, b.leg(p, l, min(wide, longestSpan), s, now)...)
	}
	return lines
}

// stages are the stages in one line, or in more where the screen ends.
func (b *Board) stages(p *Pipeline, s Screen) []string {
	var lines []string
	line, width := []piece{{"  ", Plain}}, 2
	for i := range p.State.StageStates {
		k, _ := b.Known.Stage(p.Name, &p.State.StageStates[i])
		text, arrow := signs[k]+" "+Clean(*p.State.StageStates[i].StageName), ""
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

// leg is a run of neighbouring stages that hold the same change.
type leg struct {
	execution string
	stages    []*codepipeline.StageState
}

func legs(p *Pipeline) []leg {
	var all []leg
	for i := range p.State.StageStates {
		stage := &p.State.StageStates[i]
		id := ""
		if stage.LatestExecution != nil {
			id = *stage.LatestExecution.PipelineExecutionId
		}
		if len(all) == 0 || all[len(all)-1].execution != id {
			all = append(all, leg{execution: id})
		}
		last := &all[len(all)-1]
		last.stages = append(last.stages, stage)
	}
	return all
}

const (
	longestSpan = 24 // columns for the names of a leg's stages
	longestName = 20 // and of a commit's author
	roomy       = 70 // a narrower screen shows no authors
)

func (l leg) span() string {
	first, last := Clean(*l.stages[0].StageName), Clean(*l.stages[len(l.stages)-1].StageName)
	if first == last {
		return first
	}
	return first + " … " + last
}

// leg tells which change is in the stages of a leg, and for each stage what it is at.
func (b *Board) leg(p *Pipeline, l leg, wide int, s Screen, now time.Time) []string {
	var lines []string
	if x, ok := p.Executions[l.execution]; ok {
		commit, text := Change(&x)
		by := Ago(x.StartTime, now)
		if author := b.Known.Changes[l.execution].Author; author != nil && (s.Width == 0 || s.Width >= roomy) {
			by = fit(Clean(*author), longestName) + ", " + by
		}
		head := "  " + pad(fit(l.span(), wide), wide) + "  " + pad(commit, 7) + "  "
		if room := s.Width - displaywidth.String(
			head,
		) - displaywidth.String(
			by,
		) - 2; s.Width > 0 { // who and when stand at the end of the line
			text = pad(fit(text, max(0, room)), room)
		}
		lines = append(lines, s.render(piece{head, Plain}, piece{text + "  ", Plain}, piece{by, Faint}))
	}
	for _, stage := range l.stages {
		lines = append(lines, b.stage(p, stage, s, now)...)
	}
	return lines
}

// stage tells what goes on in a stage, if anything does.
func (b *Board) stage(p *Pipeline, stage *codepipeline.StageState, s Screen, now time.Time) []string {
	var lines []string
	name := Clean(*stage.StageName)
	say := func(k Kind, format string, args ...any) {
		lines = append(lines, s.render(piece{"    " + signs[k] + " ", k}, piece{fmt.Sprintf(format, args...), k}))
	}
	for i := range stage.ActionStates {
		b.action(p, stage, &stage.ActionStates[i], now, say)
	}
	if t := stage.InboundTransitionState; t != nil && t.Enabled != nil && !*t.Enabled {
		say(Held, "Transition to %s closed%s", name, closedBy(t))
	}
	b.serves(p, stage, say)
	for i := range stage.InboundExecutions {
		x := p.Executions[*stage.InboundExecutions[i].PipelineExecutionId]
		if x.PipelineExecutionId == nil {
			continue
		}
		commit, text := Change(&x)
		say(Queued, "%s waits to enter %s: %s", commit, name, text)
	}
	return lines
}

// closedBy says who closed a transition, and why.
func closedBy(t *codepipeline.TransitionState) string {
	say := ""
	if t.LastChangedBy != nil {
		say = " by " + Clean((*t.LastChangedBy)[strings.LastIndexAny(*t.LastChangedBy, "/:")+1:])
	}
	if t.DisabledReason != nil {
		say += ": " + Clean(*t.DisabledReason)
	}
	return say
}

// serves tells what runs in the groups that a stage deploys to.
func (b *Board) serves(p *Pipeline, stage *codepipeline.StageState, say func(Kind, string, ...any)) {
	for i := range p.Definition.Stages {
		if d := &p.Definition.Stages[i]; *d.Name == *stage.StageName {
			for _, g := range b.Known.Serves(d) {
				say(Faint, "%s/%s runs %s", Clean(*g.ApplicationName), Clean(*g.DeploymentGroupName),
					Clean(view.ServingWords(&g)))
			}
		}
	}
}

// action tells what an action is at: always on the board of one pipeline, and where it runs, waits or failed on
// that of all.
func (b *Board) action(
	p *Pipeline,
	stage *codepipeline.StageState,
	a *codepipeline.ActionState,
	now time.Time,
	say func(Kind, string, ...any),
) {
	x := a.LatestExecution
	if x == nil {
		return
	}
	of, _ := b.Known.Stage(p.Name, stage)
	k, words := b.Known.Action(p.Name, stage, a)
	name, external := Clean(*a.ActionName), ""
	if x.ExternalExecutionId != nil {
		external = Clean(*x.ExternalExecutionId)
	}
	switch {
	case k == Waiting:
		say(
			Waiting,
			"%s: %s for %s: %s",
			name,
			lower(Clean(words)),
			Between(x.LastStatusChange, nil, now),
			b.answer(p, stage, a),
		)
	case k == Failed && of == Failed:
		say(Failed, "%s: %s", name, Clean(words))
	case k == Running:
		if release, ok := b.Known.Releases[external]; ok {
			say(k, "%s: %s", name, shifting(&release))
			return
		}
		say(Running, "%s runs for %s  %s", name, Between(x.LastStatusChange, nil, now), external)
	case b.Detailed && k != NotReached:
		say(k, "%s  %s", name, external)
	}
}

// answer is the command with which a person decides.
func (b *Board) answer(p *Pipeline, stage *codepipeline.StageState, a *codepipeline.ActionState) string {
	w := b.Known.Awaits(p.Name, *stage.StageName, a)
	switch {
	case w == nil || w.Kind == slipway.WaitingKindApproval:
		return "slipway approve " + Clean(p.Name) + "/" + Clean(*stage.StageName)
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
