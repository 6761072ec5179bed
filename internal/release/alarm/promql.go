package alarm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cw "slipway/api/cloudwatch"
)

// Query is a Prometheus query that an alarm evaluates: whatever it returns is breaching ("PromQL alarms" in
// CloudWatch's documentation).
type Query struct {
	Pending  time.Duration // how long a series has to breach before it is in ALARM
	Recovery time.Duration // how long it has to be absent before it is OK again
}

// Contributor is one time series that a query returned.
type Contributor struct {
	Labels map[string]string `json:"labels"`
	// Since is when it began to breach, or to be absent after that.
	Since  time.Time `json:"since"`
	Absent bool      `json:"absent,omitzero"`
	Alarm  bool      `json:"alarm,omitzero"`
	Value  float64   `json:"value,omitzero"`
}

// MaxContributors bounds how many series an alarm follows.
const MaxContributors = 500

// Sample is one element of a query's result.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Key tells series apart.
func Key(labels map[string]string) string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=%q", name, labels[name])
	}
	return "{" + b.String() + "}"
}

// After returns the contributors after a query's result, and the state that they make: ALARM as long as one of them is.
func (q Query) After(before map[string]Contributor, result []Sample,
	now time.Time) (map[string]Contributor, cw.StateValue) {
	after := map[string]Contributor{}
	for _, s := range result {
		key := Key(s.Labels)
		c, known := before[key]
		if !known && len(after) >= MaxContributors {
			continue
		}
		if !known || c.Absent && !c.Alarm {
			c = Contributor{Labels: s.Labels, Since: now}
		}
		if c.Absent { // back before it had recovered
			c.Absent, c.Since = false, now
		}
		c.Value = s.Value
		c.Alarm = c.Alarm || now.Sub(c.Since) >= q.Pending
		after[key] = c
	}
	q.keepAbsent(after, before, now)
	for _, c := range after {
		if c.Alarm {
			return after, cw.StateValueAlarm
		}
	}
	return after, cw.StateValueOk
}

// keepAbsent keeps the contributors that are no longer in the result until they have recovered. One that never was in
// ALARM is forgotten at once.
func (q Query) keepAbsent(after, before map[string]Contributor, now time.Time) {
	for key, c := range before {
		if _, here := after[key]; here || !c.Alarm {
			continue
		}
		if !c.Absent {
			c.Absent, c.Since = true, now
		}
		if now.Sub(c.Since) < q.Recovery {
			after[key] = c
		}
	}
}

// QueryReason says in words what set an alarm off, or that nothing does.
func QueryReason(contributors map[string]Contributor) string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(contributors)) {
		if c := contributors[key]; c.Alarm {
			names = append(names, fmt.Sprintf("%s = %s", key, number(c.Value)))
		}
	}
	const shown = 3
	switch {
	case len(names) == 0:
		return "No time series that the query returns breaches."
	case len(names) > shown:
		return fmt.Sprintf("%s breach: %s, …", plural(len(names), "time series", "time series"),
			strings.Join(names[:shown], ", "))
	case len(names) == 1:
		return "1 time series breaches: " + names[0]
	}
	return fmt.Sprintf("%d time series breach: %s", len(names), strings.Join(names, ", "))
}
