package metric

import (
	"encoding/json"
	"math"
	"time"

	"slipway/api/slipway"
)

// Bucket is so many requests of about the same latency; see slipway.LatencyBucketOf.
type Bucket struct {
	Bucket int32
	Count  int64
}

// maxBucket bounds what a router may report: bucket 1023 would be a latency of centuries.
const maxBucket = 1023

// Traffic is what a target group got and did, behind one load balancer or several, in a stretch of time.
type Traffic struct {
	Requests         int64
	Target2xx        int64
	Target3xx        int64
	Target4xx        int64
	Target5xx        int64
	Elb5xx           int64 // answers of the router itself, in place of a target
	Elb4xx           int64 // requests that failed by the client's doing, which say nothing of the target
	ConnectionErrors int64
	// Healthy and Unhealthy are numbers of targets, as they were last; nil if nobody said.
	Healthy, Unhealthy *int32
	Latency            []Bucket // in order
}

// FromSample reads a router's report. What is negative or absurd counts as nothing.
func FromSample(s slipway.RouterSample) Traffic {
	n := func(p *int64) int64 {
		if p == nil {
			return 0
		}
		return min(max(0, *p), math.MaxUint32)
	}
	t := Traffic{Requests: n(s.Requests), Target2xx: n(s.Target2xx), Target3xx: n(s.Target3xx),
		Target4xx: n(s.Target4xx), Target5xx: n(s.Target5xx), Elb5xx: n(s.Elb5xx), Elb4xx: n(s.Elb4xx),
		ConnectionErrors: n(s.ConnectionErrors), Healthy: s.HealthyHosts, Unhealthy: s.UnhealthyHosts}
	for _, b := range s.Latency {
		if b.Bucket != nil && n(b.Count) > 0 {
			t.Latency = mergeBuckets(t.Latency, []Bucket{{min(max(0, *b.Bucket), maxBucket), n(b.Count)}})
		}
	}
	return t
}

// Errors are the answers that say that a server failed: 5xx of the targets, and of the router in their place.
func (t Traffic) Errors() int64 { return t.Target5xx + t.Elb5xx }

// Total is the requests that say something of the target: those that the client did not break off, together with those
// that the router answered without asking a target.
func (t Traffic) Total() int64 { return max(t.Requests-t.Elb4xx, t.Errors()) }

// Add puts two stretches together; o is the later one.
func (t *Traffic) Add(o Traffic) {
	t.Requests += o.Requests
	t.Target2xx += o.Target2xx
	t.Target3xx += o.Target3xx
	t.Target4xx += o.Target4xx
	t.Target5xx += o.Target5xx
	t.Elb5xx += o.Elb5xx
	t.Elb4xx += o.Elb4xx
	t.ConnectionErrors += o.ConnectionErrors
	if o.Healthy != nil {
		t.Healthy = o.Healthy
	}
	if o.Unhealthy != nil {
		t.Unhealthy = o.Unhealthy
	}
	t.Latency = mergeBuckets(t.Latency, o.Latency)
}

func mergeBuckets(a, b []Bucket) []Bucket {
	if len(b) == 0 {
		return a
	}
	out := make([]Bucket, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Bucket < b[0].Bucket:
			out, a = append(out, a[0]), a[1:]
		case a[0].Bucket > b[0].Bucket:
			out, b = append(out, b[0]), b[1:]
		default:
			out = append(out, Bucket{a[0].Bucket, a[0].Count + b[0].Count})
			a, b = a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// ResponseTime is the latencies in seconds, each as the middle of its bucket: within 2.2 % of what it was.
func (t Traffic) ResponseTime() Summary {
	values := make([]Value, len(t.Latency))
	for i, b := range t.Latency {
		values[i] = Value{slipway.LatencyOf(int(b.Bucket)).Seconds(), float64(b.Count)}
	}
	return Summarise(values)
}

// Quantile is the latency that the share q of the requests does not exceed; 0 without requests.
func (t Traffic) Quantile(q float64) time.Duration {
	var all, seen int64
	for _, b := range t.Latency {
		all += b.Count
	}
	for _, b := range t.Latency {
		if seen += b.Count; float64(seen) >= q*float64(all) {
			return slipway.LatencyOf(int(b.Bucket))
		}
	}
	return 0
}

// MarshalJSON writes what is not zero as a short list of numbers, for there are many rows.
func (t Traffic) MarshalJSON() ([]byte, error) {
	latency := make([]int64, 0, 2*len(t.Latency))
	for _, b := range t.Latency {
		latency = append(latency, int64(b.Bucket), b.Count)
	}
	counts := make([]int64, 0, 8)
	for _, n := range t.counts() {
		counts = append(counts, *n)
	}
	return json.Marshal(packed{counts, t.Healthy, t.Unhealthy, latency})
}

// counts are the numbers as they are kept, in order. A new one goes to the end, since rows of before do not have it.
func (t *Traffic) counts() []*int64 {
	return []*int64{
		&t.Requests, &t.Target2xx, &t.Target3xx, &t.Target4xx, &t.Target5xx, &t.Elb5xx, &t.ConnectionErrors, &t.Elb4xx,
	}
}

type packed struct {
	Counts    []int64 `json:"n"`
	Healthy   *int32  `json:"h,omitzero"`
	Unhealthy *int32  `json:"u,omitzero"`
	Latency   []int64 `json:"l,omitzero"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Traffic) UnmarshalJSON(text []byte) error {
	var p packed
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	*t = Traffic{Healthy: p.Healthy, Unhealthy: p.Unhealthy}
	for i, into := range t.counts() {
		if i < len(p.Counts) {
			*into = p.Counts[i]
		}
	}
	for i := 0; i+1 < len(p.Latency); i += 2 {
		t.Latency = append(t.Latency, Bucket{int32(p.Latency[i]), p.Latency[i+1]})
	}
	return nil
}
