package web

// Kind is one of the states that the visual language knows: a shape, a colour, and always a word.
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
	Held       Kind = "held" // a transition that is closed
	Watch      Kind = "watch"
	Back       Kind = "back" // what was rolled back
)

// kindOf tells the kind of a status of any of the services.
func kindOf(status string) Kind {
	switch status {
	case "InProgress", "IN_PROGRESS", "Stopping", "Baking":
		return Running
	case "Ready": // a deployment that somebody has to continue
		return Waiting
	case "Succeeded", "SUCCEEDED":
		return Succeeded
	case "Failed", "FAILED", "FAULT", "TIMED_OUT", "ERROR":
		return Failed
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

// word is how a kind is called where nothing better is known.
func (k Kind) word() string {
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
