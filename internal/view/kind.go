// Package view computes what a board, a build, a deployment or a release is to a person: the words for states, the
// cause of a failure in one sentence, what waits for a person, and which version serves where. Pages, commands and the
// API's own texts take them from here, so that they say the same.
package view

import (
	"strings"

	"slipway/api/slipway"
)

// Kind is one of the states that people see: a shape and a colour, always with a word.
type Kind string

// Kinds of states.
const (
	Queued     Kind = "queued"
	Running    Kind = "running"
	Succeeded  Kind = "succeeded"
	Failed     Kind = "failed"
	Waiting    Kind = "waiting"
	Stopped    Kind = "stopped"
	Superseded Kind = "superseded"
	Skipped    Kind = "skipped"
	NotReached Kind = "none"
	Held       Kind = "held"  // a transition that is closed
	Watch      Kind = "watch" // worth watching
	Back       Kind = "back"  // rolled back
)

// KindOf tells the kind of a status of any of the services.
func KindOf[S ~string](status S) Kind {
	switch string(status) {
	case "InProgress", "IN_PROGRESS", "Stopping", "Baking", "SHIFTING", "WAITING", "ANALYSING":
		return Running
	case "Ready", "ASKING": // a person has to continue it
		return Waiting
	case "Succeeded", "SUCCEEDED", "PROMOTED", "GOOD":
		return Succeeded
	case "Failed", "FAILED", "FAULT", "TIMED_OUT", "ERROR":
		return Failed
	case "ROLLED_BACK", "ROLLING_BACK":
		return Back
	case "Stopped", "STOPPED", "Abandoned", "Cancelled":
		return Stopped
	case "Superseded":
		return Superseded
	case "Skipped", "SKIPPED":
		return Skipped
	case "Created", "Queued", "Pending", "GENERATING", "INCOMPLETE":
		return Queued
	}
	return NotReached
}

// Word is what a kind is called, within a sentence.
func (k Kind) Word() string {
	switch k {
	case NotReached:
		return "not reached"
	case Waiting:
		return "waiting for approval"
	case Held:
		return "transition closed"
	case Watch:
		return "worth watching"
	case Back:
		return "rolled back"
	}
	return string(k)
}

// Title is what a kind is called at the beginning of a line.
func (k Kind) Title() string { return Upper(k.Word()) }

// StatusWord is the word for a status of any service, with a capital. It is the same on pages and in the terminal.
func StatusWord[S ~string](status S) string {
	switch string(status) {
	case "TIMED_OUT":
		return "Timed out"
	case "FAULT":
		return "Failed in the runner"
	case "Stopping":
		return "Stopping"
	case "Ready":
		return "Waiting to shift traffic"
	case "PROMOTED":
		return "Released"
	case "ROLLING_BACK":
		return "Rolling back"
	case "ASKING":
		return "Waiting for a decision"
	}
	k := KindOf(status)
	if k == NotReached {
		return Upper(strings.ToLower(strings.ReplaceAll(string(status), "_", " ")))
	}
	return k.Title()
}

// ReleaseKind is the state of a release. One that is paused waits for a person, as one that asks does.
func ReleaseKind(status slipway.ReleaseStatus, paused *bool) Kind {
	k := KindOf(status)
	if k == Running && paused != nil && *paused {
		return Waiting
	}
	return k
}

// Rank orders states: failed first, then waiting, then running, then at rest.
func Rank(k Kind) int {
	for i, one := range []Kind{Failed, Waiting, Running, Queued, Back, Stopped, Superseded, Succeeded, Skipped,
		NotReached} {
		if k == one {
			return i
		}
	}
	return 100
}

// Upper capitalises the first letter of a text.
func Upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// shortest is how many characters of a commit or an ID people read.
const shortest = 7

// Short is the beginning of a commit or an ID: of the same length everywhere.
func Short(id string) string { return id[:min(shortest, len(id))] }

// FirstLine is the first line of a text that has any.
func FirstLine(s string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(first)
}
