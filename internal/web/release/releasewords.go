package release

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// clock is a time of a day, in UTC.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// nextWords says what a release does next by itself.
func nextWords(x *slipway.Release) string {
	judged := x.Policy != nil && (x.Policy.Thresholds != nil || x.Policy.Comparison != nil)
	paused := x.Paused != nil && *x.Paused
	switch {
	case x.EndTime != nil:
		return ""
	case x.Status == slipway.ReleaseStatusRollingBack:
		return "It ends once the router sends no more requests to the new version."
	case x.Status == slipway.ReleaseStatusAsking:
		return "Promote it or roll it back."
	case paused:
		return "Resume it to go on."
	}
	for _, st := range x.Steps {
		if st.StartTime != nil || st.PlannedTime == nil {
			continue
		}
		condition := ""
		if judged {
			condition = " if the analysis finds it no worse"
		}
		return fmt.Sprintf("At %s UTC it moves to %d %%%s.", clock(st.PlannedTime.Time), *st.Percent, condition)
	}
	return ""
}

// stepOfRelease says how a step went, or when it comes.
func stepOfRelease(x *slipway.Release, st *slipway.ReleaseStepState) releaseStep {
	out := releaseStep{Percent: kit.Number32(st.Percent), Kind: kit.Queued}
	over := x.EndTime != nil || x.Status == slipway.ReleaseStatusRollingBack
	back := view.RolledBackAt(x, st)
	switch {
	case st.EndTime != nil && !back:
		out.Kind, out.Words = kit.Succeeded, "from "+clock(st.StartTime.Time)
		if st.InEffectTime != nil {
			out.Words += " for " + kit.Took(st.EndTime.Sub(st.InEffectTime.Time))
		}
	case st.StartTime != nil && over:
		out.Kind, out.Words = kit.Back, "from "+clock(st.StartTime.Time)+", then rolled back"
	case st.StartTime != nil && st.InEffectTime == nil:
		out.Kind, out.Words = kit.Running, "waiting for the router since "+clock(st.StartTime.Time)
	case st.StartTime != nil:
		out.Kind, out.Words = kit.Running, "since "+clock(st.InEffectTime.Time)
		if n := kit.Number32(st.WaitSeconds); n > 0 {
			out.Words += ", for " + kit.Took(time.Duration(n)*time.Second)
		}
	case over:
		out.Kind, out.Words = kit.NotReached, "not reached"
	case st.PlannedTime != nil:
		out.Words = "planned at " + clock(st.PlannedTime.Time)
	}
	if st.Verdict != nil {
		out.Words += ", " + decisionWord(st.Verdict.Decision)
	}
	return out
}

func decisionWord(d slipway.ReleaseDecision) string {
	switch d {
	case slipway.ReleaseDecisionPromote:
		return "no worse"
	case slipway.ReleaseDecisionRollBack:
		return "worse"
	}
	return "uncertain"
}

func decisionKind(d slipway.ReleaseDecision) kit.Kind {
	switch d {
	case slipway.ReleaseDecisionPromote:
		return kit.Succeeded
	case slipway.ReleaseDecisionRollBack:
		return kit.Failed
	}
	return kit.Watch
}

// history is what happened, the newest first.
func history(x *slipway.Release) []happening {
	var all []happening
	before := int32(0)
	for _, st := range x.Steps {
		if st.InEffectTime != nil {
			all = append(
				all,
				happening{
					st.InEffectTime.Time,
					fmt.Sprintf("%d %% of the traffic is on the new version (was %d %%).", *st.Percent, before),
					"release",
				},
			)
			before = *st.Percent
		}
		if v := st.Verdict; v != nil && v.WindowEnd != nil {
			all = append(
				all,
				happening{
					v.WindowEnd.Time,
					fmt.Sprintf("Analysis at %d %%: %s.", *st.Percent, decisionWord(v.Decision)),
					"analysis",
				},
			)
		}
	}
	for _, n := range x.Notes {
		if n.Time != nil {
			words := kit.Text(n.Text)
			all = append(
				all,
				happening{n.Time.Time, strings.ToUpper(words[:min(1, len(words))]) + words[min(1, len(words)):],
					kit.Text(n.By)},
			)
		}
	}
	if x.EndTime != nil {
		all = append(all, happening{x.EndTime.Time, view.ReleaseWords(x.Status, x.Paused, x.Percent) + ".", "release"})
	}
	if x.StartTime != nil {
		all = append(all, happening{x.StartTime.Time, "The release began.", "deployment"})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return b.At.Compare(a.At) })
	return all
}

// backBy says what takes a release back by itself.
func backBy(x *slipway.Release) string {
	var causes []string
	if p := x.Policy; p != nil && (p.Thresholds != nil || p.Comparison != nil) {
		causes = append(causes, "when the analysis finds it worse")
	}
	for _, a := range x.Alarms {
		causes = append(causes, "when the alarm "+kit.Text(a.Name)+" is on")
	}
	if len(causes) == 0 {
		return "No automatic rollback: the group has no alarm, and its release policy has no limits and no comparison."
	}
	return "Rolls back by itself " + strings.Join(causes, ", or ") + "."
}
