package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// releaseWord says the state of a release in a list.
func releaseWord(status slipway.ReleaseStatus, paused *bool, percent *int32) string {
	return view.ReleaseWords(status, paused, percent)
}

func number32(n *int32) int32 {
	if n == nil {
		return 0
	}
	return *n
}

// sentence takes a message apart: what is, and after the first colon why.
func sentence(message string) (say, because string) {
	say, because, ok := strings.Cut(message, ": ")
	if ok {
		say += "."
	}
	return say, because
}

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
		return "It ends once the router says that no request goes to the new version any more."
	case x.Status == slipway.ReleaseStatusAsking:
		return "Nothing moves until somebody promotes it or rolls it back."
	case paused:
		return "Nothing moves until somebody resumes it."
	}
	for _, st := range x.Steps {
		if st.StartTime != nil || st.PlannedTime == nil {
			continue
		}
		condition := ""
		if judged {
			condition = ", if it is judged to be no worse"
		}
		return fmt.Sprintf("At %s UTC it gets %d %%%s.", clock(st.PlannedTime.Time), *st.Percent, condition)
	}
	return ""
}

// stepOfRelease says how a step went, or when it comes.
func stepOfRelease(x *slipway.Release, st *slipway.ReleaseStepState) releaseStep {
	out := releaseStep{Percent: number32(st.Percent), Kind: Queued}
	over := x.EndTime != nil || x.Status == slipway.ReleaseStatusRollingBack
	switch {
	case st.EndTime != nil:
		out.Kind, out.Words = Succeeded, "from "+clock(st.StartTime.Time)
		if st.InEffectTime != nil {
			out.Words += " for " + took(st.EndTime.Sub(st.InEffectTime.Time))
		}
	case st.StartTime != nil && over:
		out.Kind, out.Words = Back, "from "+clock(st.StartTime.Time)+", then taken back"
	case st.StartTime != nil && st.InEffectTime == nil:
		out.Kind, out.Words = Running, "the router was told at "+clock(st.StartTime.Time)
	case st.StartTime != nil:
		out.Kind, out.Words = Running, "since "+clock(st.InEffectTime.Time)
		if n := number32(st.WaitSeconds); n > 0 {
			out.Words += ", for " + took(time.Duration(n)*time.Second)
		}
	case over:
		out.Kind, out.Words = NotReached, "never came"
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
		return "good enough"
	case slipway.ReleaseDecisionRollBack:
		return "worse"
	}
	return "not certain"
}

func decisionKind(d slipway.ReleaseDecision) Kind {
	switch d {
	case slipway.ReleaseDecisionPromote:
		return Succeeded
	case slipway.ReleaseDecisionRollBack:
		return Failed
	}
	return Watch
}

// history is what happened, the newest first.
func history(x *slipway.Release) []happening {
	var all []happening
	before := int32(0)
	for _, st := range x.Steps {
		if st.InEffectTime != nil {
			all = append(all, happening{st.InEffectTime.Time, fmt.Sprintf("The router carries %d %% to the new version; it was %d %%.", *st.Percent, before), "release"})
			before = *st.Percent
		}
		if v := st.Verdict; v != nil && v.WindowEnd != nil {
			all = append(all, happening{v.WindowEnd.Time, text(v.Text), "analysis"})
		}
	}
	for _, n := range x.Notes {
		if n.Time != nil {
			words := text(n.Text)
			all = append(all, happening{n.Time.Time, strings.ToUpper(words[:min(1, len(words))]) + words[min(1, len(words)):], text(n.By)})
		}
	}
	if x.EndTime != nil {
		all = append(all, happening{x.EndTime.Time, text(x.Message), "release"})
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
		causes = append(causes, "when it is judged to be worse")
	}
	for _, a := range x.Alarms {
		causes = append(causes, "when the alarm "+text(a.Name)+" goes off")
	}
	if len(causes) == 0 {
		return "Nothing takes it back by itself: the group has no alarm, and its release policy no limits to judge by."
	}
	return "It rolls back by itself " + strings.Join(causes, ", or ") + "."
}
