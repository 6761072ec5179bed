package custom

import (
	"errors"

	cp "slipway/api/codepipeline"
)

// Job is work for a job worker: one try of an action, or of a part of it. It is decided about here without I/O.
type Job struct {
	ID        string `json:"id"`
	Pipeline  string `json:"pipeline"`
	Execution string `json:"execution"`
	Run       string `json:"run"`    // the action execution
	Number    int64  `json:"number"` // in the action execution, from 1
	Stage     string `json:"stage"`
	Action    string `json:"action"`

	Type          cp.ActionTypeId       `json:"type"`
	Configuration map[string]string     `json:"configuration,omitempty"` // secrets are sealed
	Inputs        []cp.ArtifactDetail   `json:"inputs,omitempty"`
	Outputs       []cp.ArtifactDetail   `json:"outputs,omitempty"`
	Revisions     []cp.ArtifactRevision `json:"revisions,omitempty"`
	Role          string                `json:"role,omitempty"`
	OwnRole       string                `json:"ownRole,omitempty"`

	Continuation string              `json:"continuation,omitempty"` // of the job before it
	Told         cp.ExecutionDetails `json:"told,omitzero"`          // what workers told of the action by now
	State        cp.JobStatus        `json:"state"`
	Nonce        string              `json:"nonce,omitempty"`     // of whom it was handed to last
	Abandoned    bool                `json:"abandoned,omitempty"` // it failed because nobody wants its result
	Worker       string              `json:"worker,omitempty"`    // the ARN of who acknowledged it
	Created      int64               `json:"created"`             // Unix milliseconds, as all times here
	Handed       int64               `json:"handed,omitempty"`
	Ended        int64               `json:"ended,omitempty"`

	Variables map[string]string   `json:"variables,omitempty"`
	Revision  *cp.CurrentRevision `json:"revision,omitempty"`
	Failure   *cp.FailureDetails  `json:"failure,omitempty"`
}

// Errors of requests that do not fit the state of a job.
var (
	ErrNonce = errors.New("the nonce is not that of the worker who has the job")
	ErrState = errors.New("the job is not in progress")
)

// acknowledgeWithin is how long a worker has to acknowledge a job before another poll may return it, in milliseconds.
const acknowledgeWithin = 60_000

// World is what a decision may know of the world.
type World struct {
	Now   int64 // Unix milliseconds
	NewID func() string
}

// Over reports whether the job has ended.
func (j *Job) Over() bool {
	switch j.State {
	case cp.JobStatusSucceeded, cp.JobStatusFailed, cp.JobStatusTimedOut:
		return true
	}
	return false
}

// Visible is from when on a poll may return the job. It reports false for one that was acknowledged or has ended.
func (j *Job) Visible() (int64, bool) {
	switch j.State {
	case cp.JobStatusQueued:
		return j.Created, true
	case cp.JobStatusDispatched:
		return j.Handed + acknowledgeWithin, true
	}
	return 0, false
}

// Hand gives the job to a worker, under a nonce of its own, if a poll may return it by now. Who had it before and did
// not acknowledge it cannot do so any more.
func (j *Job) Hand(w World) bool {
	at, ok := j.Visible()
	if !ok || at > w.Now {
		return false
	}
	j.State, j.Nonce, j.Handed = cp.JobStatusDispatched, w.NewID(), w.Now
	return true
}

// Acknowledge lets the worker who has the nonce keep the job. Acknowledged again with the same nonce nothing changes,
// so that a worker who did not hear the answer may repeat the request.
func (j *Job) Acknowledge(nonce, by string) error {
	switch {
	case j.Nonce == "" || nonce != j.Nonce:
		return ErrNonce
	case j.State == cp.JobStatusDispatched:
		j.State, j.Worker = cp.JobStatusInProgress, by
	}
	return nil
}

// Success is what a worker tells of a job that it has done.
type Success struct {
	Continuation string // for one that goes on in another job; "" otherwise
	Told         *cp.ExecutionDetails
	Variables    map[string]string
	Revision     *cp.CurrentRevision
}

// Succeed ends the job. With a continuation token the job that goes on with the action is returned.
func (j *Job) Succeed(in Success, w World) (next *Job, err error) {
	if j.State != cp.JobStatusInProgress {
		return nil, ErrState
	}
	j.tell(in.Told)
	j.State, j.Ended = cp.JobStatusSucceeded, w.Now
	j.Variables, j.Revision = in.Variables, in.Revision
	if in.Continuation == "" {
		return nil, nil //nolint:nilnil // nothing follows
	}
	follows := *j
	follows.ID, follows.Number = w.NewID(), j.Number+1
	follows.State, follows.Continuation = cp.JobStatusQueued, in.Continuation
	follows.Nonce, follows.Worker, follows.Variables, follows.Revision = "", "", nil, nil
	follows.Created, follows.Handed, follows.Ended = w.Now, 0, 0
	return &follows, nil
}

// tell keeps what a worker told. What it left out stays.
func (j *Job) tell(d *cp.ExecutionDetails) {
	if d == nil {
		return
	}
	if d.Summary != nil {
		j.Told.Summary = d.Summary
	}
	if d.ExternalExecutionId != nil {
		j.Told.ExternalExecutionId = d.ExternalExecutionId
	}
	if d.PercentComplete != nil {
		j.Told.PercentComplete = d.PercentComplete
	}
}

// Fail ends the job as the worker's failure.
func (j *Job) Fail(details cp.FailureDetails, w World) error {
	if j.State != cp.JobStatusInProgress {
		return ErrState
	}
	j.refuse(details, w)
	return nil
}

// refuse ends a job that has not ended as failed, whoever has it.
func (j *Job) refuse(details cp.FailureDetails, w World) {
	j.tell(&cp.ExecutionDetails{ExternalExecutionId: details.ExternalExecutionId})
	j.State, j.Failure, j.Ended = cp.JobStatusFailed, &details, w.Now
}

// TimeOut ends a job that nobody ended in time. It reports false if it has ended.
func (j *Job) TimeOut(w World) bool {
	if j.Over() {
		return false
	}
	j.State, j.Ended = cp.JobStatusTimedOut, w.Now
	return true
}

// Abandon ends a job whose result nobody wants any more. It reports false if it has ended.
func (j *Job) Abandon(w World) bool {
	if j.Over() {
		return false
	}
	j.State, j.Abandoned, j.Ended = cp.JobStatusFailed, true, w.Now
	return true
}
