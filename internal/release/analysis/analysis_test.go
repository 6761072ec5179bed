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

// TestKnownValues are worked examples: of SciPy's documentation (mannwhitneyu, asymptotic, halved for one side;
// fisher_exact), of Fisher's tea, and of Wilson intervals in textbooks.
func TestKnownValues(t *testing.T) {
	r := Compare(ranked(19, 22, 16, 29, 24), ranked(20, 11, 17, 12))
	if !near(r.Slower, 17.0/20) || !near(r.Delta, 0.7) || !near(r.P, 0.11134688653314041/2) {
		t.Errorf("%+v", r)
	}
	// Ties, by hand: U = 2·(1+0.5) + 1·2 + … of [1 1 2] against [1 2 2]: 1 beats 0 and ties 1 (twice), 2 beats 1 and
	// ties 2.
	if r := Compare(ranked(1, 1, 2), ranked(1, 2, 2)); !near(r.Slower, 3.0/9) {
		t.Errorf("%+v", r)
	}
	if r := Compare(ranked(5, 5, 5), ranked(5, 5)); r.Slower != 0.5 || r.Delta != 0 || r.P != 1 {
		t.Errorf("all the same: %+v", r)
	}
	for _, c := range []struct {
		x1, n1, x2, n2 int64
		want           float64
	}{{8, 10, 1, 6, 196.0 / 8008}, {3, 4, 1, 4, 17.0 / 70}, {0, 100, 0, 100, 1}, {0, 10, 5, 10, 1},
		{5, 5, 0, 5, 1.0 / 252}} {
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
		a, b := rapid.SliceOfN(rapid.Int32Range(0, 8), 1, 30).Draw(t,
			"a"), rapid.SliceOfN(rapid.Int32Range(0, 8), 1, 30).Draw(t, "b")
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
		if !near(forth.Slower, slower/float64(len(a)*len(b))) || !near(forth.Slower+back.Slower, 1) || forth.P < 0 ||
			forth.P > 1 {
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

// drawn is a window of twenty slices with requests of both sides; slow slows the canary's of a slice.
func drawn(r *rand.Rand, canary, baseline int, slowdown, errors, more float64,
	slow func(slice int) (both, one float64)) Window {
	w := Window{Percent: 10, Looks: 2}
	const n = 20
	for i := range n {
		both, one := 1.0, 1.0
		if slow != nil {
			both, one = slow(i)
		}
		s := Slice{
			Canary:   latencies(r, canary/n, time.Duration(float64(100*time.Millisecond)*slowdown*both*one)),
			Baseline: latencies(r, baseline/n, time.Duration(float64(100*time.Millisecond)*both)),
		}
		for range canary / n {
			if r.Float64() < errors+more {
				s.Canary.Target5xx++
			}
		}
		for range baseline / n {
			if r.Float64() < errors {
				s.Baseline.Target5xx++
			}
		}
		w.Slices = append(w.Slices, s)
		w.Canary.Add(s.Canary)
		w.Baseline.Add(s.Baseline)
	}
	return w
}

// TestHowOftenItErrs lets equal versions, and worse ones, be judged many times. bench/judge.go has the whole
// experiment.
func TestHowOftenItErrs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	policy := &slipway.ReleasePolicy{Comparison: &slipway.ReleaseComparison{}}
	const rounds = 500
	share := func(decision slipway.ReleaseDecision, window func() Window) float64 {
		hits := 0
		for range rounds {
			if Judge(policy, window()).Decision == decision {
				hits++
			}
		}
		return float64(hits) / rounds
	}
	// Bursts: three slices in a row are four times as slow, on both sides or on the canary's host alone.
	burst := func(sides int) func(int) (float64, float64) {
		at := r.IntN(18)
		return func(i int) (both, one float64) {
			both, one = 1, 1
			if at <= i && i < at+3 {
				if sides == 2 {
					both = 4
				} else {
					one = 4
				}
			}
			return both, one
		}
	}
	rollBack, ask, promote := slipway.ReleaseDecisionRollBack, slipway.ReleaseDecisionUncertain,
		slipway.ReleaseDecisionPromote
	for _, c := range []struct {
		name        string
		got         float64
		least, most float64
	}{
		{"equal versions are promoted", share(promote, func() Window { return drawn(r, 400, 3600, 1, 0.01, 0, nil) }),
			0.95, 1},
		{"equal versions in a burst on both sides are promoted",
			share(promote, func() Window { return drawn(r, 400, 3600, 1, 0, 0, burst(2)) }), 0.97, 1},
		{"equal versions in a burst on one side are rolled back",
			share(rollBack, func() Window { return drawn(r, 400, 3600, 1, 0, 0, burst(1)) }), 0, 0.005},
		{"equal versions in a burst on one side are asked for",
			share(ask, func() Window { return drawn(r, 400, 3600, 1, 0, 0, burst(1)) }), 0, 0.05},
		{"20 % slower is promoted", share(promote, func() Window { return drawn(r, 400, 3600, 1.2, 0, 0, nil) }), 0,
			0.02},
		{"20 % slower is rolled back", share(rollBack, func() Window { return drawn(r, 400, 3600, 1.2, 0, 0, nil) }), 0,
			0.02},
		{"100 % slower is rolled back", share(rollBack, func() Window { return drawn(r, 400, 3600, 2, 0, 0, nil) }),
			0.97, 1},
		{"3 % slower is promoted", share(promote, func() Window { return drawn(r, 1000, 9000, 1.03, 0, 0, nil) }), 0.97,
			1},
		{"5 % errors more are rolled back",
			share(rollBack, func() Window { return drawn(r, 400, 3600, 1, 0.01, 0.05, nil) }), 0.9, 1},
		{"a few requests are no reason to promote",
			share(promote, func() Window { return drawn(r, 20, 180, 1, 0, 0, nil) }), 0, 0},
	} {
		if c.got < c.least || c.got > c.most {
			t.Errorf("%s in %.1f %%", c.name, 100*c.got)
		}
	}
}

// TestStudentTail are quantiles of tables.
func TestStudentTail(t *testing.T) {
	for _, c := range []struct{ t, freedom, want float64 }{{2.353, 3, 0.05}, {2.015, 5, 0.05}, {3.365, 5, 0.01},
		{2.861, 19, 0.005}, {0, 9, 0.5}, {-1.729, 19, 0.95}} {
		if got := studentTail(c.t, c.freedom); math.Abs(got-c.want) > 0.002 {
			t.Errorf("studentTail(%v, %v) = %v, want %v", c.t, c.freedom, got, c.want)
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

// spread cuts both sides into slices of the same.
func spread(canary, baseline metric.Traffic) (all []Slice) {
	part := func(t metric.Traffic) metric.Traffic {
		out := metric.Traffic{Requests: t.Requests / pieces}
		for _, b := range t.Latency {
			if n := b.Count / pieces; n > 0 {
				out.Latency = append(out.Latency, metric.Bucket{Bucket: b.Bucket, Count: n})
			}
		}
		return out
	}
	for range pieces {
		all = append(all, Slice{part(canary), part(baseline)})
	}
	return all
}

func TestVerdictsInWords(t *testing.T) {
	limits := &slipway.ReleasePolicy{
		Thresholds: &slipway.ReleaseThresholds{MaxErrorPercent: new(1.0), MaxP95Milliseconds: new(250.0)},
	}
	compare := &slipway.ReleasePolicy{Comparison: &slipway.ReleaseComparison{}}
	for name, c := range map[string]struct {
		policy           *slipway.ReleasePolicy
		percent          int
		canary, baseline metric.Traffic
		decision         slipway.ReleaseDecision
		text             string
	}{
		"within the limits": {limits, 10, side(1000, 5, 100*time.Millisecond), metric.Traffic{}, "PROMOTE",
			"The new version is good: 0.50 % of 1000 requests failed on the new version (limit 1 %); p95 99 ms on " +
				"the new version (limit 250 ms)."},
		"too many errors": {limits, 10, side(1000, 50, 100*time.Millisecond), metric.Traffic{}, "ROLL_BACK",
			"The new version is worse: 5 % of 1000 requests failed on the new version (limit 1 %)."},
		"too slow": {limits, 100, side(1000, 0, 400*time.Millisecond), metric.Traffic{}, "ROLL_BACK",
			"The new version is worse: p95 396 ms on the new version (limit 250 ms)."},
		"perhaps too many errors": {limits, 10, side(80, 1, 100*time.Millisecond), metric.Traffic{}, "UNCERTAIN",
			"Not certain: 1.2 % of 80 requests failed on the new version (limit 1 %); this may be chance."},
		"too few": {limits, 10, side(3, 0, 100*time.Millisecond), metric.Traffic{}, "UNCERTAIN",
			"Not certain: too few requests to tell (3, needed: 50)."},
		"few, and all of them fail": {limits, 10, side(10, 10, 100*time.Millisecond), metric.Traffic{}, "ROLL_BACK",
			"The new version is worse: 100 % of 10 requests failed on the new version (limit 1 %)."},
		"none": {compare, 10, side(0, 0, 0), side(500, 0, 100*time.Millisecond), "UNCERTAIN",
			"Not certain: response times cannot be compared: 0 requests to the new version, 500 requests to the old " +
				"one; error rates cannot be compared: 0 requests to the new version, 500 requests to the old one."},
		"much slower": {compare, 10, side(520, 0, 412*time.Millisecond),
			side(4620, 0, 180*time.Millisecond), "ROLL_BACK",
			"The new version is worse: requests take 128 % longer on the new version, all the time (p95 413 ms, was " +
				"181 ms)."},
		"slower": {compare, 10, side(520, 0, 216*time.Millisecond),
			side(4620, 0, 180*time.Millisecond), "UNCERTAIN",
			"Not certain: requests take 19 % longer on the new version (p95 216 ms, was 181 ms); this may be the " +
				"version or its hosts."},
		"slower by a hair": {compare, 10, side(520, 0, 800*time.Microsecond),
			side(4620, 0, 700*time.Microsecond), "PROMOTE",
			"The new version is good: p95 0.8 ms, was 0.7 ms; 0 % of requests failed, was 0 %."},
		"alike": {compare, 10, side(520, 0, 180*time.Millisecond),
			side(4620, 2, 180*time.Millisecond), "PROMOTE",
			"The new version is good: p95 181 ms, was 181 ms; 0 % of requests failed, was 0.043 %."},
		"faster": {compare, 10, side(520, 0, 20*time.Millisecond), side(4620, 2, 180*time.Millisecond),
			"PROMOTE", "The new version is good: p95 20 ms, was 181 ms; 0 % of requests failed, was 0.043 %."},
		"more errors": {compare, 10, side(520, 20, 180*time.Millisecond),
			side(4620, 2, 180*time.Millisecond), "ROLL_BACK",
			"The new version is worse: 3.8 % of requests failed, was 0.043 %."},
		"perhaps more errors": {compare, 10, side(100, 3, 180*time.Millisecond), side(900, 2, 180*time.Millisecond),
			"UNCERTAIN", "Not certain: 3 % of requests failed, was 0.22 %; this may be chance."},
		"nothing to compare with": {compare, 100, side(512, 20, 180*time.Millisecond), metric.Traffic{}, "PROMOTE",
			"Nothing was compared: all traffic is on the new version."},
	} {
		v := Judge(c.policy,
			Window{Percent: c.percent, Canary: c.canary, Baseline: c.baseline, Slices: spread(c.canary, c.baseline)})
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
