package rollout

import (
	"slices"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
)

// Limits of AWS.
const (
	StartWithin  = 5 * time.Minute  // a lifecycle event must begin within
	FinishWithin = 70 * time.Minute // an event must end within, once begun: scripts of an hour, and what surrounds them
	LeaveWithin  = 65 * time.Minute // a unit leaves its target group: connections of an hour, and what surrounds them
	JoinWithin   = 10 * time.Minute // a unit joins its target group and is healthy there; AWS waits an hour
	Deployment   = 8 * time.Hour    // an in-place deployment as a whole
	// Redeliver is when a command that was handed out and not acknowledged is handed out again: its answer may have
	// been lost.
	Redeliver = 10 * time.Second
)

// Phase is how far the event in progress is. The values are stored.
type Phase string

// Phases.
const (
	Idle    Phase = ""
	Queued  Phase = "queued"  // the command waits until the unit asks for it
	Sent    Phase = "sent"    // the unit was given the command
	Running Phase = "running" // the unit acknowledged the command
	Acting  Phase = "moving"  // the platform carries the event out
	Joined  Phase = "joined"  // the unit takes traffic as soon as it is given weight
	Held    Phase = "held"    // the event begins once all units have come this far
)

// Unit is what a deployment deals with as one: a host, a service, a function. It goes through lifecycle events, one
// after another. It is Pending until it begins, then InProgress, and ends as Succeeded, Failed or Skipped.
//
// An event is carried out in one of two ways. Its command waits in a queue until the unit's agent asks for it
// (Queued, Sent, Running), or the platform does the work (Acting). The platform does so for BlockTraffic and
// AllowTraffic of each unit, and for every event of a unit that is Driven.
type Unit struct {
	Deployment string              `json:"deploymentId"`
	Name       string              `json:"targetId"` // unique in the deployment
	ARN        string              `json:"targetArn"`
	Label      cd.TargetLabel      `json:"instanceLabel,omitzero"` // of a blue/green deployment
	Status     cd.TargetStatus     `json:"status"`
	Changed    *awsproto.Time      `json:"lastUpdatedAt,omitzero"`
	Events     []cd.LifecycleEvent `json:"lifecycleEvents"`

	At      int       // the event in progress
	Phase   Phase     `json:",omitzero"`
	Attempt int       `json:",omitzero"` // of handing out the command
	Since   time.Time `json:",omitzero"` // the phase began; for Sent, when the command was queued
	SentAt  time.Time `json:",omitzero"`
	Driven  bool      `json:",omitzero"` // the platform carries out every event
	Halting bool      `json:",omitzero"` // it ends after the event in progress
	Hold    string    `json:",omitzero"` // the event before which it waits for the others; "" for none
	Gather  bool      `json:",omitzero"` // AllowTraffic lasts until the traffic of all has been shifted
}

// NewUnit returns a unit of a deployment that has not begun and will go through events.
func NewUnit(deployment, name, arn string, events []string, now time.Time) *Unit {
	u := &Unit{
		Deployment: deployment,
		Name:       name,
		ARN:        arn,
		Status:     cd.TargetStatusPending,
		Changed:    awsproto.At(now),
	}
	for _, event := range events {
		u.Events = append(u.Events,
			cd.LifecycleEvent{LifecycleEventName: &event, Status: cd.LifecycleEventStatusPending})
	}
	return u
}

// Original reports whether the unit carried the traffic before its blue/green deployment.
func (u *Unit) Original() bool { return u.Label == cd.TargetLabelBlue }

// Left reports whether the unit is an original that has begun to leave its target group.
func (u *Unit) Left() bool {
	for _, e := range u.Events {
		if *e.LifecycleEventName == BlockTraffic {
			return u.Original() && e.StartTime != nil
		}
	}
	return false
}

// Event is the lifecycle event in progress.
func (u *Unit) Event() *cd.LifecycleEvent { return &u.Events[u.At] }

// EventName is the name of the lifecycle event in progress.
func (u *Unit) EventName() string { return *u.Event().LifecycleEventName }

// Begin starts the first event.
func (u *Unit) Begin(now time.Time) {
	u.Status = cd.TargetStatusInProgress
	u.start(0, now)
}

// start begins the event at the index given, or holds the unit before it.
func (u *Unit) start(at int, now time.Time) {
	u.At, u.Phase, u.Attempt, u.Since, u.SentAt = at, Queued, 0, now, time.Time{}
	u.Changed = awsproto.At(now)
	e := u.Event()
	switch {
	case u.EventName() == u.Hold:
		u.Phase = Held
	case u.Driven || movesTraffic(u.EventName()):
		u.Phase, e.Status, e.StartTime = Acting, cd.LifecycleEventStatusInProgress, awsproto.At(now)
	}
}

func movesTraffic(event string) bool { return event == BlockTraffic || event == AllowTraffic }

// Go lets a unit go on that was held.
func (u *Unit) Go(now time.Time) {
	if u.Phase == Held {
		u.Hold = ""
		u.start(u.At, now)
	}
}

// Acted ends an event that the platform has carried out. A unit that gathers stays in AllowTraffic until Shifted.
func (u *Unit) Acted(now time.Time) (changed bool) {
	if u.Phase != Acting {
		return false
	}
	if u.Gather && u.EventName() == AllowTraffic {
		u.Phase, u.Changed = Joined, awsproto.At(now)
		return true
	}
	u.succeed(now)
	return true
}

// Shifted ends AllowTraffic once the traffic of all units has been shifted.
func (u *Unit) Shifted(now time.Time) {
	if u.Phase == Joined {
		u.succeed(now)
	}
}

func (u *Unit) succeed(now time.Time) {
	u.endEvent(cd.LifecycleEventStatusSucceeded, diagnostics(cd.LifecycleErrorCodeSuccess, "Succeeded"), now)
	u.advance(now)
}

func diagnostics(code cd.LifecycleErrorCode, message string) *cd.Diagnostics {
	return &cd.Diagnostics{ErrorCode: code, ScriptName: new(""), Message: &message, LogTail: new("")}
}

// ComesBack reports whether traffic goes to the unit again later in the deployment.
func (u *Unit) ComesBack() bool {
	return slices.ContainsFunc(u.Events[u.At:],
		func(e cd.LifecycleEvent) bool { return *e.LifecycleEventName == AllowTraffic })
}

// Stuck fails an event that the platform could not carry out. With ignore, a failure of an event that stops the old
// version does not count.
func (u *Unit) Stuck(message string, ignore bool, now time.Time) (changed bool) {
	if u.Phase != Acting {
		return false
	}
	if ignore && stops(u.EventName()) {
		u.endEvent(cd.LifecycleEventStatusFailed, diagnostics(cd.LifecycleErrorCodeUnknownError, message), now)
		u.advance(now)
	} else {
		u.fail(message, now)
	}
	return true
}

// Deliverable is from when on the command may be handed out. ok is false if there is no command.
func (u *Unit) Deliverable() (from time.Time, ok bool) {
	switch u.Phase {
	case Queued:
		return u.Since, true
	case Sent:
		return u.SentAt.Add(Redeliver), true
	}
	return time.Time{}, false
}

// Deliver hands out the command.
func (u *Unit) Deliver(now time.Time) {
	u.Phase, u.SentAt = Sent, now
	u.Attempt++
	u.Changed = awsproto.At(now)
}

// Acknowledge answers a unit that has taken the command of event at, handed out at the attempt given. The status
// Succeeded or Failed tells it not to run the command. changed is true if this was the first acknowledgement. The same
// attempt may acknowledge again, since an answer may have been lost. Another attempt may not run the command as well.
func (u *Unit) Acknowledge(at, attempt int, now time.Time) (status cd.LifecycleEventStatus, changed bool) {
	if at < 0 || at >= len(u.Events) {
		return cd.LifecycleEventStatusFailed, false
	}
	if !u.commanded() || at != u.At {
		if u.Events[at].Status == cd.LifecycleEventStatusSucceeded {
			return cd.LifecycleEventStatusSucceeded, false
		}
		return cd.LifecycleEventStatusFailed, false
	}
	if attempt != u.Attempt {
		return cd.LifecycleEventStatusSucceeded, false
	}
	if u.Phase == Running {
		return cd.LifecycleEventStatusInProgress, false
	}
	u.Phase, u.Since = Running, now
	u.Changed = awsproto.At(now)
	e := u.Event()
	e.Status, e.StartTime = cd.LifecycleEventStatusInProgress, awsproto.At(now)
	return e.Status, true
}

// commanded reports whether the event in progress is a command.
func (u *Unit) commanded() bool { return u.Phase == Queued || u.Phase == Sent || u.Phase == Running }

// Complete ends the event at with what the unit reports. A second report, and a report of another attempt, change
// nothing. A command may end without an acknowledgement: AWS's agent does so for what it could not begin. With ignore,
// a failure of an event that stops the old version does not count.
func (u *Unit) Complete(at, attempt int, succeeded bool, d *cd.Diagnostics, ignore bool,
	now time.Time) (changed bool) {
	if !u.commanded() || u.Phase == Queued || at != u.At || attempt != u.Attempt {
		return false
	}
	status := cd.LifecycleEventStatusSucceeded
	if !succeeded {
		status = cd.LifecycleEventStatusFailed
	}
	u.endEvent(status, d, now)
	if succeeded || ignore && stops(u.EventName()) {
		u.advance(now)
	} else {
		u.end(cd.TargetStatusFailed, now)
	}
	return true
}

// stops reports whether ignoreApplicationStopFailures covers an event.
func stops(event string) bool {
	return event == ApplicationStop || event == BeforeBlockTraffic || event == AfterBlockTraffic
}

func (u *Unit) endEvent(status cd.LifecycleEventStatus, d *cd.Diagnostics, now time.Time) {
	e := u.Event()
	e.Status, e.Diagnostics, e.EndTime = status, d, awsproto.At(now)
	if e.StartTime == nil {
		e.StartTime = e.EndTime
	}
}

func (u *Unit) advance(now time.Time) {
	switch {
	case u.At+1 == len(u.Events):
		u.end(cd.TargetStatusSucceeded, now)
	case u.Halting:
		u.end(cd.TargetStatusFailed, now)
	default:
		u.start(u.At+1, now)
	}
}

// end ends the unit. Events that did not begin are skipped.
func (u *Unit) end(status cd.TargetStatus, now time.Time) {
	u.Status, u.Phase, u.Changed = status, Idle, awsproto.At(now)
	for i := range u.Events {
		if e := &u.Events[i]; e.Status == cd.LifecycleEventStatusPending {
			e.Status = cd.LifecycleEventStatusSkipped
		}
	}
}

// Ended reports whether the unit has ended.
func (u *Unit) Ended() bool {
	return u.Status != cd.TargetStatusPending && u.Status != cd.TargetStatusInProgress
}

// Skip ends a unit that has not begun.
func (u *Unit) Skip(now time.Time) { u.end(cd.TargetStatusSkipped, now) }

// Halt ends the unit now, or after the event in progress. A unit on which something ran is left between two versions
// and counts as failed.
func (u *Unit) Halt(now time.Time) {
	moves := u.Phase == Acting && movesTraffic(u.EventName())
	switch {
	case moves || u.Phase == Joined:
		u.fail("The deployment ended before the traffic had been shifted.", now)
	case u.Phase == Running || u.Phase == Acting:
		u.Halting = true
	case u.At == 0 || u.Original() && u.Phase == Held:
		u.end(cd.TargetStatusSkipped, now)
	default:
		u.end(cd.TargetStatusFailed, now)
	}
}

// Limit is how long the unit may stay in its phase; 0 for as long as it takes.
func (u *Unit) Limit() time.Duration {
	switch u.Phase {
	case Queued, Sent:
		return StartWithin
	case Running:
		return FinishWithin
	case Acting:
		switch u.EventName() {
		case AllowTraffic:
			return JoinWithin
		case BlockTraffic:
			return LeaveWithin
		}
		return FinishWithin
	}
	return 0
}

// Due is when the event in progress has taken too long; zero if it cannot.
func (u *Unit) Due() time.Time {
	if limit := u.Limit(); limit > 0 {
		return u.Since.Add(limit)
	}
	return time.Time{}
}

// Expire fails an event that has taken too long, for the reason given.
func (u *Unit) Expire(reason string, now time.Time) (changed bool) {
	due := u.Due()
	if due.IsZero() || now.Before(due) {
		return false
	}
	u.fail(reason, now)
	return true
}

// Abort ends the unit whatever it does.
func (u *Unit) Abort(reason string, now time.Time) {
	if u.Phase == Idle || u.Phase == Held {
		u.end(cd.TargetStatusFailed, now)
		return
	}
	u.fail(reason, now)
}

func (u *Unit) fail(message string, now time.Time) {
	u.endEvent(cd.LifecycleEventStatusFailed, diagnostics(cd.LifecycleErrorCodeUnknownError, message), now)
	u.end(cd.TargetStatusFailed, now)
}
