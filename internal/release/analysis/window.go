package analysis

import (
	"time"

	"slipway/internal/release/metric"
)

// Window is what is judged: what canary and baseline did from one time to another, in which their shares did not
// change.
type Window struct {
	Percent          int // the canary's share of the traffic
	Canary, Baseline metric.Traffic
	From, To         time.Time
	// Slices are short stretches of the window, one after the other, without the warm-up. What hits both sides at once
	// is then no difference between them, and what hits one side once is one slice of many.
	Slices []Slice
	// Looks is how many windows the release is judged by at most. Each look has its part of the probability to err.
	Looks int
}

// Slice is what both sides did in one short stretch of time.
type Slice struct{ Canary, Baseline metric.Traffic }

const (
	// pieces is into how many a window is cut.
	pieces = 20
	// maxWarmUp bounds what is left out at the beginning of a window: connections are opened, caches fill, code is
	// compiled.
	maxWarmUp = 30 * time.Second
)

// WarmUp is what is left out of the comparison of latencies at the beginning of a window: a quarter of it, thirty
// seconds at most. Errors are counted from its beginning on, since users got them.
func WarmUp(whole time.Duration) time.Duration {
	return min(maxWarmUp, whole/4).Truncate(time.Second)
}

// SliceOf is how long the slices of a window are, in whole seconds as routers report them.
func SliceOf(settled time.Duration) time.Duration {
	return max(time.Second, (settled+pieces*time.Second-1)/pieces).Truncate(time.Second)
}
