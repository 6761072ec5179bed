package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
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
		lines = append(lines, b.pipeline(&b.Pipelines[i], s, now)...)
	}
	if len(b.Pipelines) == 0 {
		lines = append(lines, "There is no pipeline yet. Create one with: aws codepipeline create-pipeline --cli-input-json file://pipeline.json")
	}
	return lines
}

func (b *Board) pipeline(p *Pipeline, s Screen, now time.Time) []string {
	k := p.Kind()
	lines := []string{s.render(piece{Clean(p.Name), Strong}, piece{"  " + string(k), k})}
	lines = append(lines, stages(p, s)...)
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
func stages(p *Pipeline, s Screen) []string {
	var lines []string
	line, width := []piece{{"  ", Plain}}, 2
	for i := range p.State.StageStates {
		k, _ := Stage(&p.State.StageStates[i])
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
		if narrow := s.Width > 0 && s.Width < roomy; !narrow && len(x.SourceRevisions) > 0 && b.Authors[*x.SourceRevisions[0].RevisionId] != "" {
			by = fit(b.Authors[*x.SourceRevisions[0].RevisionId], longestName) + ", " + by
		}
		head := "  " + pad(fit(l.span(), wide), wide) + "  " + pad(commit, 8) + "  "
		if room := s.Width - displaywidth.String(head) - displaywidth.String(by) - 2; s.Width > 0 { // who and when stand at the end of the line
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
	k, _ := Stage(stage)
	for i := range stage.ActionStates {
		b.action(p, stage, &stage.ActionStates[i], k, now, say)
	}
	if t := stage.InboundTransitionState; t != nil && t.Enabled != nil && !*t.Enabled {
		why := ""
		if t.DisabledReason != nil {
			why = ": " + Clean(*t.DisabledReason)
		}
		say(Closed, "The way into %s is closed%s", name, why)
	}
	for i := range stage.InboundExecutions {
		x := p.Executions[*stage.InboundExecutions[i].PipelineExecutionId]
		if x.PipelineExecutionId == nil {
			continue
		}
		commit, text := Change(&x)
		say(Queued, "%s waits for %s: %s", commit, name, text)
	}
	return lines
}

// action tells what an action is at: always on the board of one pipeline, and where it moves, waits or failed on that of all.
func (b *Board) action(p *Pipeline, stage *codepipeline.StageState, a *codepipeline.ActionState, of Kind, now time.Time, say func(Kind, string, ...any)) {
	x := a.LatestExecution
	if x == nil {
		return
	}
	name := Clean(*a.ActionName)
	k := KindOf(x.Status)
	external := ""
	if x.ExternalExecutionId != nil {
		external = Clean(*x.ExternalExecutionId)
	}
	switch {
	case x.Token != nil && of == Running || x.Token != nil && of == Waiting:
		say(Waiting, "%s waits for approval for %s: slipway approve %s/%s", name, Between(x.LastStatusChange, nil, now), Clean(p.Name), Clean(*stage.StageName))
	case k == Failed && of == Failed:
		say(Failed, "%s: %s", name, Failure(x))
	case k == Running:
		if release, ok := b.Releases[external]; ok {
			said, kind := shifting(&release)
			say(kind, "%s, %s: %s", name, external, said)
			return
		}
		say(Running, "%s runs for %s  %s", name, Between(x.LastStatusChange, nil, now), external)
	case b.Detailed && k != NotReached:
		say(k, "%s  %s", name, external)
	}
}

// shifting says where the traffic of a release is.
func shifting(r *slipway.ReleaseSummary) (string, Kind) {
	said, k := "", KindOf(r.Status)
	if r.Percent != nil {
		said = fmt.Sprintf("%d %% of the traffic on the new version", *r.Percent)
		if r.WantedPercent != nil && *r.WantedPercent != *r.Percent {
			said += fmt.Sprintf(", going to %d %%", *r.WantedPercent)
		}
	}
	switch {
	case r.Paused != nil && *r.Paused:
		said, k = said+", paused: slipway resume "+*r.DeploymentId, Waiting
	case r.Status == slipway.ReleaseStatusAsking:
		said += ", asks: slipway promote or rollback " + *r.DeploymentId
	case r.Status == slipway.ReleaseStatusRollingBack:
		said, k = said+", rolling back", Failed
	case r.Status == slipway.ReleaseStatusAnalysing:
		said += ", analysing"
	}
	return said, k
}
