package router

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// group is a target group at work. It goes on from table to table.
type group struct {
	arn     string
	metrics *metrics
	news    func() // says that there is something to report

	config  atomic.Pointer[groupConfig]
	members atomic.Pointer[[]*target] // all that do not drain
	healthy atomic.Pointer[[]*target] // those that get requests: the healthy ones, or all members if none is
	next    atomic.Uint64

	mu      sync.Mutex // of changes
	targets map[string]*target
}

// groupConfig is what a table says of a group.
type groupConfig struct {
	slipway.TableTargetGroup
	http2, grpc, tls bool
	leastOutstanding bool
	stickyFor        time.Duration // 0 for not at all
	// the application's cookie that a session is bound to; "" for one of the router's own
	appCookie string
	cookieKey []byte
	check     healthCheck
}

func newGroupConfig(t slipway.TableTargetGroup, cookieKey []byte) *groupConfig {
	version := awsproto.Value(t.ProtocolVersion)
	c := &groupConfig{TableTargetGroup: t, grpc: version == "GRPC", http2: version == "GRPC" || version == "HTTP2",
		tls: t.Protocol == "HTTPS", cookieKey: cookieKey,
		leastOutstanding: t.Attributes["load_balancing.algorithm.type"] == "least_outstanding_requests"}
	if t.Attributes["stickiness.enabled"] == "true" {
		kind := "lb_cookie"
		if t.Attributes["stickiness.type"] == "app_cookie" {
			kind, c.appCookie = "app_cookie", t.Attributes["stickiness.app_cookie.cookie_name"]
		}
		c.stickyFor = seconds(t.Attributes, "stickiness."+kind+".duration_seconds", 86400)
	}
	c.check = newHealthCheck(c)
	return c
}

func newGroup(arn string, m *metrics, news func()) *group {
	g := &group{arn: arn, metrics: m, news: news, targets: map[string]*target{}}
	g.members.Store(new([]*target))
	g.healthy.Store(new([]*target))
	return g
}

// apply takes over what a new table says: targets that stay keep their connections, their health and their requests.
func (g *group) apply(c *groupConfig) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.config.Swap(c)
	checkChanged := before == nil || !before.check.equal(c.check)
	stay := map[string]bool{}
	for _, t := range c.Targets {
		stay[t.Address] = true
		x := g.targets[t.Address]
		isNew := x == nil || x.http2 != c.http2 || x.tls != c.tls
		if isNew {
			if x != nil {
				x.remove()
			}
			x = newTarget(g, t.Address, c)
			g.targets[t.Address] = x
		}
		switch {
		case t.Draining != nil:
			x.drain(t.Draining.Time)
		case x.undrain() || isNew || checkChanged:
			x.startChecks(c.check)
		}
	}
	for address, x := range g.targets {
		if !stay[address] {
			x.remove()
			delete(g.targets, address)
		}
	}
	g.choose()
}

// end stops the group, which no table has any more. Requests in flight are finished.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, x := range g.targets {
		x.remove()
	}
}

// healthChanged is called when a target found another state.
func (g *group) healthChanged() {
	g.mu.Lock()
	g.choose()
	g.mu.Unlock()
	g.news()
}

// choose decides which targets get requests. Where none is healthy all do, as with Application Load Balancers: a
// health check that is wrong must not take everything down.
func (g *group) choose() {
	var members, healthy []*target
	for _, t := range g.config.Load().Targets {
		x := g.targets[t.Address]
		if x == nil || x.draining.Load() {
			continue
		}
		members = append(members, x)
		if x.isHealthy() {
			healthy = append(healthy, x)
		}
	}
	if len(healthy) == 0 {
		healthy = members
	}
	g.members.Store(&members)
	g.healthy.Store(&healthy)
	g.metrics.hosts(g.count())
}

// count tells how many targets are healthy, and how many are not.
func (g *group) count() (healthy, unhealthy int) {
	for _, x := range g.targets {
		switch {
		case x.draining.Load():
		case x.isHealthy():
			healthy++
		default:
			unhealthy++
		}
	}
	return healthy, unhealthy
}

// pick chooses a target among those that get requests and were not tried yet, or returns nil. Targets at which a
// connection failed a moment ago come last.
func (g *group) pick(tried []*target) *target {
	all := *g.healthy.Load()
	if t := g.among(all, tried); t != nil {
		return t
	}
	return g.among(*g.members.Load(), tried) // those that are not healthy, if all others were tried
}

func (g *group) among(all, tried []*target) *target {
	if len(all) == 0 {
		return nil
	}
	start := int(g.next.Add(1)-1) % len(all)
	if len(all) == 1 && len(tried) == 0 {
		return all[0]
	}
	if g.config.Load().leastOutstanding {
		return least(all, tried, start)
	}
	var second *target
	now := time.Now().UnixNano()
	for i := range all {
		t := all[(start+i)%len(all)]
		if slices.Contains(tried, t) {
			continue
		}
		if t.suspectUntil.Load() < now {
			return t
		}
		if second == nil {
			second = t
		}
	}
	return second
}

func least(all, tried []*target, start int) *target {
	var best *target
	for i := range all {
		t := all[(start+i)%len(all)]
		if !slices.Contains(tried, t) && (best == nil || t.load() < best.load()) {
			best = t
		}
	}
	return best
}

// states are the targets as they are reported.
func (g *group) states() []slipway.RouterTarget {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []slipway.RouterTarget
	for _, t := range g.config.Load().Targets {
		if x := g.targets[t.Address]; x != nil {
			all = append(all, x.reported())
		}
	}
	return all
}

// portOf is where health checks go.
func (c *groupConfig) portOf() string {
	if p := awsproto.Value(c.HealthCheckPort); p != "traffic-port" {
		if _, err := strconv.Atoi(p); err == nil {
			return p
		}
	}
	return ""
}
