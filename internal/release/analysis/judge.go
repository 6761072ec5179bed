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
	// defaultEffect is the Cliff's delta from which a difference is taken for more than negligible.
	defaultEffect = 0.06
	// A canary is slower only if people could notice: its requests take longer by a tenth and by a millisecond.
	noticeableFactor = 1.1
	noticeable       = time.Millisecond
	// A canary is rolled back for its latency alone only if its requests take 40 % longer, by five milliseconds, in
	// both halves of the window and in four fifths of its slices. Whether less than that is the version or its host, a
	// person decides.
	largeFactor  = 1.4
	large        = 5 * time.Millisecond
	lastingShare = 0.8
	// A tail is slower if twice as many requests take longer than nineteen of twenty of the baseline's.
	tailQuantile = 0.95
	tailFactor   = 2
	// defaultIncrease is by how many percentage points errors may rise.
	defaultIncrease = 1
	// defaultSignificance is how often a canary that is no worse may be taken for worse by a whole release: all its
	// steps and measures together.
	defaultSignificance = 0.01
)

// Judge judges a window by a policy. One measure that is surely worse is enough to roll back; one of which too little
// is known makes the verdict uncertain.
func Judge(p *slipway.ReleasePolicy, w Window) *slipway.ReleaseVerdict {
	j := judge{
		Window:       w,
		minimum:      defaultRequests,
		effect:       defaultEffect,
		increase:     defaultIncrease,
		significance: defaultSignificance,
	}
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
			if j.compareLatency() == slipway.ReleaseDecisionPromote {
				j.compareTail()
			}
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

// above decides whether a share of the canary's requests exceeds a limit: surely so if even the lower end of its
// confidence interval does.
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
			return j.tooFew(n)
		}
	}
	return "; this may be chance"
}

func (j *judge) errorLimit(limit *float64) {
	if limit == nil {
		return
	}
	x, n := j.Canary.Errors(), j.Canary.Total()
	d := j.above(x, n, *limit/100)
	j.found(slipway.ReleaseEvidence{Measure: new("errors"), Decision: d, Canary: new(percent(x, n)), Limit: limit},
		"%s of %s failed on the new version (limit %s %%)%s", share(x, n), requests(n), number(*limit), j.few(d, n))
}

func (j *judge) latencyLimit(name string, q float64, limit *float64) {
	if limit == nil {
		return
	}
	settled, _ := j.settled()
	if len(settled.Latency) == 0 {
		settled = j.Canary
	}
	var slow, n int64
	for _, b := range settled.Latency {
		n += b.Count
		if ms(slipway.LatencyOf(int(b.Bucket))) > *limit {
			slow += b.Count
		}
	}
	d := j.above(slow, n, 1-q)
	at := settled.Quantile(q)
	j.found(slipway.ReleaseEvidence{Measure: &name, Decision: d, Canary: new(ms(at)), Limit: limit},
		"%s %s on the new version (limit %s)%s", name, duration(at),
		duration(time.Duration(*limit*float64(time.Millisecond))), j.few(d, n))
}

func count(buckets []metric.Bucket) (n int64) {
	for _, b := range buckets {
		n += b.Count
	}
	return n
}

// settled sums up the slices: what both sides did without the warm-up.
func (j *judge) settled() (canary, baseline metric.Traffic) {
	for _, s := range j.Slices {
		canary.Add(s.Canary)
		baseline.Add(s.Baseline)
	}
	return canary, baseline
}

// part is the probability to err of one measure at one look, so that all of a release's together stay below
// significance.
func (j *judge) part() float64 {
	const measures = 3 // latency, slow requests, errors
	return j.significance / float64(measures*max(1, j.Looks))
}

func (j *judge) compareLatency() slipway.ReleaseDecision {
	canary, baseline := j.settled()
	n1, n2 := count(canary.Latency), count(baseline.Latency)
	c95, b95 := canary.Quantile(0.95), baseline.Quantile(0.95)
	e := slipway.ReleaseEvidence{
		Measure:  new("latency"),
		Decision: slipway.ReleaseDecisionUncertain,
		Canary:   new(ms(c95)),
		Baseline: new(ms(b95)),
	}
	m := matchLatency(j.Slices, 0)
	if m.Slices == 0 {
		j.found(e, "response times cannot be compared: %s to the new version, %s to the old one", requests(n1),
			requests(n2))
		return e.Decision
	}
	delta, factor := 2*m.Effect, slowerBy(j.Slices)
	middle := baseline.Quantile(0.5)
	longer := time.Duration(float64(middle) * (factor - 1))
	e.Effect, e.PValue, e.Limit = &delta, &m.P, &j.effect
	worse := m.P < j.part() && delta >= j.effect && factor >= noticeableFactor && longer >= noticeable
	lasts := m.Lasting >= lastingShare && m.Halves[0] > 0 && m.Halves[1] > 0
	figures := fmt.Sprintf("p95 %s, was %s", duration(c95), duration(b95))
	switch {
	case worse && lasts && factor >= largeFactor && longer >= large:
		e.Decision = slipway.ReleaseDecisionRollBack
		j.found(e, "requests take %.0f %% longer on the new version, all the time (%s)", 100*(factor-1), figures)
	case worse:
		j.found(e, "requests take %.0f %% longer on the new version (%s); this may be the version or its hosts",
			100*(factor-1), figures)
	case j.Canary.Total() < j.minimum || j.Baseline.Total() < j.minimum:
		j.found(e, "%s%s", figures, j.tooFew(min(j.Canary.Total(), j.Baseline.Total())))
	default:
		e.Decision = slipway.ReleaseDecisionPromote
		j.found(e, "%s", figures)
	}
	return e.Decision
}

// compareTail looks for requests that only some users meet: the ranks of all latencies hide them.
func (j *judge) compareTail() {
	canary, baseline := j.settled()
	n1, n2 := count(canary.Latency), count(baseline.Latency)
	bound := int32(slipway.LatencyBucketOf(baseline.Quantile(tailQuantile)))
	m := matchSlow(j.Slices, bound)
	c, b := slower(canary.Latency, bound)/float64(n1), slower(baseline.Latency, bound)/float64(n2)
	at := slipway.LatencyOf(int(bound))
	if m.P >= j.part() || c < tailFactor*max(b, 1-tailQuantile) || canary.Quantile(tailQuantile) < at+noticeable {
		return
	}
	e := slipway.ReleaseEvidence{
		Measure:  new("slow requests"),
		Decision: slipway.ReleaseDecisionUncertain,
		Canary:   new(100 * c),
		Baseline: new(100 * b),
		Effect:   &m.Effect,
		PValue:   &m.P,
	}
	j.found(e, "%s %% of requests take longer than %s on the new version, was %s %%", number(100*c), duration(at),
		number(100*b))
}

func (j *judge) compareErrors() {
	x1, n1, x2, n2 := j.Canary.Errors(), j.Canary.Total(), j.Baseline.Errors(), j.Baseline.Total()
	e := slipway.ReleaseEvidence{
		Measure:  new("error rate"),
		Decision: slipway.ReleaseDecisionUncertain,
		Canary:   new(percent(x1, n1)),
		Baseline: new(percent(x2, n2)),
	}
	if n1 == 0 || n2 == 0 {
		j.found(e, "error rates cannot be compared: %s to the new version, %s to the old one", requests(n1),
			requests(n2))
		return
	}
	p, more := Fisher(x1, n1, x2, n2), percent(x1, n1)-percent(x2, n2)
	e.Effect, e.PValue, e.Limit = &more, &p, &j.increase
	large := more > 0 && more >= j.increase
	switch {
	case large && p < j.part():
		e.Decision = slipway.ReleaseDecisionRollBack
	case n1 >= j.minimum && n2 >= j.minimum && (!large || p >= suspicious):
		e.Decision = slipway.ReleaseDecisionPromote
	}
	j.found(e, "%s of requests failed, was %s%s", share(x1, n1), share(x2, n2), j.few(e.Decision, n1, n2))
}

// suspicious is the probability of chance below which more errors are a reason to ask, if not to roll back.
const suspicious = 0.05

// tooFewRequests begins the reason of each piece of evidence that rests on too few requests.
const tooFewRequests = "; too few requests to tell"

func (j *judge) tooFew(n int64) string {
	return fmt.Sprintf("%s (%d, needed: %d)", tooFewRequests, n, j.minimum)
}

// because joins the reasons of a decision. That there are too few requests is said once, without the figures that say
// nothing yet: the evidence has them.
func (j *judge) because(decision slipway.ReleaseDecision) string {
	var reasons []string
	few := ""
	for _, e := range j.evidence {
		if e.Decision != decision {
			continue
		}
		if _, counts, found := strings.Cut(*e.Text, tooFewRequests); !found {
			reasons = append(reasons, *e.Text)
		} else if few == "" {
			few = strings.TrimPrefix(tooFewRequests, "; ") + counts
			reasons = append(reasons, few)
		}
	}
	return strings.Join(reasons, "; ") + "."
}

func (j *judge) verdict() *slipway.ReleaseVerdict {
	v := &slipway.ReleaseVerdict{
		Decision:    slipway.ReleaseDecisionPromote,
		Evidence:    j.evidence,
		WindowStart: awsproto.At(j.From),
		WindowEnd:   awsproto.At(j.To),
	}
	for _, e := range j.evidence {
		if e.Decision == slipway.ReleaseDecisionRollBack ||
			e.Decision == slipway.ReleaseDecisionUncertain && v.Decision == slipway.ReleaseDecisionPromote {
			v.Decision = e.Decision
		}
	}
	because := j.because(v.Decision)
	switch {
	case len(j.evidence) == 0:
		v.Text = new("Nothing was compared: all traffic is on the new version.")
	case v.Decision == slipway.ReleaseDecisionRollBack:
		v.Text = new("The new version is worse: " + because)
	case v.Decision == slipway.ReleaseDecisionUncertain:
		v.Text = new("Not certain: " + because)
	default:
		v.Text = new("The new version is good: " + because)
	}
	return v
}
