// Package batch decides about batches of builds: which builds start when others end, and how a batch ends. It does
// nothing itself.
package batch

import (
	"slices"

	"slipway/api/codebuild"
)

// Download is the identifier of a batch's first build, which fetches the source and reads which builds follow.
const Download = "DOWNLOAD_SOURCE"

// Stage is how far a batch has come.
type Stage string

// Stages.
const (
	Downloading Stage = "downloading" // its first build runs
	Running     Stage = "running"     // its builds run
	Combining   Stage = "combining"   // their artifacts are put together
	Over        Stage = "over"
)

// Part is one build of a batch.
type Part struct {
	Identifier    string   `json:"identifier"`
	DependsOn     []string `json:"dependsOn,omitzero"`
	IgnoreFailure bool     `json:"ignoreFailure,omitzero"`
	// Status is "" for a build that has not started, and IN_PROGRESS until it ends.
	Status codebuild.StatusType `json:"status,omitzero"`
	// Skipped says that it never starts: what it depends on failed, or the batch ends.
	Skipped bool `json:"skipped,omitzero"`
	// Build is its ID. Whoever starts the build sets it; Prior are those of earlier tries.
	Build string   `json:"build,omitzero"`
	Prior []string `json:"prior,omitzero"`
}

// State is what decisions about a batch are made from.
type State struct {
	Stage    Stage `json:"stage"`
	FastFail bool  `json:"fastFail,omitzero"`
	Combine  bool  `json:"combine,omitzero"`
	// Ending is how the batch ends once no build of it runs any more; nil while nothing decides that.
	Ending *End `json:"ending,omitzero"`
	// Parts begin with the one that downloads the source.
	Parts []Part `json:"parts"`
}

// Begin is a batch that nothing of has run. Its first build is to start.
func Begin(combine bool) Decision {
	return Decision{
		State: State{Stage: Downloading, Combine: combine,
			Parts: []Part{{Identifier: Download, Status: codebuild.StatusTypeInProgress}}},
		Changed: true, Start: []int{0},
	}
}

// Event is something that happened to a batch.
type Event interface{ event() }

// Events.
type (
	// Ended is the end of a build, of whatever try.
	Ended struct {
		Build  string
		Status codebuild.StatusType
	}
	// Read is the end of the build that downloads the source: the builds that follow are known. Refusal says why none
	// of them may run.
	Read struct {
		Build    string
		FastFail bool
		Parts    []Part
		Refusal  string
	}
	// Refused is a batch that cannot go on, in words.
	Refused struct{ Message string }
	// Stop is StopBuildBatch.
	Stop struct{}
	// Timeout is the end of the time that a batch may take.
	Timeout struct{ Minutes int32 }
	// Combined is the end of putting artifacts together; Error is "" if it succeeded.
	Combined struct{ Error string }
	// Retry begins a batch that did not succeed once more: all of its builds, or those that did not succeed.
	Retry struct{ All bool }
)

func (Ended) event()    {}
func (Read) event()     {}
func (Refused) event()  {}
func (Stop) event()     {}
func (Timeout) event()  {}
func (Combined) event() {}
func (Retry) event()    {}

// End is how a batch ends.
type End struct {
	Status  codebuild.StatusType `json:"status"`
	Code    string               `json:"code,omitzero"`
	Message string               `json:"message,omitzero"`
}

// Decision is what follows from an event.
type Decision struct {
	State   State
	Changed bool
	// Start are the places of parts whose builds are to start now.
	Start []int
	// Halt are the IDs of builds that are to be stopped.
	Halt []string
	// Combine says that artifacts are to be put together.
	Combine bool
	// End is how the batch ends, now.
	End *End
}

// Unstarted is the state of a decision without what it starts.
func (d Decision) Unstarted() State {
	s := d.State
	s.Parts = slices.Clone(s.Parts)
	for _, i := range d.Start {
		s.Parts[i].Status = ""
	}
	return s
}
