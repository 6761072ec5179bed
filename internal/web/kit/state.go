package kit

import "slipway/internal/view"

// Kind is one of the states that the visual language knows.
type Kind = view.Kind

// Kinds of states.
const (
	Queued     = view.Queued
	Running    = view.Running
	Succeeded  = view.Succeeded
	Failed     = view.Failed
	Waiting    = view.Waiting
	Stopped    = view.Stopped
	Superseded = view.Superseded
	Skipped    = view.Skipped
	NotReached = view.NotReached
	Held       = view.Held
	Watch      = view.Watch
	Back       = view.Back
)
