package fleet_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"slipway/internal/build/fleet"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	both := []string{"host", "container"}
	queue := &fleet.Fleet{Name: "gpu", Base: 2, Max: 2}
	spill := &fleet.Fleet{Name: "gpu", Base: 2, Max: 2, Overflow: true}
	own, other, free := fleet.Runner{Fleet: "gpu", Meets: both}, fleet.Runner{Fleet: "arm", Meets: both},
		fleet.Runner{Meets: both}
	idle := []fleet.Runner{{Fleet: "gpu", Meets: []string{"host"}, Free: 1}}
	busy := []fleet.Runner{{Fleet: "gpu", Meets: both}}
	for name, c := range map[string]struct {
		runner  fleet.Runner
		of      *fleet.Fleet
		need    string
		running int
		members []fleet.Runner
		want    fleet.Place
	}{
		"a build of no fleet on a runner of none":       {free, nil, "host", 0, nil, fleet.Within},
		"a build of no fleet on a reserved runner":      {own, nil, "host", 0, nil, fleet.None},
		"a need that the runner does not meet":          {free, nil, "privileged", 0, nil, fleet.None},
		"a build on its fleet's runner":                 {own, queue, "host", 1, idle, fleet.Within},
		"a build on a full fleet's runner":              {own, queue, "host", 2, idle, fleet.None},
		"a build on another fleet's runner":             {other, spill, "host", 2, busy, fleet.None},
		"QUEUE, full":                                   {free, queue, "host", 2, busy, fleet.None},
		"QUEUE, without runners":                        {free, queue, "host", 0, nil, fleet.None},
		"ON_DEMAND, with a free runner":                 {free, spill, "host", 1, idle, fleet.None},
		"ON_DEMAND, full":                               {free, spill, "host", 2, idle, fleet.Overflow},
		"ON_DEMAND, without runners":                    {free, spill, "host", 0, nil, fleet.Overflow},
		"ON_DEMAND, its runners are busy":               {free, spill, "host", 1, busy, fleet.Overflow},
		"ON_DEMAND, none of its runners meets the need": {free, spill, "container", 0, idle, fleet.Overflow},
		"ON_DEMAND, on a runner that lacks what it needs": {fleet.Runner{Meets: []string{"host"}}, spill, "container",
			2, busy, fleet.None},
	} {
		if got := fleet.Decide(c.runner, c.of, c.need, c.running, c.members); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestDesired(t *testing.T) {
	t.Parallel()
	fixed, scaled := fleet.Fleet{Base: 2, Max: 2}, fleet.Fleet{Base: 2, Max: 10, Target: 50}
	for _, c := range []struct {
		f    fleet.Fleet
		load fleet.Load
		want int
	}{
		{fixed, fleet.Load{}, 2},
		{fixed, fleet.Load{Running: 2, Queued: 9}, 2},
		{scaled, fleet.Load{}, 2},
		{scaled, fleet.Load{Running: 1}, 2},
		{scaled, fleet.Load{Running: 2, Queued: 1}, 6},
		{scaled, fleet.Load{Running: 2, Queued: 40}, 10},
		{fleet.Fleet{Base: 1, Max: 4}, fleet.Load{Running: 1, Queued: 2, Overflowing: 5}, 3},
		{fleet.Fleet{Base: 1, Max: 9, Target: 80}, fleet.Load{Running: 4}, 5},
	} {
		if got := c.f.Desired(c.load); got != c.want {
			t.Errorf("%+v under %+v: %d, want %d", c.f, c.load, got, c.want)
		}
	}
}

// build is one of the model's.
type build struct {
	id       int
	fleet    string
	need     string
	runner   int // -1 in the queue
	overflow bool
}

// model is fleets, runners and a queue on which random things happen.
type model struct {
	fleets  map[string]*fleet.Fleet
	runners []fleet.Runner // Free is the slots
	queue   []build
	running []build
}

func (m *model) taken(runner int) (n int) {
	for _, b := range m.running {
		if b.runner == runner {
			n++
		}
	}
	return n
}

func (m *model) within(name string) (n int) {
	for _, b := range m.running {
		if b.fleet == name && !b.overflow {
			n++
		}
	}
	return n
}

func (m *model) members(name string) (all []fleet.Runner) {
	for i, r := range m.runners {
		if r.Fleet == name {
			r.Free -= m.taken(i)
			all = append(all, r)
		}
	}
	return all
}

// place is where a build runs if a runner with room takes it.
func (m *model) place(runner int, b build) fleet.Place {
	r := m.runners[runner]
	if r.Free <= m.taken(runner) {
		return fleet.None
	}
	if b.fleet == "" {
		return fleet.Decide(r, nil, b.need, 0, nil)
	}
	return fleet.Decide(r, m.fleets[b.fleet], b.need, m.within(b.fleet), m.members(b.fleet))
}

// poll lets a runner take the oldest build that it may.
func (m *model) poll(runner int) bool {
	for i, b := range m.queue {
		if at := m.place(runner, b); at != fleet.None {
			b.runner, b.overflow = runner, at == fleet.Overflow
			m.queue = slices.Delete(m.queue, i, i+1)
			m.running = append(m.running, b)
			return true
		}
	}
	return false
}

// check looks at what must hold at any time.
func (m *model) check(t *rapid.T) {
	for name, f := range m.fleets {
		if n := m.within(name); n > f.Max {
			t.Fatalf("%d builds of the fleet %s run on its runners, it may have %d", n, name, f.Max)
		}
	}
	for _, b := range m.running {
		r := m.runners[b.runner]
		switch {
		case !slices.Contains(r.Meets, b.need):
			t.Fatalf("%+v runs on %+v, which lacks what it needs", b, r)
		case r.Fleet != b.fleet && (!b.overflow || r.Fleet != "" || !m.fleets[b.fleet].Overflow):
			t.Fatalf("%+v runs on %+v", b, r)
		case m.taken(b.runner) > r.Free:
			t.Fatalf("%+v runs more than it may", r)
		}
	}
}

// Whatever happens, a fleet never runs more than it may, builds of QUEUE go in order on runners of their fleet alone,
// no build is lost, and none waits that a runner with room may take.
func TestFleetsInRandomOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		needs := []string{"host", "container"}
		m := &model{fleets: map[string]*fleet.Fleet{}}
		for _, name := range []string{"a", "b"} {
			base := rapid.IntRange(1, 3).Draw(t, "base")
			m.fleets[name] = &fleet.Fleet{Name: name, Base: base, Max: base + rapid.IntRange(0, 2).Draw(t, "more"),
				Overflow: rapid.Bool().Draw(t, "overflow")}
		}
		of := rapid.SampledFrom([]string{"", "a", "b"})
		for range rapid.IntRange(1, 6).Draw(t, "runners") {
			m.runners = append(m.runners, fleet.Runner{Fleet: of.Draw(t, "joins"),
				Meets: needs[:rapid.IntRange(1, 2).Draw(t, "meets")], Free: rapid.IntRange(0, 3).Draw(t, "slots")})
		}
		submitted, ended := 0, 0
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				m.queue = append(m.queue, build{id: submitted, fleet: of.Draw(t, "of"),
					need: rapid.SampledFrom(needs).Draw(t, "need"), runner: -1})
				submitted++
			case 1:
				m.poll(rapid.IntRange(0, len(m.runners)-1).Draw(t, "polls"))
			case 2:
				if len(m.running) > 0 {
					i := rapid.IntRange(0, len(m.running)-1).Draw(t, "ends")
					m.running = slices.Delete(m.running, i, i+1)
					ended++
				}
			}
			m.check(t)
		}
		if len(m.queue)+len(m.running)+ended != submitted {
			t.Fatalf("%d wait, %d run, %d ended, of %d", len(m.queue), len(m.running), ended, submitted)
		}
		m.drain(t)
	})
}

// drain lets runners poll and builds end until nothing moves: then only builds wait that no runner there is may ever
// take. Those of one fleet and need begin in their order.
func (m *model) drain(t *rapid.T) {
	began := map[string]int{}
	for moved := true; moved; {
		moved = false
		for i := range m.runners {
			for n := len(m.running); m.poll(i); n++ {
				moved = true
				b := m.running[n]
				if last, ok := began[b.fleet+b.need]; ok && last > b.id {
					t.Fatalf("the build %d began after %d, which is newer", b.id, last)
				}
				began[b.fleet+b.need] = b.id
			}
			m.check(t)
		}
		if len(m.running) > 0 {
			m.running, moved = m.running[1:], true
		}
	}
	for _, b := range m.queue {
		for i, r := range m.runners {
			spill := b.fleet != "" && m.fleets[b.fleet].Overflow && r.Fleet == ""
			if r.Free > 0 && slices.Contains(r.Meets, b.need) && (r.Fleet == b.fleet || spill) {
				t.Fatalf("%+v waits for ever, though the runner %d %+v could run it", b, i, r)
			}
		}
	}
}
