// Package rollout decides what a deployment does next: which units begin, when it has failed, and what becomes of each
// unit's lifecycle events. It does no I/O and reads no clock. Its caller carries out and records what it decides.
package rollout

import (
	cd "slipway/api/codedeploy"
)

// MostConcurrency is the kind of minimum that only CodeDeployDefault.OneAtATime has: so many units at once, all others
// stay healthy.
const MostConcurrency cd.MinimumHealthyHostsType = "MOST_CONCURRENCY"

// Plan is what is fixed when a deployment begins.
type Plan struct {
	Total       int // units
	Minimum     int // units that must stay healthy
	Concurrency int // units in progress at once, at most
}

// NewPlan counts out a deployment configuration for a number of units. A percentage is rounded up, once, at the start
// (API_MinimumHealthyHosts).
func NewPlan(total int, m *cd.MinimumHealthyHosts) Plan {
	p := Plan{Total: total}
	if m == nil || m.Value == nil {
		p.Concurrency = total
		return p
	}
	value := int(*m.Value)
	switch m.Type {
	case cd.MinimumHealthyHostsTypeFleetPercent:
		p.Minimum = (total*value + 99) / 100
	case MostConcurrency:
		p.Minimum = max(0, total-value)
	default:
		p.Minimum = value
	}
	p.Concurrency = p.Budget()
	return p
}

// Budget is how many units may be in progress or have failed together.
func (p Plan) Budget() int { return max(0, p.Total-p.Minimum) }

// Fleet counts the units of a deployment.
type Fleet struct{ Pending, InProgress, Succeeded, Failed, Skipped int }

// Stop is why a deployment goes no further.
type Stop struct {
	Status  cd.DeploymentStatus // how it will end: Stopped or Failed
	Code    cd.ErrorCode
	Message string
	Halt    bool // units in progress end after their event; else they go on to their end
}

// State is a deployment as a whole.
type State struct {
	Plan
	Fleet
	Stop      *Stop      `json:",omitzero"`
	Halted    bool       `json:",omitzero"` // the units in progress were told
	Ended     bool       `json:",omitzero"`
	BlueGreen *BlueGreen `json:",omitzero"` // nil for an in-place deployment; else the fleet above is the replacement's
}

// New begins a deployment.
func New(p Plan) State { return State{Plan: p, Fleet: Fleet{Pending: p.Total}} }

// Next is what follows from a state. The zero Next is nothing.
type Next struct {
	Begin int  // so many of the units that are pending begin, in their order
	Skip  bool // those that are pending are skipped
	Halt  bool // those in progress end after their event
	Step  Step // of a blue/green deployment
	End   *End
}

// End is how a deployment ends.
type End struct {
	Status cd.DeploymentStatus
	Error  *cd.ErrorInformation
}

// TooManyFailed is AWS's wording of HEALTH_CONSTRAINTS.
const TooManyFailed = "The overall deployment failed because too many individual instances failed deployment, " +
	"too few healthy instances are available for " +
	"deployment, or some instances in your deployment group are experiencing problems."

// Next says what follows and moves the state on as if it were done: asked again, it has nothing to add.
//
// Units begin while those in progress and those that failed together stay within the budget. When the budget is spent
// by failures while units are still waiting, the deployment has failed; at the end it has succeeded if the minimum,
// and at least one unit, has (instances-health.md).
func (s *State) Next() Next {
	var n Next
	if s.Ended {
		return n
	}
	if s.BlueGreen != nil {
		return s.nextBlueGreen()
	}
	if s.Stop == nil {
		s.Stop = s.verdict()
	}
	if s.Stop == nil {
		n.Begin = max(0, min(s.Pending, s.Concurrency-s.InProgress, s.Budget()-s.InProgress-s.Failed))
		s.Pending -= n.Begin
		s.InProgress += n.Begin
	} else {
		n.Skip = s.Pending > 0
		s.Skipped += s.Pending
		s.Pending = 0
		if s.Stop.Halt && !s.Halted {
			s.Halted, n.Halt = true, s.InProgress > 0
		}
	}
	if s.Pending == 0 && s.InProgress == 0 && !n.Halt {
		s.Ended = true
		n.End = s.Outcome()
	}
	return n
}

// verdict returns why the deployment has failed already, or nil.
func (s *State) verdict() *Stop {
	fail := func(code cd.ErrorCode, message string) *Stop {
		return &Stop{Status: cd.DeploymentStatusFailed, Code: code, Message: message}
	}
	switch {
	case s.Total == 0:
		return fail(cd.ErrorCodeNoInstances,
			"The deployment failed because no instances were found for your deployment group. Check your deployment "+
				"group settings to make sure the tags for your on-premises instances correctly identify the instances "+
				"you want to deploy to, and then try again.")
	case s.Minimum >= s.Total:
		return fail(cd.ErrorCodeHealthConstraintsInvalid, invalid(s.Plan))
	case s.Pending > 0 && s.Failed >= s.Budget():
		return fail(cd.ErrorCodeHealthConstraints, TooManyFailed)
	}
	return nil
}

// Outcome is how a deployment ends that has nothing left to do.
func (s *State) Outcome() *End {
	if s.Stop != nil {
		return &End{s.Stop.Status, &cd.ErrorInformation{Code: s.Stop.Code, Message: &s.Stop.Message}}
	}
	if s.Succeeded >= max(1, s.Minimum) {
		return &End{Status: cd.DeploymentStatusSucceeded}
	}
	return &End{cd.DeploymentStatusFailed,
		&cd.ErrorInformation{Code: cd.ErrorCodeHealthConstraints, Message: new(TooManyFailed)}}
}

// UnitEnded counts a unit that was in progress and has ended as status.
func (f *Fleet) UnitEnded(status cd.TargetStatus) {
	f.InProgress--
	switch status {
	case cd.TargetStatusSucceeded:
		f.Succeeded++
	case cd.TargetStatusSkipped:
		f.Skipped++
	default:
		f.Failed++
	}
}

// Ask stops the deployment. The first reason stays; a halt is added to it. A deployment that has ended does not change,
// and a blue/green deployment that terminates its originals has done its work and goes on to its end.
func (s *State) Ask(stop Stop) {
	if s.Ended || s.BlueGreen != nil && s.BlueGreen.Stage == Terminate {
		return
	}
	if s.Stop == nil {
		s.Stop = &stop
		return
	}
	s.Stop.Halt = s.Stop.Halt || stop.Halt
}

// Overview is the counts as the API shows them.
func (s State) Overview() *cd.DeploymentOverview {
	f, ready := s.Fleet, 0
	if b := s.BlueGreen; b != nil {
		f.Pending += b.Originals.Pending
		f.InProgress += b.Originals.InProgress
		f.Succeeded += b.Originals.Succeeded
		f.Failed += b.Originals.Failed
		f.Skipped += b.Originals.Skipped
		if b.Stage == Ready {
			ready, f.InProgress = b.Held, f.InProgress-b.Held
		}
	}
	n := func(i int) *int64 { return new(int64(i)) }
	return &cd.DeploymentOverview{
		Pending:    n(f.Pending),
		InProgress: n(f.InProgress),
		Succeeded:  n(f.Succeeded),
		Failed:     n(f.Failed),
		Skipped:    n(f.Skipped),
		Ready:      n(ready),
	}
}
