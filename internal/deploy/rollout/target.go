package rollout

import (
	"fmt"
	"slices"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
)

// Limits of AWS.
const (
	StartWithin  = 5 * time.Minute  // a lifecycle event must begin within
	FinishWithin = 70 * time.Minute // from the acknowledgement to the end: scripts of an hour, and what surrounds them
	LeaveWithin  = 65 * time.Minute // a host leaves its target group: connections of an hour, and what surrounds them
	JoinWithin   = 10 * time.Minute // a host joins its target group and is healthy there; AWS waits an hour
	Deployment   = 8 * time.Hour    // an in-place deployment as a whole
	// Redeliver is when a command that was handed out and not acknowledged is handed out again: its answer may have
	// been lost.
	Redeliver = 10 * time.Second
)

// Phase is how far the command of the event in progress is.
type Phase string

// Phases.
const (
	Idle    Phase = ""
	Queued  Phase = "queued"  // waits for the host to ask
	Sent    Phase = "sent"    // the host was given it
	Running Phase = "running" // the host acknowledged it
	Moving  Phase = "moving"  // the host joins or leaves its target group: the server's work
	Joined  Phase = "joined"  // the host takes traffic as soon as it is given weight
	Held    Phase = "held"    // the event begins once all hosts have come this far
)

// Target is a host on its way through the lifecycle events.
type Target struct {
	cd.InstanceTarget
	At      int       // the event in progress
	Phase   Phase     `json:",omitzero"`
	Attempt int       `json:",omitzero"` // of handing out the command
	Since   time.Time `json:",omitzero"` // the phase began; for Sent, when the command was queued
	SentAt  time.Time `json:",omitzero"`
	Halting bool      `json:",omitzero"` // it ends after the command that it runs
	Hold    string    `json:",omitzero"` // the event before which it waits for the others; "" for none
	Gather  bool      `json:",omitzero"` // AllowTraffic lasts until the traffic of all has been shifted
}

// NewTarget is a host that has not begun, on its way through events.
func NewTarget(deployment, host, arn string, events []string, now time.Time) *Target {
	t := &Target{InstanceTarget: cd.InstanceTarget{DeploymentId: &deployment, TargetId: &host, TargetArn: &arn,
		Status: cd.TargetStatusPending, LastUpdatedAt: awsproto.At(now)}}
	for _, name := range events {
		t.LifecycleEvents = append(t.LifecycleEvents,
			cd.LifecycleEvent{LifecycleEventName: &name, Status: cd.LifecycleEventStatusPending})
	}
	return t
}

// Original tells whether the host carried the traffic before its blue/green deployment.
func (t *Target) Original() bool { return t.InstanceLabel == cd.TargetLabelBlue }

// Left tells whether the host began to leave its target group, in a blue/green deployment.
func (t *Target) Left() bool {
	for _, e := range t.LifecycleEvents {
		if *e.LifecycleEventName == BlockTraffic {
			return t.Original() && e.StartTime != nil
		}
	}
	return false
}

// Event is the lifecycle event in progress.
func (t *Target) Event() *cd.LifecycleEvent { return &t.LifecycleEvents[t.At] }

// Begin starts the first event.
func (t *Target) Begin(now time.Time) {
	t.Status = cd.TargetStatusInProgress
	t.queue(0, now)
}

// queue begins the event at, or holds it.
func (t *Target) queue(at int, now time.Time) {
	t.At, t.Phase, t.Attempt, t.Since, t.SentAt = at, Queued, 0, now, time.Time{}
	t.LastUpdatedAt = awsproto.At(now)
	e := t.Event()
	switch *e.LifecycleEventName {
	case t.Hold:
		t.Phase = Held
	case BlockTraffic, AllowTraffic:
		t.Phase, e.Status, e.StartTime = Moving, cd.LifecycleEventStatusInProgress, awsproto.At(now)
	}
}

// Go lets a host go on that was held.
func (t *Target) Go(now time.Time) {
	if t.Phase == Held {
		t.Hold = ""
		t.queue(t.At, now)
	}
}

// Moved ends the way of a host into or out of its target group. One that gathers stays in AllowTraffic until Shifted.
func (t *Target) Moved(now time.Time) (changed bool) {
	if t.Phase != Moving {
		return false
	}
	if t.Gather && *t.Event().LifecycleEventName == AllowTraffic {
		t.Phase, t.LastUpdatedAt = Joined, awsproto.At(now)
		return true
	}
	t.shifted(now)
	return true
}

// Shifted ends AllowTraffic once the traffic of all hosts has been shifted.
func (t *Target) Shifted(now time.Time) {
	if t.Phase == Joined {
		t.shifted(now)
	}
}

func (t *Target) shifted(now time.Time) {
	t.endEvent(cd.LifecycleEventStatusSucceeded,
		&cd.Diagnostics{
			ErrorCode:  cd.LifecycleErrorCodeSuccess,
			ScriptName: new(""),
			Message:    new("Succeeded"),
			LogTail:    new(""),
		}, now)
	t.advance(now)
}

// ComesBack tells whether traffic goes to the target again later in the deployment.
func (t *Target) ComesBack() bool {
	return slices.ContainsFunc(
		t.LifecycleEvents[t.At:], func(e cd.LifecycleEvent) bool { return *e.LifecycleEventName == AllowTraffic })
}

// Stuck fails a host that did not get into or out of its target group.
func (t *Target) Stuck(message string, now time.Time) (changed bool) {
	if t.Phase != Moving {
		return false
	}
	t.fail(message, now)
	return true
}

// Deliverable is from when on the command may be handed out; ok is false if there is none.
func (t *Target) Deliverable() (from time.Time, ok bool) {
	switch t.Phase {
	case Queued:
		return t.Since, true
	case Sent:
		return t.SentAt.Add(Redeliver), true
	}
	return time.Time{}, false
}

// Deliver hands the command out.
func (t *Target) Deliver(now time.Time) {
	t.Phase, t.SentAt = Sent, now
	t.Attempt++
	t.LastUpdatedAt = awsproto.At(now)
}

// Acknowledge answers a host that has taken the command of event at, handed out at the attempt given. The status
// Succeeded or Failed tells it not to run the command. changed is true if this was the first acknowledgement. The same
// attempt may acknowledge again, since an answer may have been lost; another one may not run what somebody else runs.
func (t *Target) Acknowledge(at, attempt int, now time.Time) (status cd.LifecycleEventStatus, changed bool) {
	if at < 0 || at >= len(t.LifecycleEvents) {
		return cd.LifecycleEventStatusFailed, false
	}
	if !t.commanded() || at != t.At {
		if t.LifecycleEvents[at].Status == cd.LifecycleEventStatusSucceeded {
			return cd.LifecycleEventStatusSucceeded, false
		}
		return cd.LifecycleEventStatusFailed, false
	}
	if attempt != t.Attempt {
		return cd.LifecycleEventStatusSucceeded, false
	}
	if t.Phase == Running {
		return cd.LifecycleEventStatusInProgress, false
	}
	t.Phase, t.Since = Running, now
	t.LastUpdatedAt = awsproto.At(now)
	e := t.Event()
	e.Status, e.StartTime = cd.LifecycleEventStatusInProgress, awsproto.At(now)
	return e.Status, true
}

// commanded tells whether the event in progress is a command of the host.
func (t *Target) commanded() bool { return t.Phase == Queued || t.Phase == Sent || t.Phase == Running }

// Complete ends the event at with what the host reports. What comes a second time, or from somebody else than who runs
// the command, changes nothing. A command may end without an acknowledgement: AWS's agent reports so what it could not
// even begin. With ignore, a failure of an event that stops the old version does not count.
func (t *Target) Complete(at, attempt int, succeeded bool, d *cd.Diagnostics, ignore bool,
	now time.Time) (changed bool) {
	if !t.commanded() || t.Phase == Queued || at != t.At || attempt != t.Attempt {
		return false
	}
	status := cd.LifecycleEventStatusSucceeded
	if !succeeded {
		status = cd.LifecycleEventStatusFailed
	}
	t.endEvent(status, d, now)
	if succeeded || ignore && stops(*t.Event().LifecycleEventName) {
		t.advance(now)
	} else {
		t.end(cd.TargetStatusFailed, now)
	}
	return true
}

// stops tells whether ignoreApplicationStopFailures covers an event.
func stops(event string) bool {
	return event == ApplicationStop || event == BeforeBlockTraffic || event == AfterBlockTraffic
}

func (t *Target) endEvent(status cd.LifecycleEventStatus, d *cd.Diagnostics, now time.Time) {
	e := t.Event()
	e.Status, e.Diagnostics, e.EndTime = status, d, awsproto.At(now)
	if e.StartTime == nil {
		e.StartTime = e.EndTime
	}
}

func (t *Target) advance(now time.Time) {
	switch {
	case t.At+1 == len(t.LifecycleEvents):
		t.end(cd.TargetStatusSucceeded, now)
	case t.Halting:
		t.end(cd.TargetStatusFailed, now)
	default:
		t.queue(t.At+1, now)
	}
}

// end ends the host's deployment; events that did not begin are skipped.
func (t *Target) end(status cd.TargetStatus, now time.Time) {
	t.Status, t.Phase, t.LastUpdatedAt = status, Idle, awsproto.At(now)
	for i := range t.LifecycleEvents {
		if e := &t.LifecycleEvents[i]; e.Status == cd.LifecycleEventStatusPending {
			e.Status = cd.LifecycleEventStatusSkipped
		}
	}
}

// Ended tells whether the host's deployment is over.
func (t *Target) Ended() bool {
	return t.Status != cd.TargetStatusPending && t.Status != cd.TargetStatusInProgress
}

// Skip ends a host that has not begun.
func (t *Target) Skip(now time.Time) { t.end(cd.TargetStatusSkipped, now) }

// Halt ends the host now, or after the command that it runs. A host on which something ran is left between two versions
// and counts as failed.
func (t *Target) Halt(now time.Time) {
	switch {
	case t.Phase == Running:
		t.Halting = true
	case t.Phase == Moving || t.Phase == Joined:
		t.fail("The deployment ended before the traffic had been shifted.", now)
	case t.At == 0 || t.Original() && t.Phase == Held:
		t.end(cd.TargetStatusSkipped, now)
	default:
		t.end(cd.TargetStatusFailed, now)
	}
}

// Due is when the command in progress has taken too long; zero if there is none.
func (t *Target) Due() time.Time {
	switch t.Phase {
	case Queued, Sent:
		return t.Since.Add(StartWithin)
	case Running:
		return t.Since.Add(FinishWithin)
	case Moving:
		return t.Since.Add(t.moveWithin())
	}
	return time.Time{}
}

func (t *Target) moveWithin() time.Duration {
	if *t.Event().LifecycleEventName == AllowTraffic {
		return JoinWithin
	}
	return LeaveWithin
}

// Expire ends a command that has taken too long. seen is when the host was last heard of; zero for never.
func (t *Target) Expire(seen, now time.Time) (changed bool) {
	due := t.Due()
	if due.IsZero() || now.Before(due) {
		return false
	}
	t.fail(t.late(seen, now), now)
	return true
}

// Abort ends the host whatever it does.
func (t *Target) Abort(reason string, now time.Time) {
	if t.Phase == Idle || t.Phase == Held {
		t.end(cd.TargetStatusFailed, now)
		return
	}
	t.fail(reason, now)
}

func (t *Target) fail(message string, now time.Time) {
	t.endEvent(cd.LifecycleEventStatusFailed,
		&cd.Diagnostics{ErrorCode: cd.LifecycleErrorCodeUnknownError, ScriptName: new(""),
			Message: &message, LogTail: new("")}, now)
	t.end(cd.TargetStatusFailed, now)
}

func (t *Target) late(seen, now time.Time) string {
	name := *t.Event().LifecycleEventName
	switch t.Phase {
	case Moving:
		return fmt.Sprintf(
			"%s did not end within %s: the target group did not find the host healthy, or its connections did not end.",
			name, span(t.moveWithin()))
	case Running:
		return fmt.Sprintf("The host began %s and did not report its end within %s. %s", name, span(FinishWithin),
			Silence(seen, now))
	}
	return fmt.Sprintf("The host did not begin %s within %s. %s", name, span(StartWithin), Silence(seen, now))
}

func span(d time.Duration) string { return fmt.Sprintf("%.0f minutes", d.Minutes()) }

// Quiet is how long a host may be silent before it is said to be: a poll is held for less than a minute.
const Quiet = 90 * time.Second

// Silence says since when a host's agent has not been heard of, and what to do.
func Silence(seen, now time.Time) string {
	const check = " Check that the agent runs on the host, with the key of this instance, and reaches this server."
	switch {
	case seen.IsZero():
		return "Its agent has never been heard of." + check
	case now.Sub(seen) > Quiet:
		return "Its agent has been silent since " + seen.UTC().Format(time.RFC3339) + "." + check
	}
	return "Its agent was heard of last at " + seen.UTC().Format(time.RFC3339) + "."
}
