package shift

import (
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// InEffect tells that a share is in effect at the router. One that is not wanted any more changes nothing.
func (s *State) InEffect(percent int, now time.Time) {
	if percent != s.Wanted() {
		return
	}
	switch s.Status {
	case slipway.ReleaseStatusRollingBack:
		s.Percent = 0
		s.Status = slipway.ReleaseStatusRolledBack
	case slipway.ReleaseStatusShifting:
		s.Percent = percent
		s.Visits[s.Step].InEffect = awsproto.At(now)
		s.Status, s.Due = slipway.ReleaseStatusWaiting, new(now.Add(s.wait()))
		s.Tick(now)
	}
}

// wait is how long the step under way is held.
func (s *State) wait() time.Duration {
	if s.Skip {
		return 0
	}
	return s.Steps[s.Step].Wait
}

// Tick tells that time has passed: a wait that is over ends in a verdict, or in the next step.
func (s *State) Tick(now time.Time) {
	if s.Status != slipway.ReleaseStatusWaiting || s.Paused || now.Before(*s.Due) {
		return
	}
	if s.Analyse && s.wait() > 0 && s.Visits[s.Step].Verdict == nil {
		s.Status = slipway.ReleaseStatusAnalysing
		return
	}
	s.forward(s.Step+1, now)
}

// Judged tells the verdict on a step's window. That on a step which is no longer being judged changes nothing.
func (s *State) Judged(step int, v *slipway.ReleaseVerdict, now time.Time) {
	if s.Status != slipway.ReleaseStatusAnalysing || step != s.Step {
		return
	}
	s.Visits[step].Verdict = v
	decision := v.Decision
	if decision == slipway.ReleaseDecisionUncertain {
		switch s.OnUncertain {
		case slipway.OnUncertainPromote:
			decision = slipway.ReleaseDecisionPromote
		case slipway.OnUncertainRollBack:
			decision = slipway.ReleaseDecisionRollBack
		}
	}
	switch decision {
	case slipway.ReleaseDecisionPromote:
		s.Status = slipway.ReleaseStatusWaiting // for nothing, unless the release is paused
		s.Tick(now)
	case slipway.ReleaseDecisionRollBack:
		s.back(ByVerdict, *v.Text, now)
	default:
		s.Status, s.Reason = slipway.ReleaseStatusAsking, *v.Text
	}
}

// Promote goes on without waiting or asking any longer: to the next step, or at once to the whole. What is being
// shifted is verified all the same before it counts.
func (s *State) Promote(full bool, now time.Time) error {
	if err := s.open(); err != nil {
		return err
	}
	s.Paused = false
	last := len(s.Steps) - 1
	if s.Status == slipway.ReleaseStatusShifting && (!full || s.Step == last) {
		s.Skip = true
		return nil
	}
	next := s.Step + 1
	if full {
		next = max(next, last)
	}
	s.forward(next, now)
	s.Skip = full
	return nil
}

// Pause holds the release where it is: the weights stay, and no further step begins. A wait goes on meanwhile.
func (s *State) Pause() error {
	if err := s.open(); err != nil {
		return err
	}
	if s.Paused {
		return ErrPaused
	}
	s.Paused = true
	return nil
}

// Resume ends a pause.
func (s *State) Resume(now time.Time) error {
	if err := s.open(); err != nil {
		return err
	}
	if !s.Paused {
		return ErrNotPaused
	}
	s.Paused = false
	s.Tick(now)
	return nil
}

// RollBack takes all traffic from the canary; the first reason stays. A person can ask for it until the release has
// ended, the deployment also after it was promoted, for it knows whether what ran before still does.
func (s *State) RollBack(cause Cause, reason string, now time.Time) error {
	switch s.Status {
	case slipway.ReleaseStatusRollingBack:
		return nil
	case slipway.ReleaseStatusRolledBack:
		return ErrEnded
	case slipway.ReleaseStatusPromoted:
		if cause != ByDeploy {
			return ErrEnded
		}
	}
	s.back(cause, reason, now)
	return nil
}

func (s *State) open() error {
	if s.Ended() {
		return ErrEnded
	}
	if s.Status == slipway.ReleaseStatusRollingBack {
		return ErrRollingBack
	}
	return nil
}

// forward ends the step under way and begins another; after the last the release is promoted.
func (s *State) forward(step int, now time.Time) {
	s.Visits[s.Step].Ended = awsproto.At(now)
	if step >= len(s.Steps) {
		s.Status, s.Due, s.Reason = slipway.ReleaseStatusPromoted, nil, ""
		return
	}
	s.begin(step, now)
}

// back begins to take the traffic back, which ends the step under way.
func (s *State) back(cause Cause, reason string, now time.Time) {
	if v := &s.Visits[s.Step]; v.Ended == nil {
		v.Ended = awsproto.At(now)
	}
	s.Status, s.Due, s.Cause, s.Reason, s.Paused = slipway.ReleaseStatusRollingBack, nil, cause, reason, false
}
