package jenkins

import (
	"fmt"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
)

// Phase is what is done next for a build of Jenkins.
type Phase string

// Phases, in their order.
const (
	Submit     Phase = "submit"     // the build is to be asked for
	Submitting Phase = "submitting" // it may have been asked for: whether it was is to be found out
	Queued     Phase = "queued"     // it is in Jenkins' queue
	Running    Phase = "running"    // its log is followed
	Collect    Phase = "collect"    // it succeeded: what it archived is to become the output artifact
	Over       Phase = "over"
)

// Build is a build of Jenkins that an action waits for. It is decided about here without I/O.
type Build struct {
	Run        string              `json:"run"` // the action execution
	Pipeline   string              `json:"pipeline"`
	Execution  string              `json:"execution"`
	Server     string              `json:"server"`
	Project    string              `json:"project"`
	Parameters map[string]string   `json:"parameters,omitempty"`
	File       string              `json:"file,omitempty"`
	Commit     string              `json:"commit,omitempty"`
	Inputs     []cp.ArtifactDetail `json:"inputs,omitempty"`
	Outputs    []cp.ArtifactDetail `json:"outputs,omitempty"`
	Role       string              `json:"role,omitempty"`
	OwnRole    string              `json:"ownRole,omitempty"`

	Phase   Phase             `json:"phase"`
	Item    int64             `json:"item,omitempty"`   // in Jenkins' queue
	Number  int64             `json:"number,omitempty"` // of the build
	URL     string            `json:"url,omitempty"`
	Say     string            `json:"say,omitempty"`     // what it waits for
	LogAt   int64             `json:"logAt,omitempty"`   // how much of Jenkins' log is in the journal, as Jenkins counts
	LogSize int64             `json:"logSize,omitempty"` // how many bytes the journal had then
	Quiet   int               `json:"quiet,omitempty"`   // how often in a row nothing had changed
	Reached int64             `json:"reached"`           // when Jenkins last answered, in Unix milliseconds
	Ended   int64             `json:"ended,omitempty"`   // Unix milliseconds
	Failure *pipeline.Refusal `json:"failure,omitempty"` // nil once over if it succeeded
}

const (
	// awayFor is how long Jenkins may not answer until the action fails.
	awayFor = time.Hour
	// Bounds of how often Jenkins is asked.
	soon = time.Second
	late = 15 * time.Second
)

// log is where the log of the build goes.
func (b *Build) log() (group, stream string) { return "/aws/codepipeline/" + b.Pipeline, b.Run }

// wait is how long to wait until Jenkins is asked again: twice as long each time that nothing has changed.
func (b *Build) wait() time.Duration {
	d := soon << min(b.Quiet, 4)
	return min(d, late)
}

// Moved notes an answer of Jenkins, and whether anything had changed in it.
func (b *Build) Moved(now time.Time, changed bool) {
	b.Reached = now.UnixMilli()
	if b.Quiet++; changed {
		b.Quiet = 0
	}
}

// Away notes that Jenkins did not answer. The build ends if it has been away for too long.
func (b *Build) Away(now time.Time, err error) {
	b.Quiet++
	b.Say = "Jenkins does not answer: " + err.Error()
	if since := now.Sub(time.UnixMilli(b.Reached)); since > awayFor {
		b.Fail(now, "SystemUnavailable", "Jenkins has not answered for %s: %v", since.Round(time.Minute), err)
	}
}

// Fail ends the build as a failure of the action.
func (b *Build) Fail(now time.Time, code, format string, args ...any) {
	b.Phase, b.Ended = Over, now.UnixMilli()
	b.Failure = &pipeline.Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Enqueued notes that Jenkins took the build.
func (b *Build) Enqueued(now time.Time, item int64) {
	b.Phase, b.Item, b.Say = Queued, item, "Waits in Jenkins' queue"
	b.Moved(now, true)
}

// Item is an item of Jenkins' queue. An executable with a number is the build that came of it.
type Item struct {
	Why        string
	Cancelled  bool
	Executable struct {
		Number int64
		URL    string
	}
}

// Waited notes what became of the item in Jenkins' queue. server is the address of Jenkins and path that of the job.
func (b *Build) Waited(now time.Time, in Item, server, path string) {
	switch {
	case in.Executable.Number > 0:
		b.Began(now, in.Executable.Number, server, path)
	case in.Cancelled:
		b.Fail(now, "JobFailed", "The build of %s was cancelled in Jenkins' queue", b.Project)
	default:
		say := "Waits in Jenkins' queue"
		if in.Why != "" {
			say += ": " + in.Why
		}
		b.Moved(now, say != b.Say)
		b.Say = say
	}
}

// Began notes that the build runs.
func (b *Build) Began(now time.Time, number int64, server, path string) {
	b.Phase, b.Number = Running, number
	b.URL = fmt.Sprintf("%s%s/%d/", server, path, number)
	b.Say = fmt.Sprintf("%s #%d is running", b.Project, number)
	b.Moved(now, true)
}

// Ran notes that the build has ended with a result, and that its log is complete.
func (b *Build) Ran(now time.Time, result string) {
	b.Moved(now, true)
	b.Say = fmt.Sprintf("%s #%d: %s", b.Project, b.Number, result)
	switch {
	case result != "SUCCESS":
		b.Fail(now, "JobFailed", "The build %s #%d of Jenkins ended as %s", b.Project, b.Number, result)
	case len(b.Outputs) > 0:
		b.Phase = Collect
	default:
		b.Phase, b.Ended = Over, now.UnixMilli()
	}
}

// Collected notes that the output artifact is there.
func (b *Build) Collected(now time.Time) { b.Phase, b.Ended = Over, now.UnixMilli() }
