package build

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"slipway/api/slipway"
)

// runners are those that poll this process.
type runners struct {
	mu      sync.Mutex
	byName  map[string]*runner
	waiting []*poll // those that have room for a build, the one that waits longest first
}

// runner is one of them.
type runner struct {
	key   string // the access key that it polls with
	bound string // the access key that its name belongs to
	seen  time.Time
	away  time.Time // when it polled another server last
	saved time.Time // when seen was last written
	poll  *poll
	// refuses is why the runner takes no builds, "" if it does.
	refuses  string
	declared declared             // what it says of itself, as far as it was written
	meets    []string             // the needs that it meets
	fleet    string               // the name of the fleet that it joined, "" for none
	told     map[string]time.Time // builds that it was told to stop or forget, and when
}

// poll is a PollBuild that is held.
type poll struct {
	runner string
	fleet  string                   // its runner's
	meets  []string                 // the needs that its runner meets
	offer  chan *slipway.BuildOrder // of a build that was assigned to the runner; nil for none after all
	look   chan struct{}            // something may have changed
	gone   chan struct{}            // closed when the runner polls anew
}

func (rs *runners) init() { rs.byName = map[string]*runner{} }

func (rs *runners) of(name string) *runner {
	r := rs.byName[name]
	if r == nil {
		r = &runner{told: map[string]time.Time{}}
		rs.byName[name] = r
	}
	return r
}

// boundTo is the access key that a name belongs to, as far as this process knows; "" if it does not.
func (rs *runners) boundTo(name string) string {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return rs.of(name).bound
}

func (rs *runners) bind(name, key string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.of(name).bound = key
}

// arrive begins a poll, which takes the place of an earlier one of the same runner. ok is false if somebody else polls
// by its name.
func (rs *runners) arrive(name, key string, labels []string, now time.Time,
	lease time.Duration) (p *poll, ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(name)
	// Heard of but not by a poll, as after a restart, it has no key yet.
	if r.key != "" && r.key != key && now.Sub(r.seen) < lease {
		return nil, false
	}
	if r.poll != nil {
		close(r.poll.gone)
	}
	r.key, r.seen, r.meets, r.fleet = key, now, meets(labels), fleetOf(labels)
	r.poll = &poll{
		runner: name,
		fleet:  r.fleet,
		meets:  r.meets,
		offer:  make(chan *slipway.BuildOrder, 1),
		look:   make(chan struct{}, 1),
		gone:   make(chan struct{}),
	}
	return r.poll, true
}

// refuse notes why a runner takes no builds; "" if it does.
func (rs *runners) refuse(name, why string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.of(name).refuses = why
}

// declared is what a runner says that it can, and how many builds it runs at a time.
type declared struct {
	known  bool
	labels []string
	slots  int
}

// says notes what a runner says of itself, and tells whether that is to be written.
func (rs *runners) says(name string, labels []string, slots int) (write bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(name)
	write = !r.declared.known || r.declared.slots != slots || !slices.Equal(r.declared.labels, labels)
	r.declared = declared{true, labels, slots}
	return write
}

// refusal is why no runner that polls takes a build with a need, of a fleet by its name, "" for none. It is "" if some
// runner does, and for a build of no fleet if none polls: a runner that takes no builds at all says it in its own
// words. overflow says that runners of no fleet may take the build too.
func (rs *runners) refusal(need, fleet string, overflow bool, now time.Time, hold time.Duration) string {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	why, reserved := "", ""
	for _, name := range slices.Sorted(maps.Keys(rs.byName)) {
		r := rs.byName[name]
		switch may := r.fleet == fleet || r.fleet == "" && overflow; {
		case r.poll == nil && now.Sub(r.away) > hold: // it polls nowhere
			if fleet != "" && r.fleet == fleet && now.Sub(r.seen) <= again { // between two polls
				return ""
			}
		case !may:
			reserved = cmp.Or(reserved, r.fleet)
		case r.refuses != "":
			why = cmp.Or(why, "The runner "+name+" takes no builds: "+r.refuses)
		case slices.Contains(r.meets, need):
			return ""
		default:
			why = "No runner can take the build. The runner " + name + " lacks " + lack(need) + "."
		}
	}
	if fleet != "" {
		return inFleet(fleet, why)
	}
	return cmp.Or(why, reservedFor(reserved))
}

// reservedFor is why no runner takes a build of no fleet where there are only those of fleets; fleet is one of them, ""
// if there is none.
func reservedFor(fleet string) string {
	if fleet == "" {
		return ""
	}
	return "No runner can take the build: those that are there are reserved for the builds of fleets, as of " + fleet +
		". Start one that is not: slipway runner --name NAME"
}

// inFleet is why no runner of a fleet takes a build; why is "" if it has no runner.
func inFleet(fleet, why string) string {
	start := "slipway runner --fleet " + fleet + " --name NAME"
	if why == "" {
		return "The build waits for a runner of the fleet " + fleet + ", and none is there. Start one: " + start
	}
	return why + " The build is for the fleet " + fleet + "; another runner of it is started with: " + start
}

// elsewhere notes that a runner polls another server, and what it said there.
func (rs *runners) elsewhere(said presence, now time.Time) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(said.Runner)
	r.seen, r.refuses, r.meets, r.away = now, said.Refuses, meets(said.Labels), now
	r.fleet = fleetOf(said.Labels)
}

// wakeAll lets all polls look anew.
func (rs *runners) wakeAll() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, r := range rs.byName {
		if r.poll != nil {
			r.poll.nudge()
		}
	}
}

// leave ends a poll.
func (rs *runners) leave(p *poll, now time.Time) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(p.runner)
	r.seen = now
	if r.poll == p {
		r.poll = nil
	}
}

// heard notes that a runner lives and tells whether that is to be written.
func (rs *runners) heard(name string, now time.Time, every time.Duration) (write bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.of(name)
	r.seen = now
	if write = now.Sub(r.saved) >= every; write {
		r.saved = now
	}
	return write
}

// lastSeen is when a runner was last heard of; one that is polling is heard of all the time.
func (rs *runners) lastSeen(name string, now time.Time) time.Time {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.byName[name]
	if r == nil {
		return time.Time{}
	}
	if r.poll != nil {
		return now
	}
	return r.seen
}

// wait makes a poll one that takes builds.
func (rs *runners) wait(p *poll) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.waiting = append(rs.waiting, p)
}

// withdraw takes back wait; ok is false if a build is on its way to the poll.
func (rs *runners) withdraw(p *poll) (ok bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	i := slices.Index(rs.waiting, p)
	if i >= 0 {
		rs.waiting = slices.Delete(rs.waiting, i, i+1)
	}
	return i >= 0
}

// take reserves the poll that waits longest for a build of no fleet with a need, or returns nil. It is followed by
// deliver or giveBack.
func (rs *runners) take(need string) *poll {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	i := rs.first(need, "")
	if i < 0 {
		return nil
	}
	p := rs.waiting[i]
	rs.waiting = slices.Delete(rs.waiting, i, i+1)
	return p
}

// first is the place of the poll of a fleet's runner, "" for none, that waits longest for a build with a need. It is -1
// if there is none.
func (rs *runners) first(need, fleet string) int {
	return slices.IndexFunc(rs.waiting,
		func(p *poll) bool { return p.fleet == fleet && slices.Contains(p.meets, need) })
}

// deliver hands a poll that was taken the build that was assigned to its runner.
func (p *poll) deliver(order *slipway.BuildOrder) { p.offer <- order }

// giveBack says that there is no build for a poll that was taken.
func (rs *runners) giveBack(p *poll) {
	if p != nil {
		p.offer <- nil
	}
}

// wake lets a runner's poll look anew.
func (rs *runners) wake(name string) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.byName[name]; r != nil && r.poll != nil {
		r.poll.nudge()
	}
}

// wakeFor lets those look into the queue that might take a build: for each need that it may have, one of its fleet's
// runners and one of no fleet, which takes it if the fleet has no free capacity.
func (rs *runners) wakeFor(w waiting) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	needs := allNeeds
	if w.Need != "" {
		needs = []string{w.Need}
	}
	fleets := []string{""}
	if w.Fleet != "" {
		fleets = []string{w.Fleet, ""}
	}
	for _, fleet := range fleets {
		for _, need := range needs {
			if i := rs.first(need, fleet); i >= 0 {
				rs.waiting[i].nudge()
			}
		}
	}
}

func (p *poll) nudge() {
	select {
	case p.look <- struct{}{}:
	default:
	}
}

// news tells which of the IDs a runner was not told lately; what it was told before and is no matter any more is
// forgotten.
func (rs *runners) news(name string, ids []string, now time.Time, lately time.Duration) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r, fresh := rs.of(name), false
	for id := range r.told {
		if !slices.Contains(ids, id) {
			delete(r.told, id)
		}
	}
	for _, id := range ids {
		if at, told := r.told[id]; !told || now.Sub(at) >= lately {
			r.told[id], fresh = now, true
		}
	}
	return fresh
}
