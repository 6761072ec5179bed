package build

import (
	"fmt"
	"time"

	"slipway/api/codebuild"
)

// Stage is how far a build has come, as far as it is decided here: its phases are the runner's.
type Stage string

// Stages.
const (
	Queued   Stage = "queued"   // waits for a runner
	Assigned Stage = "assigned" // offered to a runner, which has not acknowledged it: nothing has run
	Running  Stage = "running"  // acknowledged: commands may have run
	Ended    Stage = "ended"
)

// State is what decisions about a build are made from.
type State struct {
	Stage  Stage
	Runner string // that it is assigned to
	Stop   bool   // somebody asked for its end
	// Overflow says that it runs outside of its fleet, which had no free capacity.
	Overflow bool
	// Sandbox says that it is a sandbox, which waits for commands, and not a build.
	Sandbox bool
}

// noun is what messages call it.
func (s State) noun() string {
	if s.Sandbox {
		return "sandbox"
	}
	return "build"
}

// Event is something that happened to a build.
type Event interface{ event() }

// Events.
type (
	// Assign offers the build to a runner that has room: one of its fleet, or by Overflow another.
	Assign struct {
		Runner   string
		Overflow bool
	}
	// FleetGone is the end of the fleet whose runners it waits for.
	FleetGone struct{ Name string }
	// Acknowledge is a runner's question whether to run it.
	Acknowledge struct{ Runner string }
	// Stop is StopBuild.
	Stop struct{}
	// QueueTimeout is the end of the time that it may wait in the queue.
	QueueTimeout struct{ Minutes int32 }
	// Missing is a runner that polls without having a build that is its.
	Missing struct {
		Runner string
		// Fresh says that it was acknowledged so lately that the poll may be older.
		Fresh bool
	}
	// Silent is a runner that has not been heard of for too long.
	Silent struct {
		Runner string
		Since  time.Time
	}
	// Done is a runner's result.
	Done struct {
		Runner string
		Status codebuild.StatusType
	}
)

func (Assign) event()       {}
func (FleetGone) event()    {}
func (Acknowledge) event()  {}
func (Stop) event()         {}
func (QueueTimeout) event() {}
func (Missing) event()      {}
func (Silent) event()       {}
func (Done) event()         {}

// End is how a build ends. Without Result its phases are written here: the phase it was in gets the context.
type End struct {
	Status  codebuild.StatusType
	Result  bool // the runner's result says the rest
	Code    string
	Message string
}

// Decision is what follows from an event.
type Decision struct {
	State State
	// Run answers Acknowledge: true once in a build's life.
	Run bool
	// Offer says that the runner is to be told of the build, first or again.
	Offer bool
	// Tell says that the runner is to be told to stop it.
	Tell bool
	// Requeue says that it waits for a runner again.
	Requeue bool
	End     *End
}

// Decide says what an event does to a build. What does not fit the state changes nothing: messages are late, or come
// twice.
func Decide(s State, e Event) Decision {
	if s.Stage == Ended {
		return Decision{State: s}
	}
	switch e := e.(type) {
	case Assign, QueueTimeout, FleetGone:
		if s.Stage == Queued {
			return decideQueued(s, e)
		}
	case Acknowledge:
		if s.Stage == Assigned && s.Runner == e.Runner {
			s.Stage = Running
			return Decision{State: s, Run: true}
		}
	case Stop:
		return decideStop(s)
	case Missing:
		if s.Runner == e.Runner {
			return decideMissing(s, e)
		}
	case Silent:
		if s.Runner == e.Runner {
			return decideSilent(s, e)
		}
	case Done:
		if s.Runner == e.Runner && s.Stage != Queued {
			return ended(s, End{Status: e.Status, Result: true})
		}
	}
	return Decision{State: s}
}

func ended(s State, end End) Decision {
	s.Stage = Ended
	return Decision{State: s, End: &end}
}

// decideQueued says what a runner, the end of its time in the queue or of its fleet does to a build that waits.
func decideQueued(s State, e Event) Decision {
	switch e := e.(type) {
	case Assign:
		s.Stage, s.Runner, s.Stop, s.Overflow = Assigned, e.Runner, false, e.Overflow
		return Decision{State: s, Offer: true}
	case FleetGone:
		return ended(s, End{Status: codebuild.StatusTypeFailed, Code: "CLIENT_ERROR",
			Message: "The fleet " + e.Name + " was deleted while the " + s.noun() + " waited for one of its runners. " +
				"Give the project another fleet, or none."})
	}
	minutes := e.(QueueTimeout).Minutes
	return ended(s, End{Status: codebuild.StatusTypeTimedOut, Code: "BUILD_TIMED_OUT",
		Message: fmt.Sprintf("The %s waited for %d minutes (queuedTimeoutInMinutes) and no runner took it. "+
			"Start a runner, or give one more room.", s.noun(), minutes)})
}

func decideStop(s State) Decision {
	if s.Stage == Running {
		s.Stop = true
		return Decision{State: s, Tell: true}
	}
	return ended(s, End{
		Status:  codebuild.StatusTypeStopped,
		Code:    "CLIENT_ERROR",
		Message: "The " + s.noun() + " was stopped before it ran.",
	})
}

func decideMissing(s State, e Missing) Decision {
	switch {
	case s.Stage == Assigned:
		return Decision{State: s, Offer: true} // the offer was lost on its way
	case e.Fresh:
		return Decision{State: s}
	}
	return ended(s, End{Status: codebuild.StatusTypeFault, Code: "INTERNAL_SERVER_ERROR",
		Message: fmt.Sprintf("The runner %s lost the %s: it had begun it and does not know of it any more. "+
			"Commands may have run; nothing is run again by itself.", e.Runner, s.noun())})
}

func decideSilent(s State, e Silent) Decision {
	switch s.Stage {
	case Queued:
		return Decision{State: s}
	case Assigned:
		s.Stage, s.Runner, s.Stop, s.Overflow = Queued, "", false, false
		return Decision{State: s, Requeue: true}
	}
	return ended(s, End{Status: codebuild.StatusTypeFault, Code: "INTERNAL_SERVER_ERROR",
		Message: fmt.Sprintf("The runner %s has been silent since %s. Its commands may have run, or still be running; "+
			"nothing is run again by itself.", e.Runner, e.Since.UTC().Format(time.RFC3339))})
}
