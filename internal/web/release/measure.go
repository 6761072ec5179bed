package release

import (
	"fmt"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// measure is a row of the table of new beside old.
type measure struct {
	Name            string
	New, Old, Limit string
	NewLine         string // points of a sparkline, 120 wide and 24 high
	OldLine         string
	Kind            kit.Kind
	Word            string
}

// measures compares what users got of the new version and of the old one.
func measures(
	both *slipway.TrafficComparison,
	points []slipway.TrafficPoint,
	p *slipway.ReleasePolicy,
	judged *slipway.ReleaseStepState,
) []measure {
	if p == nil {
		p = &slipway.ReleasePolicy{}
	}
	limits := p.Thresholds
	if limits == nil {
		limits = &slipway.ReleaseThresholds{}
	}
	var all []measure
	add := func(m measure, of func(*slipway.TrafficSide) *float64, evidence ...string) {
		m.NewLine, m.OldLine = sparks(points, of)
		m.Kind, m.Word = judgement(judged, evidence)
		all = append(all, m)
	}
	requests := func(t *slipway.TrafficSide) *float64 { return new(float64(kit.Number(t.Requests))) }
	p50 := func(t *slipway.TrafficSide) *float64 { return t.P50Milliseconds }
	p95 := func(t *slipway.TrafficSide) *float64 { return t.P95Milliseconds }
	p99 := func(t *slipway.TrafficSide) *float64 { return t.P99Milliseconds }
	latency := func(name string, of func(*slipway.TrafficSide) *float64, limit *float64) measure {
		return measure{Name: name, New: millis(of(both.Canary)), Old: millis(of(both.Baseline)), Limit: millis(limit)}
	}
	asked := measure{
		Name: "Requests",
		New:  kit.Thousands(kit.Number(both.Canary.Requests)),
		Old:  kit.Thousands(kit.Number(both.Baseline.Requests)),
	}
	failed := measure{
		Name:  "Errors",
		New:   share(both.Canary),
		Old:   share(both.Baseline),
		Limit: percentage(limits.MaxErrorPercent),
	}
	add(asked, requests)
	add(failed, errorShare, "errors", "error rate")
	add(latency("Latency, median", p50, nil), p50)
	add(latency("Latency, p95", p95, limits.MaxP95Milliseconds), p95, "p95", "latency")
	add(latency("Latency, p99", p99, limits.MaxP99Milliseconds), p99, "p99")
	return all
}

// judgement is the worst that the last verdict says of a measure.
func judgement(st *slipway.ReleaseStepState, names []string) (kit.Kind, string) {
	k, word := kit.NotReached, ""
	if st == nil {
		return k, word
	}
	for _, e := range st.Verdict.Evidence {
		for _, name := range names {
			if kit.Text(e.Measure) != name {
				continue
			}
			limit := e.Baseline == nil
			one, say := view.DecisionKind(e.Decision), "No worse"
			switch {
			case e.Decision == slipway.ReleaseDecisionRollBack && limit:
				say = "Over the limit"
			case e.Decision == slipway.ReleaseDecisionRollBack:
				say = "Worse"
			case e.Decision == slipway.ReleaseDecisionUncertain:
				say = "Not certain"
			case limit:
				say = "Within limit"
			}
			if worse(one) > worse(k) {
				k, word = one, say
			}
		}
	}
	return k, word
}

func worse(k kit.Kind) int {
	switch k {
	case kit.Failed:
		return 3
	case kit.Watch:
		return 2
	case kit.Succeeded:
		return 1
	}
	return 0
}

func errorShare(t *slipway.TrafficSide) *float64 {
	if kit.Number(t.Requests) == 0 {
		return nil
	}
	return new(100 * float64(kit.Number(t.Errors)) / float64(kit.Number(t.Requests)))
}

func share(t *slipway.TrafficSide) string {
	if kit.Number(t.Requests) == 0 {
		return ""
	}
	return percentage(errorShare(t))
}

// percentage has as many digits as tell something.
func percentage(p *float64) string {
	switch {
	case p == nil:
		return ""
	case *p == float64(int64(*p)):
		return fmt.Sprintf("%.0f %%", *p)
	case *p < 1:
		return fmt.Sprintf("%.2f %%", *p)
	}
	return fmt.Sprintf("%.1f %%", *p)
}

func millis(ms *float64) string {
	switch {
	case ms == nil:
		return ""
	case *ms >= 10_000:
		return fmt.Sprintf("%.0f s", *ms/1000)
	case *ms >= 1000:
		return fmt.Sprintf("%.1f s", *ms/1000)
	case *ms >= 10:
		return fmt.Sprintf("%.0f ms", *ms)
	case *ms >= 0.1:
		return fmt.Sprintf("%.1f ms", *ms)
	}
	return fmt.Sprintf("%.2f ms", *ms)
}

// sparks draws a measure of both sides over time, on one scale. Where there was no traffic the line goes on
// from the last point.
func sparks(points []slipway.TrafficPoint, of func(*slipway.TrafficSide) *float64) (canary, baseline string) {
	var top float64
	for _, p := range points {
		for _, side := range []*slipway.TrafficSide{p.Canary, p.Baseline} {
			if v := of(side); v != nil {
				top = max(top, *v)
			}
		}
	}
	line := func(side func(slipway.TrafficPoint) *slipway.TrafficSide) string {
		var b strings.Builder
		for i, p := range points {
			v := of(side(p))
			if v == nil {
				continue
			}
			y := 22.0
			if top > 0 {
				y -= 20 * *v / top
			}
			fmt.Fprintf(&b, "%s,%s ", kit.Decimal(120*float64(i)/float64(max(1, len(points)-1))), kit.Decimal(y))
		}
		return strings.TrimSpace(b.String())
	}
	return line(
			func(p slipway.TrafficPoint) *slipway.TrafficSide { return p.Canary },
		), line(
			func(p slipway.TrafficPoint) *slipway.TrafficSide { return p.Baseline },
		)
}
