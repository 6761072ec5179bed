package release

import (
	"fmt"
	"math"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// latencyChart is how the latencies of both sides are distributed.
type latencyChart struct {
	Say        string
	Wide, Tall curves
}

// curves are a distribution in one width, 200 high.
type curves struct {
	Width    float64
	New, Old string // paths
	Columns  []label
	LimitX   string // where the limit of the policy is; "" if there is none
	Limit    string

	low, high int // buckets
}

func (c *curves) x(bucket float64) float64 {
	return 8 + (c.Width-16)*(bucket-float64(c.low))/float64(c.high-c.low)
}

// drawLatency draws the share of requests by latency, on a logarithmic scale: latencies differ by factors. Nil
// if nothing was measured.
func drawLatency(both *slipway.TrafficComparison, p *slipway.ReleasePolicy) *latencyChart {
	low, high := math.MaxInt, 0
	for _, side := range [][]slipway.LatencyBucket{both.CanaryLatency, both.BaselineLatency} {
		for _, b := range side {
			low, high = min(low, int(*b.Bucket)), max(high, int(*b.Bucket))
		}
	}
	if high < low {
		return nil
	}
	// A factor of two around what there is.
	low, high = max(0, low-bucketsPerFactor), high+bucketsPerFactor
	c := &latencyChart{Wide: curves{Width: 640, low: low, high: high}, Tall: curves{Width: 320, low: low, high: high}}
	c.Wide.draw(both, p, 7)
	c.Tall.draw(both, p, 4)
	c.Say = fmt.Sprintf(
		"How latencies are distributed. Of the new version the median is %s and p99 %s, of the old one %s and %s.",
		millis(
			both.Canary.P50Milliseconds,
		),
		millis(both.Canary.P99Milliseconds),
		millis(both.Baseline.P50Milliseconds),
		millis(both.Baseline.P99Milliseconds),
	)
	return c
}

func (c *curves) draw(both *slipway.TrafficComparison, p *slipway.ReleasePolicy, most int) {
	fresh, old := shares(both.CanaryLatency, c.low, c.high), shares(both.BaselineLatency, c.low, c.high)
	var top float64
	for i := range fresh {
		top = max(top, fresh[i], old[i])
	}
	path := func(all []float64) string {
		var b strings.Builder
		for i, v := range all {
			letter := "L"
			if i == 0 {
				letter = "M"
			}
			fmt.Fprintf(&b, "%s%s %s", letter, kit.Decimal(c.x(float64(c.low+i))), kit.Decimal(200-180*v/top))
		}
		return b.String()
	}
	c.New, c.Old = path(fresh), path(old)
	for _, at := range niceLatencies(slipway.LatencyOf(c.low), slipway.LatencyOf(c.high), most) {
		c.Columns = append(
			c.Columns,
			label{X: kit.Decimal(c.x(bucketOf(at))), Text: millis(new(float64(at) / float64(time.Millisecond)))},
		)
	}
	if p == nil || p.Thresholds == nil {
		return
	}
	name, limit := "p99", p.Thresholds.MaxP99Milliseconds
	if limit == nil {
		name, limit = "p95", p.Thresholds.MaxP95Milliseconds
	}
	if limit == nil {
		return
	}
	if at := bucketOf(time.Duration(*limit * float64(time.Millisecond))); at > float64(c.low) && at < float64(c.high) {
		c.LimitX, c.Limit = kit.Decimal(c.x(at)), "limit of "+name+": "+millis(limit)
	}
}

const bucketsPerFactor = 16

// bucketOf is where a latency is on the scale of buckets, between them too.
func bucketOf(d time.Duration) float64 {
	return bucketsPerFactor*math.Log2(float64(d)/float64(time.Microsecond)) - 0.5
}

// shares are the parts of all requests that fall to each bucket, smoothed by its neighbours.
func shares(buckets []slipway.LatencyBucket, low, high int) []float64 {
	all := make([]float64, high-low+1)
	var whole float64
	for _, b := range buckets {
		whole += float64(*b.Count)
	}
	if whole == 0 {
		return all
	}
	kernel := []float64{1, 4, 7, 9, 7, 4, 1} // of 33
	for _, b := range buckets {
		for i, k := range kernel {
			if at := int(*b.Bucket) - low + i - len(kernel)/2; at >= 0 && at < len(all) {
				all[at] += k / 33 * float64(*b.Count) / whole
			}
		}
	}
	return all
}

// niceLatencies are those at the axis: 1, 2, 5 of each power of ten, thinned until they fit.
func niceLatencies(from, to time.Duration, most int) []time.Duration {
	for _, steps := range [][]time.Duration{{1, 2, 5}, {1, 3}, {1}} {
		var all []time.Duration
		for decade := time.Microsecond; decade < time.Hour*10; decade *= 10 {
			for _, s := range steps {
				if at := decade * s; at > from && at < to {
					all = append(all, at)
				}
			}
		}
		if len(all) <= most || len(steps) == 1 {
			return all
		}
	}
	return nil
}
