package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/release/analysis"
	"slipway/internal/release/metric"
)

// The experiment behind the judge of releases: releases of two steps (10 % and 50 %, a minute each) under load, whose
// latencies are drawn from a model of a service on machines that do other work too. docs/releases.md has the figures
// that it printed.

// burst is other work that slows requests for a while.
type burst struct {
	from, to time.Duration
	factor   float64
}

// world is how a pair of versions is served.
type world struct {
	name  string
	equal bool // the verdict should be PROMOTE

	factor     float64       // of the canary's latencies; 1 is alike
	host       float64       // of the canary's host; 1 is alike
	errors     float64       // share of requests that fail on the canary
	always     float64       // share of requests that fail on either side
	tail       float64       // share of the canary's requests that take five times as long
	cold       float64       // by what factor the canary's first requests are longer, falling off in three seconds
	rate       float64       // requests a second, both sides together
	median     time.Duration // of a latency
	sigma      float64       // of its logarithm
	both, once float64       // bursts a minute on all hosts, and on one host alone, each side's own
}

func (w world) with(name string, equal bool, change func(*world)) world {
	w.name, w.equal = name, equal
	change(&w)
	return w
}

func worlds() []world {
	base := world{factor: 1, host: 1, rate: 60, median: 20 * time.Millisecond, sigma: 0.5}
	return []world{
		base.with("equal, quiet", true, func(*world) {}),
		base.with("equal, fast (3 ms)", true, func(w *world) { w.median = 3 * time.Millisecond }),
		base.with("equal, wide latencies", true, func(w *world) { w.sigma = 1 }),
		base.with("equal, 2,000 requests/s", true, func(w *world) { w.rate = 2000 }),
		base.with("equal, bursts on both cores", true, func(w *world) { w.both = 6 }),
		base.with("equal, many bursts on both", true, func(w *world) { w.both = 20 }),
		base.with("equal, bursts on one host", true, func(w *world) { w.once = 3 }),
		base.with("equal, bursts on both and one", true, func(w *world) { w.both, w.once = 6, 2 }),
		base.with("equal, cold start", true, func(w *world) { w.cold = 8 }),
		base.with("equal, 1 % fails on both sides", true, func(w *world) { w.always = 0.01 }),
		base.with("equal, few requests (10/s)", true, func(w *world) { w.rate = 10 }),
		base.with("equal, canary's host 5 % slower", true, func(w *world) { w.host = 1.05 }),
		base.with("equal, canary's host 20 % slower", false, func(w *world) { w.host = 1.2 }),
		base.with("20 % slower", false, func(w *world) { w.factor = 1.2 }),
		base.with("20 % slower, bursts on both", false, func(w *world) { w.factor, w.both = 1.2, 6 }),
		base.with("20 % slower, 500 requests/s", false, func(w *world) { w.factor, w.rate = 1.2, 500 }),
		base.with("50 % slower", false, func(w *world) { w.factor = 1.5 }),
		base.with("100 % slower", false, func(w *world) { w.factor = 2 }),
		base.with("100 % slower, bursts on both", false, func(w *world) { w.factor, w.both = 2, 6 }),
		base.with("8 % of requests 5 times slower", false, func(w *world) { w.tail, w.rate = 0.08, 200 }),
		base.with("5 % of requests fail", false, func(w *world) { w.errors = 0.05 }),
		base.with("20 % slower, few requests (10/s)", false, func(w *world) { w.factor, w.rate = 1.2, 10 }),
	}
}

// bursts are drawn for a minute.
func bursts(r *rand.Rand, perMinute float64) (all []burst) {
	if perMinute == 0 {
		return nil
	}
	for at := time.Duration(0); ; {
		at += time.Duration(r.ExpFloat64() / perMinute * float64(time.Minute))
		if at > time.Minute {
			return all
		}
		all = append(all,
			burst{at, at + time.Duration((0.3+2*r.ExpFloat64())*float64(time.Second)), 1.5 + 3*r.Float64()})
	}
}

func slowed(all []burst, at time.Duration) float64 {
	factor := 1.0
	for _, b := range all {
		if b.from <= at && at < b.to {
			factor = max(factor, b.factor)
		}
	}
	return factor
}

// step draws a minute of a release.
func (w world) step(r *rand.Rand, percent int) analysis.Window {
	const whole = time.Minute
	warm := analysis.WarmUp(whole)
	slice := analysis.SliceOf(whole - warm)
	n := int((whole - warm) / slice)
	out := analysis.Window{Percent: percent, Looks: 2, Slices: make([]analysis.Slice, n)}
	both, sides := bursts(r, w.both), [2][]burst{bursts(r, w.once), bursts(r, w.once)}
	latency := make([][2]map[int32]int64, n)
	for i := range latency {
		latency[i] = [2]map[int32]int64{{}, {}}
	}
	for at := time.Duration(0); at < whole; at += time.Duration(r.ExpFloat64() / w.rate * float64(time.Second)) {
		side := 0
		if r.Float64()*100 >= float64(percent) {
			side = 1
		}
		t := float64(w.median) * math.Exp(w.sigma*r.NormFloat64()) * slowed(both, at) * slowed(sides[side], at)
		failed := false
		if side == 0 {
			t *= w.factor * w.host * (1 + (max(w.cold, 1)-1)*math.Exp(-at.Seconds()/3))
			if r.Float64() < w.tail {
				t *= 5
			}
			failed = r.Float64() < w.errors
		}
		failed = failed || r.Float64() < w.always
		total := &out.Canary
		if side == 1 {
			total = &out.Baseline
		}
		total.Requests++
		if failed {
			total.Target5xx++
		}
		if i := int((at - warm) / slice); at >= warm && i < n {
			latency[i][side][int32(slipway.LatencyBucketOf(time.Duration(t)))]++
		}
	}
	for i := range latency {
		out.Slices[i] = analysis.Slice{Canary: traffic(latency[i][0]), Baseline: traffic(latency[i][1])}
	}
	return out
}

func traffic(counts map[int32]int64) (t metric.Traffic) {
	for b, n := range counts {
		t.Latency = append(t.Latency, metric.Bucket{Bucket: b, Count: n})
		t.Requests += n
	}
	slices.SortFunc(t.Latency, func(a, b metric.Bucket) int { return int(a.Bucket - b.Bucket) })
	return t
}

// judged is what becomes of one release: the first verdict that is not to promote, or that.
func (w world) judged(r *rand.Rand, p *slipway.ReleasePolicy) slipway.ReleaseDecision {
	for _, percent := range []int{10, 50} {
		if v := analysis.Judge(p, w.step(r, percent)); v.Decision != slipway.ReleaseDecisionPromote {
			return v.Decision
		}
	}
	return slipway.ReleaseDecisionPromote
}

const judgedReleases = 400

// judges draws hundreds of releases of each kind and counts the verdicts.
func judges(ctx context.Context, _ *bench) (string, error) {
	policy := &slipway.ReleasePolicy{Comparison: &slipway.ReleaseComparison{}}
	var lines []string
	for i, w := range worlds() {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		var found [3]int
		for range judgedReleases {
			if err := ctx.Err(); err != nil {
				return "", err
			}
			switch w.judged(r, policy) {
			case slipway.ReleaseDecisionRollBack:
				found[0]++
			case slipway.ReleaseDecisionUncertain:
				found[1]++
			default:
				found[2]++
			}
		}
		share := func(n int) float64 { return 100 * float64(n) / judgedReleases }
		lines = append(lines,
			fmt.Sprintf("%-34s rolled back %5.1f %%, asked %5.1f %%, promoted %5.1f %%", w.name, share(found[0]),
				share(found[1]), share(found[2])))
	}
	return strings.Join(lines, "\n        "), nil
}
