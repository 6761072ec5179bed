// Package analysis judges a canary by what its users got, against limits and against the baseline in the same time. It
// is pure: numbers in, a verdict with its evidence in words out.
package analysis

import (
	"math"

	"slipway/internal/release/metric"
)

// Rank is the result of a Mann-Whitney test of latencies.
type Rank struct {
	// Slower is in what share of all pairs of a request to the canary and one to the baseline the canary's took
	// longer; a tie counts half (the common-language effect size).
	Slower float64
	// Delta is Cliff's delta: 2·Slower − 1, from −1 (always faster) over 0 to 1 (always slower).
	Delta float64
	// P is how likely a canary that is no slower looks at least this slow: one-sided, by the normal approximation with
	// corrections for ties and continuity, which the counts of a release are large enough for.
	P float64
}

// Compare ranks the latencies of a canary among those of its baseline. Both have requests. What is in one bucket is a
// tie.
func Compare(canary, baseline []metric.Bucket) Rank {
	var n1, n2 float64
	for _, b := range canary {
		n1 += float64(b.Count)
	}
	for _, b := range baseline {
		n2 += float64(b.Count)
	}
	var u, below, ties float64
	for len(canary) > 0 || len(baseline) > 0 {
		var c, b float64
		switch {
		case len(baseline) == 0 || len(canary) > 0 && canary[0].Bucket < baseline[0].Bucket:
			c, canary = float64(canary[0].Count), canary[1:]
		case len(canary) == 0 || baseline[0].Bucket < canary[0].Bucket:
			b, baseline = float64(baseline[0].Count), baseline[1:]
		default:
			c, b = float64(canary[0].Count), float64(baseline[0].Count)
			canary, baseline = canary[1:], baseline[1:]
		}
		u += c * (below + b/2)
		below += b
		t := c + b
		ties += t * (t*t - 1)
	}
	n := n1 + n2
	r := Rank{Slower: u / (n1 * n2), P: 1}
	r.Delta = 2*r.Slower - 1
	variance := n1 * n2 / 12 * (n + 1 - ties/(n*(n-1)))
	if variance > 0 {
		r.P = tail((u - n1*n2/2 - 0.5) / math.Sqrt(variance))
	}
	return r
}

// tail is the probability that a standard normal variable exceeds z.
func tail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }
