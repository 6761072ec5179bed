package shift

import (
	"errors"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// Cause is what made a release roll back.
type Cause string

// Causes.
const (
	ByVerdict Cause = "VERDICT" // the analysis
	ByHand    Cause = "MANUAL"  // a person, at the release
	ByDeploy  Cause = "DEPLOY"  // the deployment: it failed, was stopped, or an alarm went off
	ByFailure Cause = "FAILURE" // what carries the traffic is not there any more
)

// Visit is how a step went.
type Visit struct {
	Started  *awsproto.Time          `json:"started,omitzero"`
	InEffect *awsproto.Time          `json:"inEffect,omitzero"`
	Ended    *awsproto.Time          `json:"ended,omitzero"`
	Verdict  *slipway.ReleaseVerdict `json:"verdict,omitzero"`
}

// State is a release under way.
type State struct {
	Plan
	Status slipway.ReleaseStatus `json:"status"`
	Step   int                   `json:"step"` // the one that is under way, or was when the release rolled back
	Visits []Visit               `json:"visits"`
	Paused bool                  `json:"paused,omitzero"`
	Skip   bool                  `json:"skip,omitzero"` // the step's wait, for a person said so
	// Percent is the share of the canary that was last seen in effect at the router.
	Percent int        `json:"percent"`
	Due     *time.Time `json:"due,omitzero"` // the end of the wait
	Cause   Cause      `json:"cause,omitzero"`
	Reason  string     `json:"reason,omitzero"` // of the rollback, or of the question
}

// Errors of what does not fit the state; the API words them.
var (
	ErrEnded       = errors.New("the release has ended")
	ErrRollingBack = errors.New("the release is rolling back, which nothing stops")
	ErrPaused      = errors.New("the release is paused already")
	ErrNotPaused   = errors.New("the release is not paused")
)

// New begins a release; the router is yet to be told the first step's weights.
func New(p Plan, now time.Time) *State {
	s := &State{Plan: p, Visits: make([]Visit, len(p.Steps))}
	s.begin(0, now)
	return s
}

func (s *State) begin(step int, now time.Time) {
	s.Step, s.Status, s.Skip, s.Due, s.Reason = step, slipway.ReleaseStatusShifting, false, nil, ""
	s.Visits[step].Started = awsproto.At(now)
}

// Ended reports whether nothing more will happen.
func (s *State) Ended() bool {
	return s.Status == slipway.ReleaseStatusPromoted || s.Status == slipway.ReleaseStatusRolledBack
}

// Wanted is the share that the canary is to have.
func (s *State) Wanted() int {
	switch s.Status {
	case slipway.ReleaseStatusRollingBack, slipway.ReleaseStatusRolledBack:
		return 0
	}
	return s.Steps[s.Step].Percent
}

// Looks is how many steps are judged against the baseline at most.
func (s *State) Looks() (n int) {
	for _, step := range s.Steps {
		if step.Wait > 0 && step.Percent < 100 {
			n++
		}
	}
	return n
}

// Effect is what a state asks for: Weigh, Timer, Analyse or Ask.
type Effect interface{ effect() }

// Weigh asks that the router be told a share, and to hear, by InEffect, once it has it in effect.
type Weigh struct{ Percent int }

// Timer asks for Due at a time.
type Timer struct{ At time.Time }

// Analyse asks for a Verdict on a window of a step.
type Analyse struct {
	Step, Percent int
	From, To      time.Time
}

// Ask asks a person, who promotes or rolls back.
type Ask struct{ Reason string }

func (Weigh) effect()   {}
func (Timer) effect()   {}
func (Analyse) effect() {}
func (Ask) effect()     {}

// Next is what the state asks for; nil is nothing. It follows from the state alone: asked twice, it is the same.
func (s *State) Next() Effect {
	switch s.Status {
	case slipway.ReleaseStatusShifting, slipway.ReleaseStatusRollingBack:
		return Weigh{s.Wanted()}
	case slipway.ReleaseStatusWaiting:
		if s.Paused {
			return nil
		}
		return Timer{*s.Due}
	case slipway.ReleaseStatusAnalysing:
		return Analyse{s.Step, s.Wanted(), s.Visits[s.Step].InEffect.Time, *s.Due}
	case slipway.ReleaseStatusAsking:
		return Ask{s.Reason}
	}
	return nil
}
