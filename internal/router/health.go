package router

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
)

// healthCheck is how a group's targets are asked how they are.
type healthCheck struct {
	tls, http2, grpc   bool
	port               string // "" for the one that gets the requests
	path, matcher      string
	interval, timeout  time.Duration
	healthy, unhealthy int // how many checks in a row make it so
}

func (h healthCheck) equal(other healthCheck) bool { return h == other }

func newHealthCheck(c *groupConfig) healthCheck {
	h := healthCheck{tls: c.HealthCheckProtocol == elb.ProtocolEnumHttps, http2: c.http2, grpc: c.grpc,
		port: c.portOf(), path: awsproto.Value(c.HealthCheckPath),
		interval: 30 * time.Second, timeout: 5 * time.Second, healthy: 5, unhealthy: 2}
	for n, to := range map[*int32]*time.Duration{c.HealthCheckIntervalSeconds: &h.interval,
		c.HealthCheckTimeoutSeconds: &h.timeout} {
		if n != nil {
			*to = time.Duration(*n) * time.Second
		}
	}
	for n, to := range map[*int32]*int{c.HealthyThresholdCount: &h.healthy, c.UnhealthyThresholdCount: &h.unhealthy} {
		if n != nil {
			*to = int(*n)
		}
	}
	if c.Matcher != nil {
		h.matcher = awsproto.Value(c.Matcher.HttpCode) + awsproto.Value(c.Matcher.GrpcCode)
	}
	return h
}

// judge is what a row of checks says: the state changes once a number of them agree. A new target needs but one that
// passes.
type judge struct {
	state      elb.TargetHealthStateEnum
	good, bad  int
	check      healthCheck
	lastReason finding
}

// finding is why a check failed; the zero finding is of one that passed.
type finding struct {
	reason      elb.TargetHealthReasonEnum
	description string
}

// result takes the result of a check, and reports whether what is known of the target is another than before.
func (j *judge) result(f finding) (changed bool) {
	if f.reason == "" {
		j.good, j.bad = j.good+1, 0
		if j.state == elb.TargetHealthStateEnumInitial ||
			j.state == elb.TargetHealthStateEnumUnhealthy && j.good >= j.check.healthy {
			j.state, j.lastReason = elb.TargetHealthStateEnumHealthy, finding{}
			return true
		}
		return false
	}
	j.good, j.bad = 0, j.bad+1
	if j.state != elb.TargetHealthStateEnumUnhealthy && j.bad < j.check.unhealthy {
		return false
	}
	changed = j.state != elb.TargetHealthStateEnumUnhealthy || j.lastReason != f
	j.state, j.lastReason = elb.TargetHealthStateEnumUnhealthy, f
	return changed
}

// startChecks checks the target from now on, in place of earlier checks. What is known of it stays.
func (t *target) startChecks(c healthCheck) {
	t.stopChecks()
	ctx, cancel := context.WithCancel(context.Background())
	t.mu.Lock()
	t.stop = cancel
	t.mu.Unlock()
	t.health.Lock()
	j := &judge{state: elb.TargetHealthStateEnum(awsproto.Value(t.health.State)), check: c,
		lastReason: finding{elb.TargetHealthReasonEnum(awsproto.Value(t.health.Reason)),
			awsproto.Value(t.health.Description)}}
	t.health.Unlock()
	go t.checks(ctx, j)
}

func (t *target) stopChecks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop()
}

func (t *target) checks(ctx context.Context, j *judge) {
	ticker := time.NewTicker(j.check.interval)
	defer ticker.Stop()
	for {
		f := j.check.ask(ctx, t.address)
		if ctx.Err() != nil {
			return
		}
		if j.result(f) {
			t.set(j.state, j.lastReason.reason, j.lastReason.description)
			t.group.healthChanged()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// checkers are the clients of health checks, by whether with TLS, and whether HTTP/2: each check has a connection of
// its own.
var checkers = sync.OnceValue(func() map[[2]bool]*http.Transport {
	all := map[[2]bool]*http.Transport{}
	for _, withTLS := range []bool{false, true} {
		h2 := http2Transport(withTLS)
		h2.DisableKeepAlives = true
		all[[2]bool{withTLS, true}] = h2
		all[[2]bool{withTLS, false}] = &http.Transport{
			DisableKeepAlives:  true,
			DisableCompression: true,
			TLSClientConfig:    targetTLS("http/1.1"),
		}
	}
	return all
})

// maxCheckBody bounds what is read of a checked target's answer.
const maxCheckBody = 64 << 10

// ask checks a target once.
func (h healthCheck) ask(ctx context.Context, address string) finding {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	if h.port != "" {
		host, _, err := net.SplitHostPort(address)
		if err == nil {
			address = net.JoinHostPort(host, h.port)
		}
	}
	scheme, method, body := "http", http.MethodGet, io.Reader(nil)
	if h.tls {
		scheme = "https"
	}
	if h.grpc {
		method, body = http.MethodPost, bytes.NewReader(make([]byte, 5)) // an empty message
	}
	r, err := http.NewRequestWithContext(ctx, method, scheme+"://"+address+h.path, body)
	if err != nil {
		return finding{elb.TargetHealthReasonEnumTargetFailedHealthChecks, "Health checks failed"}
	}
	r.Header.Set("User-Agent", "ELB-HealthChecker/2.0")
	if h.grpc {
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
	}
	res, err := checkers()[[2]bool{h.tls, h.http2}].RoundTrip(r)
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxCheckBody))
		_ = res.Body.Close()
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return finding{elb.TargetHealthReasonEnumTargetTimeout, "Request timed out"}
	case err != nil:
		return finding{elb.TargetHealthReasonEnumTargetFailedHealthChecks, "Health checks failed"}
	}
	code := strconv.Itoa(res.StatusCode)
	if h.grpc {
		if code = res.Trailer.Get("Grpc-Status"); code == "" {
			code = res.Header.Get("Grpc-Status")
		}
	}
	if !matches(h.matcher, code) {
		return finding{elb.TargetHealthReasonEnumTargetResponseCodeMismatch,
			fmt.Sprintf("Health checks failed with these codes: [%s]", code)}
	}
	return finding{}
}

// matches reports whether a code is among those of a matcher such as 200,300-399.
func matches(matcher, code string) bool {
	n, err := strconv.Atoi(code)
	if err != nil {
		return false
	}
	for part := range strings.SplitSeq(matcher, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 == nil && err2 == nil && a <= n && n <= b {
			return true
		}
	}
	return false
}
