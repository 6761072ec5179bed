package router

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

const (
	octave  = 16          // buckets in which latencies double
	buckets = octave * 32 // up to an hour
)

// metrics count what becomes of a group's requests, from the router's start.
type metrics struct {
	group, balancer  string
	requests         atomic.Int64
	class            [6]atomic.Int64 // of the targets' status: [2] is 2XX
	elb5xx           atomic.Int64    // requests that a target did not answer, or not to the end
	elb4xx           atomic.Int64    // requests that failed by the client's doing
	connectionErrors atomic.Int64
	latency          [buckets]atomic.Int64
	microseconds     atomic.Int64
	healthy          atomic.Int32
	unhealthy        atomic.Int32
	changed          atomic.Bool // the numbers of targets
	traffic          func()      // says that there is something to sample

	last counts // that were sampled; of the sampler alone
}

// counts are metrics at one moment.
type counts struct {
	requests, elb5xx, elb4xx, connectionErrors int64
	class                                      [6]int64
	latency                                    [buckets]int64
}

func newMetrics(group, balancer string, traffic func()) *metrics {
	return &metrics{group: group, balancer: balancer, traffic: traffic}
}

// answered counts a response of a target. Its latency is the time from the request to the head of the response.
func (m *metrics) answered(status int, after time.Duration) {
	m.requests.Add(1)
	m.class[min(status/100, 5)].Add(1)
	m.latency[min(slipway.LatencyBucketOf(after), buckets-1)].Add(1)
	m.microseconds.Add(after.Microseconds())
	m.traffic()
}

// failed counts a request that the router had to answer itself.
func (m *metrics) failed() {
	m.requests.Add(1)
	m.elb5xx.Add(1)
	m.traffic()
}

// brokeOff counts a response, counted as answered by its head, that its target ended in the middle: the request failed
// all the same.
func (m *metrics) brokeOff() {
	m.elb5xx.Add(1)
	m.traffic()
}

// clientFailed counts a request that its client broke off, wrote malformed or did not bring to its end. It says nothing
// of the target.
func (m *metrics) clientFailed() {
	m.requests.Add(1)
	m.elb4xx.Add(1)
	m.traffic()
}

func (m *metrics) hosts(healthy, unhealthy int) {
	wasHealthy, wasNot := m.healthy.Swap(int32(healthy)), m.unhealthy.Swap(int32(unhealthy))
	if int(wasHealthy) != healthy || int(wasNot) != unhealthy {
		m.changed.Store(true)
		m.traffic()
	}
}

// sample is what happened since the last one; ok is false if nothing did.
func (m *metrics) sample(at time.Time) (s slipway.RouterSample, ok bool) {
	now := counts{
		requests:         m.requests.Load(),
		elb5xx:           m.elb5xx.Load(),
		elb4xx:           m.elb4xx.Load(),
		connectionErrors: m.connectionErrors.Load(),
	}
	before := &m.last
	if !m.changed.Swap(false) && now.requests == before.requests && now.elb5xx == before.elb5xx &&
		now.connectionErrors == before.connectionErrors {
		return s, false
	}
	s = slipway.RouterSample{TargetGroupArn: &m.group, LoadBalancerArn: &m.balancer, Time: &awsproto.Time{Time: at},
		Requests: new(now.requests - before.requests),
		Elb5xx:   new(now.elb5xx - before.elb5xx), Elb4xx: new(now.elb4xx - before.elb4xx),
		ConnectionErrors: new(now.connectionErrors - before.connectionErrors),
		HealthyHosts:     new(m.healthy.Load()), UnhealthyHosts: new(m.unhealthy.Load())}
	for i, to := range map[int]**int64{2: &s.Target2xx, 3: &s.Target3xx, 4: &s.Target4xx, 5: &s.Target5xx} {
		now.class[i] = m.class[i].Load()
		*to = new(now.class[i] - before.class[i])
	}
	for i := range now.latency {
		now.latency[i] = m.latency[i].Load()
		if n := now.latency[i] - before.latency[i]; n > 0 {
			s.Latency = append(s.Latency, slipway.LatencyBucket{Bucket: new(int32(i)), Count: &n})
		}
	}
	m.last = now
	return s, true
}

// finest is the first bound of the histogram for Prometheus: 2^8 microseconds. Its bounds are those of octaves.
const finest = 8

// expose writes all metrics in Prometheus's text form.
func expose(w io.Writer, all []*metrics) {
	families := []struct {
		name, help, kind string
		of               func(*metrics) int64
	}{
		{"slipway_router_requests_total", "Requests for which a target group was chosen.", "counter",
			func(m *metrics) int64 { return m.requests.Load() }},
		{"slipway_router_elb_5xx_total",
			"Requests that the router answered with 502, 503 or 504 because no target did.", "counter",
			func(m *metrics) int64 { return m.elb5xx.Load() }},
		{"slipway_router_elb_4xx_total",
			"Requests that failed because the client broke its body off, wrote it malformed, or went away.", "counter",
			func(m *metrics) int64 { return m.elb4xx.Load() }},
		{"slipway_router_connection_errors_total", "Connections that a target did not take.", "counter",
			func(m *metrics) int64 { return m.connectionErrors.Load() }},
		{"slipway_router_healthy_targets", "Targets that are healthy.", "gauge",
			func(m *metrics) int64 { return int64(m.healthy.Load()) }},
		{"slipway_router_unhealthy_targets", "Targets that are not healthy.", "gauge",
			func(m *metrics) int64 { return int64(m.unhealthy.Load()) }},
	}
	for _, f := range families {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		for _, m := range all {
			fmt.Fprintf(w, "%s{%s} %d\n", f.name, m.labels(), f.of(m))
		}
	}
	fmt.Fprint(w,
		"# HELP slipway_router_responses_total Responses of targets by the class of their status.\n# TYPE "+
			"slipway_router_responses_total counter\n")
	for _, m := range all {
		for i := 1; i < len(m.class); i++ {
			fmt.Fprintf(w, "slipway_router_responses_total{%s,code=\"%dxx\"} %d\n", m.labels(), i, m.class[i].Load())
		}
	}
	fmt.Fprint(w,
		"# HELP slipway_router_response_seconds Time from a request to the head of the target's response.\n# TYPE "+
			"slipway_router_response_seconds histogram\n")
	for _, m := range all {
		m.histogram(w)
	}
}

func (m *metrics) histogram(w io.Writer) {
	const name = "slipway_router_response_seconds"
	var sum int64
	for i := range buckets {
		sum += m.latency[i].Load()
		if o := (i + 1) / octave; (i+1)%octave == 0 && o >= finest && o < buckets/octave {
			fmt.Fprintf(w, "%s_bucket{%s,le=\"%g\"} %d\n", name, m.labels(), float64(int64(1)<<o)/1e6, sum)
		}
	}
	fmt.Fprintf(w, "%s_bucket{%s,le=\"+Inf\"} %d\n%s_sum{%s} %g\n%s_count{%s} %d\n", name, m.labels(), sum, name,
		m.labels(), float64(m.microseconds.Load())/1e6, name, m.labels(), sum)
}

// labels name the group as CloudWatch's dimensions do.
func (m *metrics) labels() string {
	_, group, _ := strings.Cut(m.group, ":targetgroup/")
	_, balancer, _ := strings.Cut(m.balancer, ":loadbalancer/")
	return fmt.Sprintf(`target_group="targetgroup/%s",load_balancer="%s"`, group, balancer)
}
