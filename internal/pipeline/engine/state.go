// Package engine decides what a pipeline does next. It is pure: state in, state and effects out; no I/O, no clock, no
// goroutine. Rules: "How pipeline executions work" in the CodePipeline user guide.
package engine

import (
	"encoding/json"
	"iter"
	"slices"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// Pipeline is all that the decider looks at: the definition, where its stages stand, and the executions that these
// name.
type Pipeline struct {
	Declaration *cp.PipelineDeclaration
	// Sequence is that of the newest execution.
	Sequence   int64
	Stages     map[string]*Stage
	Executions map[string]*Execution
}

// Stage is where a stage stands between reconciliations.
type Stage struct {
	// Latest is the execution in the stage, or the last one that was.
	Latest string `json:"latest,omitzero"`
	// Holders are executions in the stage besides Latest: of the mode PARALLEL, or left from another mode.
	Holders []string `json:"holders,omitzero"`
	// Inbound waits before the stage. In the mode SUPERSEDED a newer one takes its place.
	Inbound Queue `json:"inbound,omitzero"`
	// Transition is set once the transition into the stage was closed or opened.
	Transition *cp.TransitionState `json:"transition,omitzero"`
	// Good is the newest execution that succeeded in the stage and was no rollback.
	Good string `json:"good,omitzero"`
	// Actions holds, for each action of the stage, the execution that ran it last.
	Actions map[string]string `json:"actions,omitzero"`
	// Attention is how much the execution in the stage needs. The package that stores pipelines keeps it; it decides
	// nothing.
	Attention Attention `json:"attention,omitzero"`
}

// Queue are the IDs of executions that wait before a stage. The first enters first.
type Queue []string

// UnmarshalJSON reads a list, and the one ID that earlier versions stored instead.
func (q *Queue) UnmarshalJSON(text []byte) error {
	var one string
	if err := json.Unmarshal(text, &one); err == nil {
		*q = nil
		if one != "" {
			*q = Queue{one}
		}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(q))
}

// IsZero reports whether nothing waits; it leaves an empty queue out of the stored form.
func (q Queue) IsZero() bool { return len(q) == 0 }

// First is the execution that enters next, or "".
func (q Queue) First() string {
	if len(q) == 0 {
		return ""
	}
	return q[0]
}

// without is the queue without an execution.
func (q Queue) without(id string) Queue {
	return slices.DeleteFunc(slices.Clone(q), func(other string) bool { return other == id })
}

// Attention is how urgently a person has to look at something.
type Attention int

// From nothing to most.
const (
	AtRest Attention = iota
	Moves
	Asks // waits for an approval
	Failed
)

// Closed reports whether the transition into the stage is disabled.
func (s *Stage) Closed() bool { return s.Transition != nil && !*s.Transition.Enabled }

// Execution is a pipeline execution: what the API shows of it, and what the engine needs besides.
type Execution struct {
	cp.PipelineExecution
	// Sequence is the order in which the executions of a pipeline started.
	Sequence int64          `json:"sequence"`
	Started  *awsproto.Time `json:"started,omitzero"`
	Updated  *awsproto.Time `json:"updated,omitzero"`
	// Stages holds, for each stage that the execution entered, how it went.
	Stages map[string]*Visit `json:"stages,omitzero"`
	// Runs are the action executions, in the order in which they started; a retried action has several.
	Runs []*Run `json:"runs,omitzero"`
	// Rules are the rule executions, in the order in which they started.
	Rules []*Rule `json:"rules,omitzero"`
	// Inherited are the runs of a rollback's target whose artifacts and variables the rollback works with.
	Inherited  []*Run                      `json:"inherited,omitzero"`
	StopReason *string                     `json:"stopReason,omitzero"`
	Sources    []cp.SourceRevisionOverride `json:"sources,omitzero"`
	Revisions  []cp.SourceRevision         `json:"revisions,omitzero"`
	// Announced are the revisions that PutActionRevision has told, by action.
	Announced map[string]*cp.ActionRevision `json:"announced,omitzero"`
}

// Visit is an execution's stay in a stage.
type Visit struct {
	Status cp.StageExecutionStatus `json:"status"`
	// Retries counts manual retries, and Auto automatic ones.
	Retries int             `json:"retries,omitzero"`
	Auto    int             `json:"auto,omitzero"`
	Retried cp.RetryTrigger `json:"retried,omitzero"` // what started the newest retry
	// Since is the index in Runs from which runs count for this visit's present try; those of succeeded actions before
	// it count too, unless all actions are retried.
	Since int  `json:"since,omitzero"`
	All   bool `json:"all,omitzero"`
	// Entering is true until the entry condition has been passed.
	Entering bool `json:"entering,omitzero"`
	// Checks are the conditions of this try that have been checked, or are.
	Checks map[When]*Check `json:"checks,omitzero"`
}

// Run is one execution of an action.
type Run struct {
	cp.ActionExecutionDetail
	// Action is the action as it was declared when the run started.
	Action *cp.ActionDeclaration `json:"action,omitzero"`
	// Role is the pipeline's service role when the run started.
	Role *string `json:"role,omitzero"`
	// Outputs are where its output artifacts go, from its start on.
	Outputs []cp.ArtifactDetail `json:"outputs,omitzero"`
	// Percent is how much of it is done, as far as what does its work tells.
	Percent *int32 `json:"percent,omitzero"`
	// Worked is the revision that it says it has worked on, if it is no source.
	Worked *cp.ActionRevision `json:"worked,omitzero"`
	// Token proves, with an approval, that the approver saw this very execution.
	Token *string `json:"token,omitzero"`
}

// Asks reports whether the run is an approval that waits for a person.
func (r *Run) Asks() bool { return r.Token != nil && r.Status == cp.ActionExecutionStatusInProgress }

func (e *Execution) id() string { return *e.PipelineExecutionId }

// Ended reports whether the execution will do nothing more by itself.
func (e *Execution) Ended() bool {
	return e.Status != cp.PipelineExecutionStatusInProgress && e.Status != cp.PipelineExecutionStatusStopping
}

// Run returns an action execution by its ID, or nil.
func (e *Execution) Run(id string) *Run {
	for _, r := range e.Runs {
		if *r.ActionExecutionId == id {
			return r
		}
	}
	return nil
}

// current is the run of an action that counts in the execution's present try of a stage, or nil.
func (e *Execution) current(stage, action string) *Run {
	v := e.Stages[stage]
	for i, r := range slices.Backward(e.Runs) {
		if *r.StageName != stage || *r.ActionName != action {
			continue
		}
		if i >= v.Since || !v.All && r.Status == cp.ActionExecutionStatusSucceeded {
			return r
		}
		return nil
	}
	return nil
}

// Latest returns the newest run of an action, whatever became of it, or nil.
func (e *Execution) Latest(stage, action string) *Run {
	for _, r := range slices.Backward(e.Runs) {
		if *r.StageName == stage && *r.ActionName == action {
			return r
		}
	}
	return nil
}

// Made yields the runs whose artifacts and variables an execution works with, the newest first.
func (e *Execution) Made() iter.Seq[*Run] {
	return func(yield func(*Run) bool) {
		for _, runs := range [][]*Run{e.Runs, e.Inherited} {
			for _, r := range slices.Backward(runs) {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// running counts the action executions in progress in a stage.
func (e *Execution) running(stage string) (n int) {
	for _, r := range e.Runs {
		if *r.StageName == stage && r.Status == cp.ActionExecutionStatusInProgress {
			n++
		}
	}
	return n
}

// Effect is something to do outside: start an action or a rule, or stop waiting for one. It is done at least once, and
// is recognised by Run, the ID of the action or rule execution.
type Effect struct {
	Kind      EffectKind
	Execution string
	Run       string
}

// EffectKind tells effects apart.
type EffectKind string

const (
	// StartAction begins an action execution.
	StartAction EffectKind = "start"
	// AbandonAction stops what was started for an action, or leaves it, as its provider can.
	AbandonAction EffectKind = "abandon"
	// StartRule begins a rule execution.
	StartRule EffectKind = "start-rule"
	// AbandonRule leaves a rule execution.
	AbandonRule EffectKind = "abandon-rule"
)

// World is what a decision may know of now.
type World struct {
	Now   time.Time
	NewID func() string
}
