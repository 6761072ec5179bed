package terminal

// Kind is a state as a person sees it: a colour, a sign and a word.
type Kind string

// Kinds of states.
const (
	Plain      Kind = ""
	Queued     Kind = "queued"
	Running    Kind = "running"
	Succeeded  Kind = "succeeded"
	Failed     Kind = "failed"
	Waiting    Kind = "waiting"
	Stopped    Kind = "stopped"
	Superseded Kind = "superseded"
	Closed     Kind = "closed" // a transition
	NotReached Kind = "not reached"
	Faint      Kind = "faint" // of less weight
	Strong     Kind = "strong"
)

// styles are SGR parameters: the terminal's own colours, so that its theme holds.
var styles = map[Kind]string{Queued: "2;36", Running: "36", Succeeded: "32", Failed: "1;31", Waiting: "1;33", Stopped: "35", Superseded: "2", Closed: "35", NotReached: "2", Faint: "2", Strong: "1"}

var signs = map[Kind]string{Queued: "○", Running: "●", Succeeded: "✓", Failed: "✗", Waiting: "◆", Stopped: "■", Superseded: "»", Closed: "⊘", NotReached: "·"}

// KindOf tells the kind of a status of any of the services.
func KindOf[S ~string](status S) Kind {
	switch string(status) {
	case "InProgress", "IN_PROGRESS", "Stopping", "Baking", "SHIFTING", "WAITING", "ANALYSING", "ROLLING_BACK":
		return Running
	case "Ready", "ASKING": // somebody has to continue it
		return Waiting
	case "Succeeded", "SUCCEEDED", "PROMOTED":
		return Succeeded
	case "Failed", "FAILED", "FAULT", "TIMED_OUT", "ERROR", "ROLLED_BACK":
		return Failed
	case "Stopped", "STOPPED", "Abandoned", "Cancelled":
		return Stopped
	case "Superseded", "Skipped", "SKIPPED":
		return Superseded
	case "Created", "Queued", "Pending", "GENERATING", "INCOMPLETE":
		return Queued
	}
	return NotReached
}
