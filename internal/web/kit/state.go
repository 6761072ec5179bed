package kit

import (
	"strings"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// BuildWord says how a build ended, or that it runs.
func BuildWord(b *codebuild.Build) string {
	if KindOf(string(b.BuildStatus)) == Running {
		return "Running, in " + strings.ToLower(strings.ReplaceAll(Text(b.CurrentPhase), "_", " "))
	}
	return view.StatusWord(b.BuildStatus)
}

// ReleaseKind is the state of a release; one that somebody paused waits for somebody.
func ReleaseKind(status slipway.ReleaseStatus, paused *bool) Kind {
	return view.ReleaseKind(status, paused)
}

// ReleaseWord says the state of a release in a list.
func ReleaseWord(status slipway.ReleaseStatus, paused *bool, percent *int32) string {
	return view.ReleaseWords(status, paused, percent)
}

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

// KindOf tells the kind of a status of any of the services.
func KindOf(status string) Kind { return view.KindOf(status) }

// Rank orders states: broken, then awaited, then moving, then at rest.
func Rank(k Kind) int { return view.Rank(k) }
