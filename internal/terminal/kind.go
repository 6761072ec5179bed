package terminal

import "slipway/internal/view"

// Kind is a state as a person sees it: a colour, a sign and a word.
type Kind = view.Kind

// Kinds of states, and of text that is none.
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
	Back       = view.Back

	Plain  Kind = ""
	Faint  Kind = "faint" // of less weight
	Strong Kind = "strong"
)

// styles are SGR parameters. They name the terminal's own colours, so that its theme applies.
var styles = map[Kind]string{
	Queued:     "2;36",
	Running:    "36",
	Succeeded:  "32",
	Failed:     "1;31",
	Waiting:    "1;33",
	Stopped:    "35",
	Superseded: "2",
	Skipped:    "2",
	Held:       "35",
	Back:       "35",
	NotReached: "2",
	Faint:      "2",
	Strong:     "1",
}

var signs = map[Kind]string{
	Queued:     "○",
	Running:    "●",
	Succeeded:  "✓",
	Failed:     "✗",
	Waiting:    "◆",
	Stopped:    "■",
	Superseded: "»",
	Skipped:    "–",
	Held:       "⊘",
	Back:       "↩",
	NotReached: "·",
}

// KindOf returns the kind of a status of any of the services.
func KindOf[S ~string](status S) Kind { return view.KindOf(status) }
