package analysis

import (
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/release/metric"
)

// Defaults of a comparison.
const (
	// defaultRequests is how many requests each side needs for a verdict that all is well.
	defaultRequests = 50
	// defaultEffect is the Cliff's delta from which a difference is taken for more than negligible (Romano and others, 2006).
	defaultEffect = 0.147
	// A canary is slower only if people could notice: its median or its p95 is longer by a millisecond and by a tenth. Of many fast requests
	// the least difference is no chance.
	noticeable      = time.Millisecond
	noticeableTenth = 10
	// defaultIncrease is by how many percentage points errors may rise.
	defaultIncrease = 1
	// defaultSignificance is how often a canary that is no worse may be taken for worse, by each comparison.
	defaultSignificance = 0.01
)

// Window is what is judged: what canary and baseline did from one time to another.
type Window struct {
	Percent          int // the canary's share of the traffic
	Canary, Baseline metric.Traffic
	From, To         time.Time
}

// Judge judges a window by a policy. One measure that is surely worse is enough to roll back; one of which too little is known makes the verdict
// uncertain.
func Judge(p *slipway.ReleasePolicy, w Window) *slipway.ReleaseVerdict {
	j := judge{Window: w, minimum: defaultRequests, effect: defaultEffect, increase: defaultIncrease, significance: defaultSignificance}
	if c := p.Comparison; c != nil {
		set(&j.effect, c.Effect)
		set(&j.increase, c.ErrorIncreasePercent)
		set(&j.significance, c.Significance)
		if c.MinimumRequests != nil {
			j.minimum = int64(*c.MinimumRequests)
		}
	}
	if t := p.Thresholds; t != nil {
		j.errorLimit(t.MaxErrorPercent)
		j.latencyLimit("p95", 0.95, t.MaxP95Milliseconds)
		j.latencyLimit("p99", 0.99, t.MaxP99Milliseconds)
	}
	if c := p.Comparison; c != nil && w.Percent < 100 {
		if c.Latency == nil || *c.Latency {
			j.compareLatency()
		}
		if c.Errors == nil || *c.Errors {
			j.compareErrors()
		}
	}
	return j.verdict()
}

func set(into *float64, v *float64) {
	if v != nil {
		*into = *v
	}
}

type judge struct {
	Window
	minimum                        int64
	effect, increase, significance float64
	evidence                       []slipway.ReleaseEvidence
}

// found adds evidence.
func (j *judge) found(e slipway.ReleaseEvidence, format string, args ...any) {
	e.Text = new(fmt.Sprintf(format, args...))
	e.CanaryRequests = new(j.Canary.Total())
	if e.Baseline != nil {
		e.BaselineRequests = new(j.Baseline.Total())
	}
	j.evidence = append(j.evidence, e)
}

// above decides whether a share of the canary's requests exceeds a limit: surely so if even the lower end of its confidence interval does.
func (j *judge) above(x, n int64, limit float64) slipway.ReleaseDecision {
	low, _ := Wilson(x, n)
	switch {
	case n > 0 && low > limit:
		return slipway.ReleaseDecisionRollBack
	case n < j.minimum || float64(x) > limit*float64(n):
		return slipway.ReleaseDecisionUncertain
	}
	return slipway.ReleaseDecisionPromote
}

// few says that there are too few requests, if that is why a decision is uncertain.
func (j *judge) few(d slipway.ReleaseDecision, requests ...int64) string {
	if d != slipway.ReleaseDecisionUncertain {
		return ""
	}
	for _, n := range requests {
		if n < j.minimum {
			return fmt.Sprintf("; that is too few: %d are needed", j.minimum)
		}
	}
	return "; that may be chance"
}

func (j *judge) errorLimit(limit *float64) {
	if limit == nil {
		return
	}
	x, n := j.Canary.Errors(), j.Canary.Total()
	d := j.above(x, n, *limit/100)
	j.found(slipway.ReleaseEvidence{Measure: new("errors"), Decision: d, Canary: new(percent(x, n)), Limit: limit},
		"%s of %s failed on the canary, %s %% may%s", share(x, n), requests(n), number(*limit), j.few(d, n))
}

func (j *judge) latencyLimit(name string, q float64, limit *float64) {
	if limit == nil {
		return
	}
	var slow, n int64
	for _, b := range j.Canary.Latency {
		n += b.Count
		if ms(slipway.LatencyOf(int(b.Bucket))) > *limit {
			slow += b.Count
		}
	}
	d := j.above(slow, n, 1-q)
	at := j.Canary.Quantile(q)
	j.found(slipway.ReleaseEvidence{Measure: &name, Decision: d, Canary: new(ms(at)), Limit: limit},
		"%s %s on the canary in %s, %s is the limit%s", name, duration(at), requests(n), duration(time.Duration(*limit*float64(time.Millisecond))), j.few(d, n))
}

func count(buckets []metric.Bucket) (n int64) {
	for _, b := range buckets {
		n += b.Count
	}
	return n
}

func (j *judge) compareLatency() {
	n1, n2 := count(j.Canary.Latency), count(j.Baseline.Latency)
	e := slipway.ReleaseEvidence{Measure: new("latency"), Decision: slipway.ReleaseDecisionUncertain, Canary: new(ms(j.Canary.Quantile(0.95))), Baseline: new(ms(j.Baseline.Quantile(0.95)))}
	if n1 == 0 || n2 == 0 {
		j.found(e, "latency cannot be compared: n = %d/%d%s", n1, n2, j.few(e.Decision, n1, n2))
		return
	}
	r := Compare(j.Canary.Latency, j.Baseline.Latency)
	e.Effect, e.PValue, e.Limit = &r.Delta, &r.P, &j.effect
	large, grew := r.Delta >= j.effect, j.grew(0.5) || j.grew(0.95)
	e.Decision = j.worse(r.P < j.significance, large && grew, n1, n2)
	hint := j.few(e.Decision, n1, n2)
	if large && !grew {
		hint += "; that is too little to notice"
	}
	j.found(e, "p95 %s on the canary, %s on the baseline; slower in %.0f %% of pairs, %s, n = %d/%d%s",
		duration(j.Canary.Quantile(0.95)), duration(j.Baseline.Quantile(0.95)), 100*r.Slower, chance(r.P), n1, n2, hint)
}

// grew tells whether a quantile of the canary's latency is noticeably longer than the baseline's.
func (j *judge) grew(q float64) bool {
	c, b := j.Canary.Quantile(q), j.Baseline.Quantile(q)
	return c-b >= noticeable && (c-b)*noticeableTenth >= b
}

func (j *judge) compareErrors() {
	x1, n1, x2, n2 := j.Canary.Errors(), j.Canary.Total(), j.Baseline.Errors(), j.Baseline.Total()
	e := slipway.ReleaseEvidence{Measure: new("error rate"), Decision: slipway.ReleaseDecisionUncertain, Canary: new(percent(x1, n1)), Baseline: new(percent(x2, n2))}
	if n1 == 0 || n2 == 0 {
		j.found(e, "error rates cannot be compared: n = %d/%d%s", n1, n2, j.few(e.Decision, n1, n2))
		return
	}
	p, more := Fisher(x1, n1, x2, n2), percent(x1, n1)-percent(x2, n2)
	e.Effect, e.PValue, e.Limit = &more, &p, &j.increase
	e.Decision = j.worse(p < j.significance, more > 0 && more >= j.increase, n1, n2)
	j.found(e, "%s failed on the canary, %s on the baseline; %s, n = %d/%d%s", share(x1, n1), share(x2, n2), chance(p), n1, n2, j.few(e.Decision, n1, n2))
}

// worse decides by whether a difference is no chance, and whether it is large enough to matter.
func (j *judge) worse(significant, large bool, n1, n2 int64) slipway.ReleaseDecision {
	switch {
	case significant && large:
		return slipway.ReleaseDecisionRollBack
	case large || n1 < j.minimum || n2 < j.minimum:
		return slipway.ReleaseDecisionUncertain
	}
	return slipway.ReleaseDecisionPromote
}

func (j *judge) verdict() *slipway.ReleaseVerdict {
	v := &slipway.ReleaseVerdict{Decision: slipway.ReleaseDecisionPromote, Evidence: j.evidence, WindowStart: awsproto.At(j.From), WindowEnd: awsproto.At(j.To)}
	for _, e := range j.evidence {
		if e.Decision == slipway.ReleaseDecisionRollBack || e.Decision == slipway.ReleaseDecisionUncertain && v.Decision == slipway.ReleaseDecisionPromote {
			v.Decision = e.Decision
		}
	}
	var reasons []string
	for _, e := range j.evidence {
		if e.Decision == v.Decision {
			reasons = append(reasons, *e.Text)
		}
	}
	because := strings.Join(reasons, "; ") + "."
	switch {
	case len(j.evidence) == 0:
		v.Text = new("Nothing was judged: with 100 % of the traffic on the canary there is no baseline to compare it with.")
	case v.Decision == slipway.ReleaseDecisionRollBack:
		v.Text = new("The canary is worse: " + because)
	case v.Decision == slipway.ReleaseDecisionUncertain:
		v.Text = new("Whether the canary is good enough is not certain: " + because)
	default:
		v.Text = new("The canary is good enough: " + because)
	}
	return v
}
