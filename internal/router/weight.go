package router

import (
	"slices"
	"sync/atomic"
)

// choice gives out indices by weight, smoothly: in any run of requests each index comes as often as its weight says,
// to less than one for two weights. It is smooth weighted round robin, whose sequence repeats after the sum of the
// weights: so it is worked out once, and a request costs one addition.
type choice struct {
	weights []int
	order   []uint8 // empty if no weight is above zero
	next    atomic.Uint64
}

func newChoice(weights []int) *choice {
	c := &choice{weights: weights}
	divisor, total := 0, 0
	for _, w := range weights {
		divisor = gcd(divisor, w)
		total += w
	}
	if total == 0 {
		return c
	}
	total /= divisor
	current := make([]int, len(weights))
	for range total {
		best := 0
		for i, w := range weights {
			if current[i] += w / divisor; current[i] > current[best] {
				best = i
			}
		}
		current[best] -= total
		c.order = append(c.order, uint8(best))
	}
	return c
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// pick returns the next index; ok is false if all weights are zero.
func (c *choice) pick() (i int, ok bool) {
	switch len(c.order) {
	case 0:
		return 0, false
	case 1:
		return int(c.order[0]), true
	}
	return int(c.order[(c.next.Add(1)-1)%uint64(len(c.order))]), true
}

// sameWeights reports whether a choice is by these weights, so that it can go on.
func (c *choice) sameWeights(weights []int) bool { return c != nil && slices.Equal(c.weights, weights) }
