// Package actions runs the steps of GitHub Actions: those of a workflow's jobs, and those of a phase of a buildspec. It
// is a program that runs in the room of a build, where its steps run, too: a sandbox, a container or a working tree.
// The runner gives it a Plan and reads its Result.
//
// Sources: GitHub's documentation ("Workflow syntax", "Contexts reference", "Workflow commands", "Metadata syntax"),
// and where that is silent the behaviour of actions/runner.
package actions

import (
	"encoding/json"

	"slipway/spec/workflow"
)

// Plan is what is to be done. Paths are those that the room's processes see.
type Plan struct {
	File     string // the workflow's name in messages
	Workflow []byte // its text; nil for the steps of a phase
	Job      string // the job that is run; "" for all
	Steps    []workflow.Step

	Endpoint string // of the server, for its repositories; "" without one
	Source   string // the folder of the build's source
	// InPlace says that the jobs run in the source itself, and not each in a folder of its own.
	InPlace bool
	Work    string // a folder for what the driver keeps
	Image   string // of the container that the driver runs in, "" for none

	Repository string // OWNER/NAME
	GitHub     json.RawMessage
	Event      json.RawMessage
	Inputs     map[string]string
	Vars       map[string]string
	Secrets    map[string]string
	// Hidden are variables of the environment that steps do not get: a workflow has its secrets by name alone.
	Hidden []string
	// Actions are the folders of the actions that have been fetched, by OWNER/NAME@REF in lower case.
	Actions map[string]string
	// Missing says why an action has not been fetched.
	Missing map[string]string
	// Fetched says that actions/checkout and the like are those that have been fetched, and not Slipway's own.
	Fetched bool
	// Fold shows a group of the log as one line, unless its step fails.
	Fold bool
	// Services is the socket at which the runner answers, "" if it does not.
	Services  string
	Result    string // the file for the Result
	Artifacts string // the folder for the artifacts, one folder each
}

// Annotation is a message about a place in the source.
type Annotation struct {
	Level   string // error, warning or notice
	Title   string `json:",omitempty"`
	Message string
	File    string `json:",omitempty"`
	Line    int    `json:",omitempty"`
	Column  int    `json:",omitempty"`
}

// Result says how a plan went.
type Result struct {
	Failed bool
	// Job, Step and Message are of the first step that failed.
	Job, Step, Message string
	ExitCode           int
	Ended              []string // how services of that job ended before it
	Annotations        []Annotation
	Outputs            map[string]string // of the job, if there is one only
	Environment        map[string]string // what the steps of a phase leave to the phases after it
	Path               []string          // what they put before PATH, the first first
	Artifacts          []string          // names
}
