package analysis

import (
	"math"
	"slices"

	"slipway/internal/release/metric"
)

// Matched is a comparison of two sides slice by slice.
type Matched struct {
	// Effect is the weighted mean of the slices' differences; 0 is alike.
	Effect float64
	// P is how likely it is that a canary that is no worse looks at least this much worse: one-sided. It goes by how
	// much the slices differ among each other, not by the number of requests, since requests in one slice share their
	// fate.
	P float64
	// Lasting is the weight of the slices in which the canary was worse, and Halves the effect in each half of the
	// window.
	Lasting float64
	Halves  [2]float64
	Slices  int // in which both sides had requests
}

// minSlices is how many slices show how much they differ among each other. A shorter window, of a few seconds, goes by
// chance alone.
const minSlices = 4

// difference is what one slice says, with its weight. model is the variance that chance alone would give it.
type difference struct{ effect, weight, model float64 }

// match sums slices up. The variance is the larger of what chance alone would give and what is seen between slices,
// neighbours' likeness included (Newey and West, lag 2): a burst that lasts for some slices on one side must not look
// like many independent proofs.
func match(all []difference) Matched {
	m := Matched{P: 1, Slices: len(all)}
	var weight, square float64
	for _, d := range all {
		weight += d.weight
		square += d.weight * d.weight
		m.Effect += d.weight * d.effect
	}
	if weight == 0 {
		return m
	}
	m.Effect /= weight
	var model, seen float64
	half := [2]float64{}
	passed := 0.0
	for i, d := range all {
		model += d.weight * d.weight * d.model
		off := d.weight * (d.effect - m.Effect)
		seen += off * off
		for lag := 1; lag <= 2 && i >= lag; lag++ {
			before := all[i-lag].weight * (all[i-lag].effect - m.Effect)
			seen += 2 * (1 - float64(lag)/3) * off * before
		}
		if d.effect > 0 {
			m.Lasting += d.weight / weight
		}
		h := 0
		if passed >= weight/2 {
			h = 1
		}
		passed += d.weight
		m.Halves[h] += d.weight * d.effect
		half[h] += d.weight
	}
	for h := range half {
		if half[h] > 0 {
			m.Halves[h] /= half[h]
		}
	}
	effective := weight * weight / square // slices of equal weight would be all of them
	if effective < minSlices {
		if model > 0 {
			m.P = tail(m.Effect * weight / math.Sqrt(model))
		}
		return m
	}
	deviation := math.Sqrt(max(model, seen*effective/(effective-1))) / weight
	if deviation > 0 {
		m.P = studentTail(m.Effect/deviation, effective-1)
	}
	return m
}

// studentTail is the probability that a Student t variable exceeds t (Wallace's approximation by the normal
// distribution, within 0.001 for three degrees of freedom and more).
func studentTail(t, freedom float64) float64 {
	z := (8*freedom + 1) / (8*freedom + 3) * math.Sqrt(freedom*math.Log1p(t*t/freedom))
	return tail(math.Copysign(z, t))
}

// matchLatency compares the latencies of the slices by rank: the effect of a slice is the share of pairs in which the
// canary's request took longer, less one half. shift buckets are taken off the canary first.
func matchLatency(all []Slice, shift int32) Matched {
	var differences []difference
	for _, s := range all {
		n1, n2 := float64(count(s.Canary.Latency)), float64(count(s.Baseline.Latency))
		if n1 == 0 || n2 == 0 {
			continue
		}
		r := Compare(shifted(s.Canary.Latency, -shift), s.Baseline.Latency)
		differences = append(differences,
			difference{r.Slower - 0.5, n1 * n2 / (n1 + n2 + 1), (n1 + n2 + 1) / (12 * n1 * n2)})
	}
	return match(differences)
}

func shifted(all []metric.Bucket, by int32) []metric.Bucket {
	if by == 0 {
		return all
	}
	out := slices.Clone(all)
	for i := range out {
		out[i].Bucket += by
	}
	return out
}

// maxShift bounds how much slower a canary is looked for: sixteen buckets double a latency.
const maxShift = 16 * 6

// slowerBy is by what factor the canary's latencies are longer, as a shift that makes both sides alike (Hodges and
// Lehmann's estimate), in buckets between which it is interpolated. It is at least 1.
func slowerBy(all []Slice) float64 {
	low, high := int32(0), int32(maxShift)
	above := matchLatency(all, low).Effect
	if above <= 0 {
		return 1
	}
	below := matchLatency(all, high).Effect
	for high-low > 1 {
		middle := (low + high) / 2
		if e := matchLatency(all, middle).Effect; e > 0 {
			low, above = middle, e
		} else {
			high, below = middle, e
		}
	}
	buckets := float64(low)
	if above > below {
		buckets += above / (above - below)
	}
	return math.Exp2(buckets / 16)
}

// matchSlow compares how many requests are slower than a bound.
func matchSlow(all []Slice, bound int32) Matched {
	var x, n float64
	for _, s := range all {
		x += slower(s.Canary.Latency, bound) + slower(s.Baseline.Latency, bound)
		n += float64(count(s.Canary.Latency) + count(s.Baseline.Latency))
	}
	pooled := x / max(n, 1)
	var differences []difference
	for _, s := range all {
		n1, n2 := float64(count(s.Canary.Latency)), float64(count(s.Baseline.Latency))
		if n1 == 0 || n2 == 0 {
			continue
		}
		differences = append(differences,
			difference{slower(s.Canary.Latency, bound)/n1 - slower(s.Baseline.Latency, bound)/n2,
				n1 * n2 / (n1 + n2), pooled * (1 - pooled) * (n1 + n2) / (n1 * n2)})
	}
	return match(differences)
}

func slower(all []metric.Bucket, bound int32) (n float64) {
	for _, b := range all {
		if b.Bucket > bound {
			n += float64(b.Count)
		}
	}
	return n
}
