package router

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	elb "slipway/api/elbv2"
	"slipway/api/slipway"
)

const (
	// dialLimit bounds how long a target may take to take a connection.
	dialLimit = 5 * time.Second
	// suspicion is how long a target that did not is chosen last.
	suspicion = time.Second
	// maxIdle is how many connections without a request are kept to a target.
	maxIdle = 256
)

// target is where requests go, with its connections and its health.
type target struct {
	group        *group
	address      string
	http2, tls   bool
	h2           *http.Transport // of HTTP/2 targets
	inFlight     atomic.Int64
	suspectUntil atomic.Int64
	draining     atomic.Bool

	mu     sync.Mutex
	idle   []*upstream
	active map[*upstream]struct{}
	closed bool
	cut    *time.Timer     // ends what is in flight when the time of the draining is over
	ended  context.Context // ends with that
	end    context.CancelFunc

	health struct {
		sync.Mutex
		slipway.RouterTarget
	}
	healthy atomic.Bool
	stop    context.CancelFunc // of the health checks
}

func newTarget(g *group, address string, c *groupConfig) *target {
	t := &target{
		group:   g,
		address: address,
		http2:   c.http2,
		tls:     c.tls,
		active:  map[*upstream]struct{}{},
		stop:    func() {},
	}
	t.ended, t.end = context.WithCancel(context.Background())
	if c.http2 {
		t.h2 = http2Transport(c.tls)
	}
	t.set(elb.TargetHealthStateEnumInitial, elb.TargetHealthReasonEnumElbInitialHealthChecking,
		"Initial health checks in progress")
	return t
}

func (t *target) load() int64 { return t.inFlight.Load() }

func (t *target) isHealthy() bool { return t.healthy.Load() }

// set notes the target's health.
func (t *target) set(state elb.TargetHealthStateEnum, reason elb.TargetHealthReasonEnum, description string) {
	t.health.Lock()
	defer t.health.Unlock()
	t.health.State, t.health.Reason, t.health.Description = new(string(state)), nil, nil
	if reason != "" {
		t.health.Reason, t.health.Description = new(string(reason)), new(description)
	}
	t.healthy.Store(state == elb.TargetHealthStateEnumHealthy)
}

// reported is the target as it is told to the server.
func (t *target) reported() slipway.RouterTarget {
	t.health.Lock()
	r := t.health.RouterTarget
	t.health.Unlock()
	r.TargetGroupArn, r.Address, r.InFlight = &t.group.arn, &t.address, new(t.inFlight.Load())
	if t.draining.Load() {
		r.State, r.Reason, r.Description = new(string(elb.TargetHealthStateEnumDraining)), new(
			string(elb.TargetHealthReasonEnumTargetDeregistrationInProgress)), new(
			"Target deregistration is in progress")
	}
	return r
}

// begin counts a request in, unless the target drains; done counts it out. Whoever sees that a target drains and has
// no request in flight can be sure that none begins.
func (t *target) begin() bool {
	t.inFlight.Add(1)
	if t.draining.Load() {
		t.done()
		return false
	}
	return true
}

func (t *target) done() {
	if t.inFlight.Add(-1) == 0 && t.draining.Load() {
		t.group.news() // it is drained
	}
}

// drain takes the target out of the choice. What is in flight may go on until the end.
func (t *target) drain(end time.Time) {
	t.stopChecks()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.draining.Swap(true) {
		return
	}
	t.closeIdle()
	t.cut = time.AfterFunc(time.Until(end), t.cutOff)
}

// undrain takes the target into the choice again; it is false if it was in it.
func (t *target) undrain() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.draining.Swap(false) {
		return false
	}
	t.cut.Stop()
	t.ended, t.end = context.WithCancel(context.Background())
	t.set(elb.TargetHealthStateEnumInitial, elb.TargetHealthReasonEnumElbInitialHealthChecking,
		"Initial health checks in progress")
	return true
}

// lifetime ends when what is in flight is cut off.
func (t *target) lifetime() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

// cutOff ends what is in flight.
func (t *target) cutOff() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end()
	for u := range t.active {
		_ = u.Close()
	}
}

// remove ends a target that is in no table any more. What is in flight is finished.
func (t *target) remove() {
	t.stopChecks()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.closeIdle()
}

func (t *target) closeIdle() {
	for _, u := range t.idle {
		_ = u.Close()
	}
	t.idle = nil
	if t.h2 != nil {
		t.h2.CloseIdleConnections()
	}
}

// take takes a connection that was used before, or returns nil.
func (t *target) take() *upstream {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.idle)
	if n == 0 {
		return nil
	}
	u := t.idle[n-1]
	t.idle = t.idle[:n-1]
	t.active[u] = struct{}{}
	u.moved()
	return u
}

// give gives a connection back for the next request.
func (t *target) give(u *upstream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.active, u)
	if t.closed || t.draining.Load() || len(t.idle) >= maxIdle {
		_ = u.Close()
		return
	}
	u.used = true
	t.idle = append(t.idle, u)
}

// expired forgets a connection that was idle for too long.
func (t *target) expired(u *upstream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = slices.DeleteFunc(t.idle, func(x *upstream) bool { return x == u })
}

// drop closes a connection that is of no more use.
func (t *target) drop(u *upstream) {
	_ = u.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.active, u)
}

// dial opens a connection.
func (t *target) dial(ctx context.Context, w *watcher, idle time.Duration) (*upstream, error) {
	d := net.Dialer{Timeout: dialLimit}
	c, err := d.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	if t.tls {
		s := tls.Client(c, targetTLS("http/1.1"))
		limited, cancel := context.WithTimeout(ctx, dialLimit)
		defer cancel()
		if err := s.HandshakeContext(limited); err != nil {
			_ = c.Close()
			return nil, err
		}
		c = s
	}
	u := &upstream{}
	u.hangUp = func() { _ = u.Close() }
	u.watched = w.watch(c, idle, watchedEvents{over: func() { t.expired(u) }})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.active[u] = struct{}{}
	return u, nil
}

// targetTLS is how routers speak TLS to targets: as Application Load Balancers they do not ask who answers at the
// address, which was registered by whoever may change the target group.
func targetTLS(protocols ...string) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // see above
		NextProtos:         protocols,
		MinVersion:         tls.VersionTLS12,
	}
}

// suspect lets a target that did not take a connection be chosen last for a moment.
func (t *target) suspect() {
	t.suspectUntil.Store(time.Now().Add(suspicion).UnixNano())
	t.group.metrics.connectionErrors.Add(1)
}
