package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/api/slipway"
	"slipway/internal/release/metric"
)

// ranked puts each value into a bucket of its own.
func ranked(values ...int32) []metric.Bucket {
	slices.Sort(values)
	var out []metric.Bucket
	for _, v := range values {
		if n := len(out); n > 0 && out[n-1].Bucket == v {
			out[n-1].Count++
		} else {
			out = append(out, metric.Bucket{Bucket: v, Count: 1})
		}
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-5*math.Max(1, math.Abs(b)) }

// TestKnownValues are worked examples: of SciPy's documentation (mannwhitneyu, asymptotic, halved for one side; fisher_exact), of Fisher's tea,
// and of Wilson intervals in textbooks.
func TestKnownValues(t *testing.T) {
	r := Compare(ranked(19, 22, 16, 29, 24), ranked(20, 11, 17, 12))
	if !near(r.Slower, 17.0/20) || !near(r.Delta, 0.7) || !near(r.P, 0.11134688653314041/2) {
		t.Errorf("%+v", r)
	}
	// Ties, by hand: U = 2·(1+0.5) + 1·2 + … of [1 1 2] against [1 2 2]: 1 beats 0 and ties 1 (twice), 2 beats 1 and ties 2.
	if r := Compare(ranked(1, 1, 2), ranked(1, 2, 2)); !near(r.Slower, 3.0/9) {
		t.Errorf("%+v", r)
	}
	if r := Compare(ranked(5, 5, 5), ranked(5, 5)); r.Slower != 0.5 || r.Delta != 0 || r.P != 1 {
		t.Errorf("all the same: %+v", r)
	}
	for _, c := range []struct {
		x1, n1, x2, n2 int64
		want           float64
	}{{8, 10, 1, 6, 196.0 / 8008}, {3, 4, 1, 4, 17.0 / 70}, {0, 100, 0, 100, 1}, {0, 10, 5, 10, 1}, {5, 5, 0, 5, 1.0 / 252}} {
		if got := Fisher(c.x1, c.n1, c.x2, c.n2); !near(got, c.want) {
			t.Errorf("Fisher(%d/%d, %d/%d) = %v, want %v", c.x1, c.n1, c.x2, c.n2, got, c.want)
		}
	}
	for _, c := range []struct {
		x, n      int64
		low, high float64
	}{{1, 50, 0.003539, 0.104954}, {0, 10, 0, 0.277533}, {10, 10, 0.722467, 1}, {81, 263, 0.255331, 0.366239}} {
		if low, high := Wilson(c.x, c.n); math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("Wilson(%d, %d) = %v, %v, want %v, %v", c.x, c.n, low, high, c.low, c.high)
		}
	}
}

// TestRankCountsPairs compares with counting all pairs one by one.
func TestRankCountsPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SliceOfN(rapid.Int32Range(0, 8), 1, 30).Draw(t, "a"), rapid.SliceOfN(rapid.Int32Range(0, 8), 1, 30).Draw(t, "b")
		var slower float64
		for _, x := range a {
			for _, y := range b {
				if x > y {
					slower++
				} else if x == y {
					slower += 0.5
				}
			}
		}
		forth, back := Compare(ranked(a...), ranked(b...)), Compare(ranked(b...), ranked(a...))
		if !near(forth.Slower, slower/float64(len(a)*len(b))) || !near(forth.Slower+back.Slower, 1) || forth.P < 0 || forth.P > 1 {
			t.Fatalf("%+v %+v", forth, back)
		}
	})
}

// TestFisherIsATail adds up to one, and agrees with the sum of all terms.
func TestFisherIsATail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n1, n2 := rapid.Int64Range(1, 60).Draw(t, "n1"), rapid.Int64Range(1, 60).Draw(t, "n2")
		x1, x2 := rapid.Int64Range(0, n1).Draw(t, "x1"), rapid.Int64Range(0, n2).Draw(t, "x2")
		var sum float64
		for k := x1; k <= min(n1, x1+x2); k++ {
			sum += math.Exp(choose(n1, k) + choose(n2, x1+x2-k) - choose(n1+n2, x1+x2))
		}
		if got := Fisher(x1, n1, x2, n2); math.Abs(got-min(1, sum)) > 1e-9 {
			t.Fatalf("%v, want %v", got, sum)
		}
	})
}

// latencies draws requests of log-normal latency around a median.
func latencies(r *rand.Rand, n int, median time.Duration) metric.Traffic {
	counts := map[int32]int64{}
	for range n {
		counts[int32(slipway.LatencyBucketOf(time.Duration(float64(median)*math.Exp(0.5*r.NormFloat64()))))]++
	}
	t := metric.Traffic{Requests: int64(n)}
	for b, c := range counts {
		t.Latency = append(t.Latency, metric.Bucket{Bucket: b, Count: c})
	}
	slices.SortFunc(t.Latency, func(a, b metric.Bucket) int { return int(a.Bucket - b.Bucket) })
	return t
}

// TestHowOftenItErrs lets equal versions, and slower ones, be judged many times.
func TestHowOftenItErrs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	policy := &slipway.ReleasePolicy{Comparison: &slipway.ReleaseComparison{}}
	const rounds = 2000
	share := func(slowdown, errors, more float64, canary, baseline int, decision slipway.ReleaseDecision) float64 {
		hits := 0
		for range rounds {
			w := Window{Percent: 10, Canary: latencies(r, canary, time.Duration(float64(100*time.Millisecond)*slowdown)), Baseline: latencies(r, baseline, 100*time.Millisecond)}
			for range canary {
				if r.Float64() < errors+more {
					w.Canary.Target5xx++
				}
			}
			for range baseline {
				if r.Float64() < errors {
					w.Baseline.Target5xx++
				}
			}
			if Judge(policy, w).Decision == decision {
				hits++
			}
		}
		return float64(hits) / rounds
	}
	significant := 0
	for range rounds {
		if Compare(latencies(r, 200, 100*time.Millisecond).Latency, latencies(r, 1800, 100*time.Millisecond).Latency).P < 0.05 {
			significant++
		}
	}
	if rate := float64(significant) / rounds; rate < 0.035 || rate > 0.065 {
		t.Errorf("equal latencies are significant at 5 %% in %.1f %%", 100*rate)
	}
	for _, c := range []struct {
		name        string
		got         float64
		least, most float64
	}{
		{"equal versions are rolled back", share(1, 0.01, 0, 200, 1800, slipway.ReleaseDecisionRollBack), 0, 0.02},
		{"equal versions are promoted", share(1, 0.01, 0, 1000, 9000, slipway.ReleaseDecisionPromote), 0.85, 1},
		{"30 % slower is rolled back", share(1.3, 0.01, 0, 200, 1800, slipway.ReleaseDecisionRollBack), 0.97, 1},
		{"30 % slower is promoted", share(1.3, 0.01, 0, 200, 1800, slipway.ReleaseDecisionPromote), 0, 0.005},
		{"3 % slower is promoted", share(1.03, 0, 0, 1000, 9000, slipway.ReleaseDecisionPromote), 0.97, 1},
		{"5 % errors more are rolled back", share(1, 0.01, 0.05, 400, 3600, slipway.ReleaseDecisionRollBack), 0.95, 1},
		{"a few requests are no reason to promote", share(1, 0, 0, 20, 180, slipway.ReleaseDecisionPromote), 0, 0},
	} {
		if c.got < c.least || c.got > c.most {
			t.Errorf("%s in %.1f %%", c.name, 100*c.got)
		}
	}
}

func side(requests, errors int64, latency time.Duration) metric.Traffic {
	t := metric.Traffic{Requests: requests, Target5xx: errors}
	if requests > 0 {
		t.Latency = []metric.Bucket{{Bucket: int32(slipway.LatencyBucketOf(latency)), Count: requests}}
	}
	return t
}

func TestVerdictsInWords(t *testing.T) {
	limits := &slipway.ReleasePolicy{Thresholds: &slipway.ReleaseThresholds{MaxErrorPercent: new(1.0), MaxP95Milliseconds: new(250.0)}}
	compare := &slipway.ReleasePolicy{Comparison: &slipway.ReleaseComparison{}}
	for name, c := range map[string]struct {
		policy           *slipway.ReleasePolicy
		percent          int
		canary, baseline metric.Traffic
		decision         slipway.ReleaseDecision
		text             string
	}{
		"within the limits":         {limits, 10, side(1000, 5, 100*time.Millisecond), metric.Traffic{}, "PROMOTE", "The canary is good enough: 0.50 % of 1000 requests failed on the canary, 1 % may; p95 99 ms on the canary in 1000 requests, 250 ms is the limit."},
		"too many errors":           {limits, 10, side(1000, 50, 100*time.Millisecond), metric.Traffic{}, "ROLL_BACK", "The canary is worse: 5 % of 1000 requests failed on the canary, 1 % may."},
		"too slow":                  {limits, 100, side(1000, 0, 400*time.Millisecond), metric.Traffic{}, "ROLL_BACK", "The canary is worse: p95 396 ms on the canary in 1000 requests, 250 ms is the limit."},
		"perhaps too many errors":   {limits, 10, side(80, 1, 100*time.Millisecond), metric.Traffic{}, "UNCERTAIN", "Whether the canary is good enough is not certain: 1.2 % of 80 requests failed on the canary, 1 % may; that may be chance."},
		"too few":                   {limits, 10, side(3, 0, 100*time.Millisecond), metric.Traffic{}, "UNCERTAIN", "Whether the canary is good enough is not certain: 0 % of 3 requests failed on the canary, 1 % may; that is too few: 50 are needed; p95 99 ms on the canary in 3 requests, 250 ms is the limit; that is too few: 50 are needed."},
		"few, and all of them fail": {limits, 10, side(10, 10, 100*time.Millisecond), metric.Traffic{}, "ROLL_BACK", "The canary is worse: 100 % of 10 requests failed on the canary, 1 % may."},
		"none":                      {compare, 10, side(0, 0, 0), side(500, 0, 100*time.Millisecond), "UNCERTAIN", "Whether the canary is good enough is not certain: latency cannot be compared: n = 0/500; that is too few: 50 are needed; error rates cannot be compared: n = 0/500; that is too few: 50 are needed."},
		"slower":                    {compare, 10, side(512, 0, 412*time.Millisecond), side(4610, 0, 180*time.Millisecond), "ROLL_BACK", "The canary is worse: p95 413 ms on the canary, 181 ms on the baseline; slower in 100 % of pairs, p < 0.001, n = 512/4610."},
		"slower by a hair":          {compare, 10, side(512, 0, 800*time.Microsecond), side(4610, 0, 700*time.Microsecond), "PROMOTE", "The canary is good enough: p95 0.8 ms on the canary, 0.7 ms on the baseline; slower in 100 % of pairs, p < 0.001, n = 512/4610; that is too little to notice; 0 % failed on the canary, 0 % on the baseline; p = 1.00, n = 512/4610."},
		"alike":                     {compare, 10, side(512, 0, 180*time.Millisecond), side(4610, 2, 180*time.Millisecond), "PROMOTE", "The canary is good enough: p95 181 ms on the canary, 181 ms on the baseline; slower in 50 % of pairs, p = 1.00, n = 512/4610; 0 % failed on the canary, 0.043 % on the baseline; p = 1.00, n = 512/4610."},
		"faster":                    {compare, 10, side(512, 0, 20*time.Millisecond), side(4610, 2, 180*time.Millisecond), "PROMOTE", "The canary is good enough: p95 20 ms on the canary, 181 ms on the baseline; slower in 0 % of pairs, p = 1.00, n = 512/4610; 0 % failed on the canary, 0.043 % on the baseline; p = 1.00, n = 512/4610."},
		"more errors":               {compare, 10, side(512, 20, 180*time.Millisecond), side(4610, 2, 180*time.Millisecond), "ROLL_BACK", "The canary is worse: 3.9 % failed on the canary, 0.043 % on the baseline; p < 0.001, n = 512/4610."},
		"perhaps more errors":       {compare, 10, side(100, 2, 180*time.Millisecond), side(900, 2, 180*time.Millisecond), "UNCERTAIN", "Whether the canary is good enough is not certain: 2 % failed on the canary, 0.22 % on the baseline; p = 0.052, n = 100/900; that may be chance."},
		"nothing to compare with":   {compare, 100, side(512, 20, 180*time.Millisecond), metric.Traffic{}, "PROMOTE", "Nothing was judged: with 100 % of the traffic on the canary there is no baseline to compare it with."},
	} {
		v := Judge(c.policy, Window{Percent: c.percent, Canary: c.canary, Baseline: c.baseline})
		if v.Decision != c.decision || *v.Text != c.text {
			t.Errorf("%s: %s\n %s\nwant %s\n %s", name, v.Decision, *v.Text, c.decision, c.text)
		}
		for _, e := range v.Evidence {
			if e.Measure == nil || e.Decision == "" || strings.Contains(*e.Text, "NaN") || e.CanaryRequests == nil {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
}
