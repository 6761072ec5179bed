package release

import (
	"fmt"
	"slices"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// history is what happened, the newest first.
func history(x *view.Course) []happening {
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
					fmt.Sprintf("Analysis at %d %%: %s.", *st.Percent, view.DecisionWord(v.Decision)),
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
		all = append(all, happening{x.EndTime.Time, x.Words + ".", "release"})
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
