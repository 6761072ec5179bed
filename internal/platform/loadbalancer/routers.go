package loadbalancer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/api/slipway"
)

// routers are those that were heard of, and what they said last.
type routers struct {
	silence time.Duration

	mu     sync.Mutex
	byName map[string]*router
}

// router is one of them.
type router struct {
	seen    time.Time
	gone    chan struct{} // closed when a newer poll takes the place of the one that is held; nil while none is
	applied int64         // the version of the table that it serves
	heard   bool          // by this process
	// The rest is of its last report.
	reported  int64 // the version of the table that it was of
	complete  bool  // it has reported
	listeners map[string]string
	targets   map[targetName]slipway.RouterTarget
}

type targetName struct{ group, address string }

// init expects the routers that an earlier process knew to come back: until they do or are silent for long, nothing is
// in effect.
func (rs *routers) init(known []string, now time.Time, silence time.Duration) {
	rs.silence, rs.byName = silence, map[string]*router{}
	for _, name := range known {
		rs.byName[name] = &router{seen: now}
	}
}

func (rs *routers) of(name string) *router {
	r := rs.byName[name]
	if r == nil {
		r = &router{}
		rs.byName[name] = r
	}
	return r
}

func (rs *routers) alive(r *router, now time.Time) bool {
	return r.gone != nil || now.Sub(r.seen) < rs.silence
}

// arrival is what a router that is heard of changes.
type arrival struct {
	first   bool // it was not heard of before by this process
	applied bool // it serves another version than before
	report  bool // it has not reported yet
}

func (r *router) arrive(applied int64, now time.Time) arrival {
	a := arrival{!r.heard, r.applied != applied, !r.complete}
	r.heard, r.applied, r.seen = true, applied, now
	return a
}

// poll begins a poll, which takes the place of an earlier one of the same router.
func (rs *routers) poll(name string, applied int64, now time.Time) (a arrival, gone chan struct{}) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(name)
	if r.gone != nil {
		close(r.gone)
	}
	r.gone = make(chan struct{})
	return r.arrive(applied, now), r.gone
}

// elsewhere notes that a router was heard of by another server.
func (rs *routers) elsewhere(name string, applied int64, now time.Time) arrival {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.of(name).arrive(applied, now)
}

// leave ends a poll.
func (rs *routers) leave(name string, gone chan struct{}, now time.Time) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.of(name); r.gone == gone {
		r.gone, r.seen = nil, now
	}
}

// report takes a router's report, and returns the groups whose targets' health it changed.
func (rs *routers) report(in *slipway.PutRouterReportInput, now time.Time) (a arrival, groups []string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(*in.Router)
	a = r.arrive(awsproto.Value(in.AppliedVersion), now)
	if in.Listeners == nil && in.Targets == nil {
		return a, nil // samples alone
	}
	listeners := map[string]string{}
	for _, l := range in.Listeners {
		listeners[*l.ListenerArn] = awsproto.Value(l.Error)
	}
	targets, changed := map[targetName]slipway.RouterTarget{}, map[string]bool{}
	for _, t := range in.Targets {
		name := targetName{*t.TargetGroupArn, *t.Address}
		targets[name] = t
		if before, ok := r.targets[name]; !ok || awsproto.Value(before.State) != awsproto.Value(t.State) ||
			awsproto.Value(before.Reason) != awsproto.Value(t.Reason) {
			changed[name.group] = true
		}
	}
	for name := range r.targets {
		if _, ok := targets[name]; !ok {
			changed[name.group] = true
		}
	}
	r.reported, r.complete, r.listeners, r.targets = r.applied, true, listeners, targets
	return a, slices.Sorted(maps.Keys(changed))
}

// serve reports whether every router that is alive, and one at least, serves a version of the table or a later one.
func (rs *routers) serve(version int64, now time.Time) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	some := false
	for _, r := range rs.byName {
		if rs.alive(r, now) {
			if r.applied < version {
				return false
			}
			some = true
		}
	}
	return some
}

// broken says why a listener does not listen at a router that is alive; "" if it does as far as is known.
func (rs *routers) broken(listener string, now time.Time) string {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for name, r := range rs.byName {
		if why := r.listeners[listener]; why != "" && rs.alive(r, now) {
			return fmt.Sprintf("router %s: %s", name, why)
		}
	}
	return ""
}

// starting is how long a load balancer may wait for a first router.
const starting = time.Minute

// state is how a load balancer is that was made with a version of the table, some time ago.
func (rs *routers) state(listeners []string, version int64, age time.Duration, now time.Time) *elb.LoadBalancerState {
	served := rs.serve(version, now)
	var broken []string
	for _, l := range listeners {
		if why := rs.broken(l, now); why != "" {
			broken = append(broken, why)
		}
	}
	switch {
	case !served && age < starting:
		return &elb.LoadBalancerState{Code: elb.LoadBalancerStateEnumProvisioning}
	case !served:
		return &elb.LoadBalancerState{Code: elb.LoadBalancerStateEnumActiveImpaired,
			Reason: new(
				"The server does not hear of any router that serves this load balancer; see that `slipway router` " +
					"runs and reaches the server")}
	case len(broken) == 0:
		return &elb.LoadBalancerState{Code: elb.LoadBalancerStateEnumActive}
	case len(broken) == len(listeners):
		return &elb.LoadBalancerState{Code: elb.LoadBalancerStateEnumFailed, Reason: new(strings.Join(broken, "; "))}
	}
	return &elb.LoadBalancerState{Code: elb.LoadBalancerStateEnumActiveImpaired,
		Reason: new(strings.Join(broken, "; "))}
}

// health is how the routers that are alive find a target that is registered since a version of the table: unhealthy if
// it is so for one, healthy if it is so for all.
func (rs *routers) health(name targetName, version int64, now time.Time) elb.TargetHealth {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	unknown := elb.TargetHealth{State: elb.TargetHealthStateEnumInitial,
		Reason:      elb.TargetHealthReasonEnumElbRegistrationInProgress,
		Description: new("Target registration is in progress")}
	worst, some := elb.TargetHealth{State: elb.TargetHealthStateEnumHealthy}, false
	for _, r := range rs.byName {
		if !rs.alive(r, now) {
			continue
		}
		t, ok := r.targets[name]
		if !ok || r.reported < version {
			return unknown
		}
		h := elb.TargetHealth{
			State:       elb.TargetHealthStateEnum(awsproto.Value(t.State)),
			Reason:      elb.TargetHealthReasonEnum(awsproto.Value(t.Reason)),
			Description: t.Description,
		}
		if h.State == elb.TargetHealthStateEnumUnhealthy {
			return h
		}
		if h.State != elb.TargetHealthStateEnumHealthy {
			worst = h
		}
		some = true
	}
	if !some {
		return unknown
	}
	return worst
}

// drained reports whether no router that is alive, and one at least is, has a request left at a target that drains
// since a version of the table.
func (rs *routers) drained(name targetName, version int64, now time.Time) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	some := false
	for _, r := range rs.byName {
		if !rs.alive(r, now) {
			continue
		}
		t, ok := r.targets[name]
		if r.reported < version ||
			ok &&
				(awsproto.Value(t.State) != string(elb.TargetHealthStateEnumDraining) ||
					awsproto.Value(t.InFlight) > 0) {
			return false
		}
		some = true
	}
	return some
}
