package rollout

import cd "slipway/api/codedeploy"

// Stage is how far a blue/green deployment is.
type Stage string

// Stages, in their order.
const (
	Prepare   Stage = "install"   // the replacement is installed on, and held before BeforeAllowTraffic
	Ready     Stage = "ready"     // they wait for somebody to continue
	Join      Stage = "join"      // BeforeAllowTraffic; then they join their target group and become healthy there
	Shift     Stage = "shift"     // traffic is shifted to them
	After     Stage = "after"     // AfterAllowTraffic
	Block     Stage = "block"     // the originals leave their target group
	Wait      Stage = "wait"      // the originals stand by for a quick way back
	Terminate Stage = "terminate" // the originals' application is stopped
)

// Step is what is to be done once in a blue/green deployment.
type Step string

// Steps.
const (
	Hold   Step = "hold"   // say that the replacement is ready, and how long it waits
	Open   Step = "open"   // let the replacement units go on: to BeforeAllowTraffic
	Weigh  Step = "weigh"  // begin to shift the traffic
	Settle Step = "settle" // end AllowTraffic on the replacement units
	Close  Step = "close"  // the originals begin
	Linger Step = "linger" // begin the wait before termination
	Finish Step = "finish" // let the originals go on: to ApplicationStop
	Undo   Step = "undo"   // put the traffic back to the originals
)

// BlueGreen is the further state of a blue/green deployment. Its originals are the units that carry the traffic when it
// begins. The replacement units are the deployment's fleet.
type BlueGreen struct {
	Stage     Stage
	Originals Fleet
	Held      int  `json:",omitzero"` // replacement units that wait before BeforeAllowTraffic
	Joined    int  `json:",omitzero"` // replacement units that are healthy in their target group
	Parked    int  `json:",omitzero"` // originals that wait before ApplicationStop
	ReadyWait bool `json:",omitzero"` // it waits for somebody to continue it, and stops if nobody does
	Linger    bool `json:",omitzero"` // it waits before it terminates the originals
	Mirror    bool `json:",omitzero"` // it rolls another back: nothing is installed, and there is no way back from it
	// the replacement has been let into its target group: the way back leads through Undo
	Begun   bool `json:",omitzero"`
	Undoing bool `json:",omitzero"`
	Undone  bool `json:",omitzero"`
}

// NewBlueGreen begins a blue/green deployment of a plan for the replacement units.
func NewBlueGreen(p Plan, originals int, b BlueGreen) State {
	s := New(p)
	b.Stage, b.Originals = Prepare, Fleet{Pending: originals}
	if b.Mirror {
		b.Stage = Join
	}
	s.BlueGreen = &b
	return s
}

// nextBlueGreen is Next of a blue/green deployment. Traffic goes back as soon as the deployment is to be stopped. No
// original is stopped before the traffic has been shifted.
func (s *State) nextBlueGreen() (n Next) {
	b := s.BlueGreen
	if s.Stop == nil {
		s.Stop = s.faulted()
	}
	if s.Stop != nil {
		return s.abort()
	}
	switch b.Stage {
	case Prepare:
		return s.prepare()
	case Join:
		return s.join()
	case After:
		return s.after()
	case Block:
		if b.Originals.InProgress != b.Parked {
			return n
		}
		if b.Parked > 0 && b.Linger {
			b.Stage, n.Step = Wait, Linger
			return n
		}
		b.Stage = Terminate
		return s.terminate()
	case Terminate:
		return s.terminate()
	}
	return n
}

// prepare begins on the replacement within the budget. Once all of it is held, the deployment waits or goes on.
func (s *State) prepare() (n Next) {
	b := s.BlueGreen
	busy := s.InProgress - b.Held
	n.Begin = max(0, min(s.Pending, s.Concurrency-busy, s.Budget()-busy-s.Failed))
	s.Pending -= n.Begin
	s.InProgress += n.Begin
	if s.Pending > 0 || s.InProgress != b.Held {
		return n
	}
	b.Stage = Ready
	if b.ReadyWait {
		n.Step = Hold
		return n
	}
	s.Continue()
	n.Step = s.open()
	return n
}

// join lets the replacement into its target group. Once all of it is there, the traffic is shifted.
func (s *State) join() (n Next) {
	b := s.BlueGreen
	switch n.Begin = s.Pending; {
	case n.Begin > 0: // of a mirror
		s.Pending, s.InProgress = 0, n.Begin
	case b.Held > 0:
		n.Step = s.open()
	case s.InProgress == b.Joined:
		b.Stage, n.Step = Shift, Weigh
	}
	return n
}

// after lets the replacement end, and then the originals leave their target group.
func (s *State) after() (n Next) {
	b := s.BlueGreen
	switch {
	case b.Joined > 0:
		b.Joined, n.Step = 0, Settle
	case s.InProgress == 0:
		b.Stage, n.Step = Block, Close
		b.Originals.InProgress, b.Originals.Pending = b.Originals.Pending, 0
	}
	return n
}

// terminate stops the applications of the originals, if that is to be, and ends the deployment.
func (s *State) terminate() (n Next) {
	b := s.BlueGreen
	switch {
	case b.Parked > 0:
		b.Parked, n.Step = 0, Finish
	case b.Originals.InProgress == 0:
		s.Ended, n.End = true, &End{Status: cd.DeploymentStatusSucceeded}
	}
	return n
}

// open lets the replacement units that are held go on.
func (s *State) open() Step {
	s.BlueGreen.Held, s.BlueGreen.Begun = 0, true
	return Open
}

// faulted returns why a blue/green deployment has failed, or nil.
func (s *State) faulted() *Stop {
	b := s.BlueGreen
	switch {
	case b.Stage == Prepare:
		if stop := s.verdict(); stop != nil {
			return stop
		}
		if s.Pending == 0 && s.InProgress == b.Held && b.Held < max(1, s.Minimum) {
			return &Stop{Status: cd.DeploymentStatusFailed, Code: cd.ErrorCodeHealthConstraints, Message: TooManyFailed}
		}
	case b.Stage == Terminate:
		// the traffic is where it should be; an application that does not stop is no reason to move it
	case b.Originals.Failed > 0:
		return &Stop{Status: cd.DeploymentStatusFailed, Code: cd.ErrorCodeHealthConstraints, Halt: true,
			Message: "The deployment failed because an original instance could not be taken out of traffic."}
	case s.Pending+s.InProgress+s.Succeeded < max(1, s.Minimum):
		return &Stop{Status: cd.DeploymentStatusFailed, Code: cd.ErrorCodeHealthConstraints, Message: TooManyFailed}
	}
	return nil
}

// abort ends a blue/green deployment that is to go no further: nothing more begins, what runs ends, the traffic goes
// back.
func (s *State) abort() (n Next) {
	b := s.BlueGreen
	n.Skip = s.Pending+b.Originals.Pending > 0
	s.Skipped, s.Pending = s.Skipped+s.Pending, 0
	b.Originals.Skipped, b.Originals.Pending = b.Originals.Skipped+b.Originals.Pending, 0
	if b.Begun && !b.Mirror && !b.Undoing {
		b.Undoing, n.Step = true, Undo
	}
	if !s.Halted { // what is held or has joined can't go on, whatever the reason
		s.Halted, n.Halt = true, s.InProgress+b.Originals.InProgress > 0
		b.Held, b.Joined, b.Parked = 0, 0, 0
	}
	if s.InProgress+b.Originals.InProgress == 0 && !n.Halt && b.Undoing == b.Undone {
		s.Ended = true
		n.End = s.Outcome()
	}
	return n
}

// Continue ends the wait of a replacement that is ready, or of originals that stand by. It reports whether there was
// such a wait.
func (s *State) Continue() bool {
	b := s.BlueGreen
	switch {
	case b == nil || s.Stop != nil:
	case b.Stage == Ready:
		b.Stage = Join
		return true
	case b.Stage == Wait:
		b.Stage = Terminate
		return true
	}
	return false
}

// Shifted says that all traffic is on the replacement.
func (s *State) Shifted() {
	if b := s.BlueGreen; b != nil && b.Stage == Shift && s.Stop == nil {
		b.Stage = After
	}
}

// Restored says that all traffic is on the originals again.
func (s *State) Restored() {
	if b := s.BlueGreen; b != nil && b.Undoing {
		b.Undone = true
	}
}

// Count counts what a change has made of a unit that had not ended. before is the phase that it was in.
func (s *State) Count(u *Unit, before Phase) {
	fleet := &s.Fleet
	if u.Original() {
		fleet = &s.BlueGreen.Originals
	}
	if b := s.BlueGreen; b != nil && s.Stop == nil {
		for _, c := range []struct {
			phase Phase
			of    bool
			n     *int
		}{{Held, !u.Original(), &b.Held}, {Held, u.Original(), &b.Parked}, {Joined, true, &b.Joined}} {
			if c.of && before != c.phase && u.Phase == c.phase {
				*c.n++
			}
		}
	}
	if !u.Ended() {
		return
	}
	if before == Idle { // it ended before it began
		fleet.Pending--
		fleet.InProgress++
	}
	fleet.UnitEnded(u.Status)
}
