// Package fleet decides which runners may take the builds of a fleet, and how many run at a time. It does nothing
// itself. Source: "Run builds on reserved capacity fleets" in the CodeBuild user guide.
package fleet

import (
	"math"
	"slices"
)

// Fleet is a set of runners that are reserved for its builds.
type Fleet struct {
	Name string // by which runners join it
	// Base is how many of its builds run at a time, Max the number up to which it scales; it is Base without scaling.
	Base, Max int
	// Target is the share of the capacity, in percent, that scaling keeps busy; 0 is 100.
	Target float64
	// Overflow says that a build which finds no free capacity goes to a runner of no fleet (ON_DEMAND).
	Overflow bool
}

// Load counts the builds of a fleet.
type Load struct {
	Running     int // on its runners
	Overflowing int // on others
	Queued      int
}

// Runner is a runner as decisions see it.
type Runner struct {
	Fleet string   // the name of its fleet; "" takes builds of no fleet
	Meets []string // the needs of builds that it meets
	Free  int      // how many builds it could begin now
}

// Place is where a build runs if a runner takes it.
type Place int

// Places.
const (
	None     Place = iota // the runner may not take it
	Within                // where it belongs: on a runner of its fleet, or of none if it has none
	Overflow              // on a runner of no fleet, because the build's fleet has no free capacity
)

// Desired is how many builds a fleet would run at a time for its load: what keeps as much of the capacity busy as its
// target says, but at least its base and at most its maximum.
func (f Fleet) Desired(l Load) int {
	target := f.Target
	if target <= 0 {
		target = 100
	}
	want := math.Ceil(float64(l.Running+l.Queued) * 100 / target)
	return max(f.Base, int(min(want, float64(f.Max))))
}

// Full reports whether a fleet runs as many builds as it may.
func (f Fleet) Full(running int) bool { return running >= max(f.Base, f.Max) }

// Decide says where a build with a need runs if a runner takes it. of is its fleet, nil for a build of none; running
// counts the builds on the fleet's runners, which are members.
func Decide(r Runner, of *Fleet, need string, running int, members []Runner) Place {
	switch {
	case !slices.Contains(r.Meets, need):
		return None
	case of == nil:
		if r.Fleet == "" {
			return Within
		}
	case r.Fleet == of.Name:
		if !of.Full(running) {
			return Within
		}
	case r.Fleet == "" && of.Overflow && !of.capacity(need, running, members):
		return Overflow
	}
	return None
}

// capacity reports whether a runner of the fleet could begin a build with a need now.
func (f Fleet) capacity(need string, running int, members []Runner) bool {
	return !f.Full(running) && slices.ContainsFunc(members, func(m Runner) bool {
		return m.Free > 0 && slices.Contains(m.Meets, need)
	})
}
