package engine

import (
	"slices"

	cp "slipway/api/codepipeline"
)

// maxExecutions is how many executions may wait in the mode QUEUED, and how many may run in the mode PARALLEL
// ("Quotas in CodePipeline").
const maxExecutions = 50

// Mode is the execution mode of a pipeline.
func (p *Pipeline) Mode() cp.ExecutionMode {
	if p.Declaration.ExecutionMode == "" {
		return cp.ExecutionModeSuperseded
	}
	return p.Declaration.ExecutionMode
}

// mode is the execution mode that the execution started in. It keeps to it when the pipeline's changes.
func (e *Execution) mode() cp.ExecutionMode {
	if e.ExecutionMode == "" {
		return cp.ExecutionModeSuperseded
	}
	return e.ExecutionMode
}

// Alone reports whether the execution shares no stage with another. Only those of the mode PARALLEL do.
func (e *Execution) Alone() bool { return e.mode() != cp.ExecutionModeParallel }

// Full reports whether a pipeline takes no further execution in its mode.
func Full(p *Pipeline) bool {
	waiting, running := 0, 0
	for _, s := range p.Stages {
		waiting += len(s.Inbound)
	}
	for _, e := range p.Executions {
		if !e.Ended() && !e.Alone() {
			running++
		}
	}
	switch p.Mode() {
	case cp.ExecutionModeQueued:
		return waiting >= maxExecutions
	case cp.ExecutionModeParallel:
		return running >= maxExecutions
	}
	return false
}

// outmoded reports whether the pipeline's mode was changed under an execution: it ends as cancelled once its running
// actions have ended. Executions of the mode PARALLEL depend on nothing and go on. Source: "Set or change the pipeline
// execution mode" in the CodePipeline user guide.
func (r *reconciler) outmoded(e *Execution) bool {
	return e.Alone() && !e.Rollback() && e.mode() != r.Mode()
}

func (r *reconciler) modeChanged(e *Execution) string {
	return "The pipeline was changed: its execution mode is now " + string(r.Mode()) +
		", and the execution started in the mode " + string(e.mode())
}

// inside are the executions that hold a stage.
func (r *reconciler) inside(s *Stage, name string) []*Execution {
	var all []*Execution
	if r.holds(s.Latest, name) {
		all = append(all, r.Executions[s.Latest])
	}
	for _, id := range s.Holders {
		if id != s.Latest && r.holds(id, name) {
			all = append(all, r.Executions[id])
		}
	}
	return all
}

// holds reports whether an execution is in a stage.
func (r *reconciler) holds(id, stage string) bool {
	e := r.Executions[id]
	return e != nil && e.in(stage)
}

// in reports whether the execution is in a stage now.
func (e *Execution) in(stage string) bool {
	v := e.Stages[stage]
	return v != nil &&
		(v.Status == cp.StageExecutionStatusInProgress || v.Status == cp.StageExecutionStatusStopping)
}

// forget leaves out of a stage's holders those that have left it.
func (r *reconciler) forget(s *Stage, name string) {
	s.Holders = slices.DeleteFunc(s.Holders, func(id string) bool { return id == s.Latest || !r.holds(id, name) })
	if len(s.Holders) == 0 {
		s.Holders = nil
	}
}

// locked reports whether a stage is held by an execution that shares it with no other of its kind.
func (r *reconciler) locked(s *Stage, name string) bool {
	return slices.ContainsFunc(r.inside(s, name), (*Execution).Alone)
}

// mayWait reports whether an execution may stand before a stage. One that was stopped or outmoded there ends.
func (r *reconciler) mayWait(e *Execution) bool {
	return e != nil && e.Status == cp.PipelineExecutionStatusInProgress && !r.outmoded(e)
}

// admit lets executions into a stage: all that share it, and the first of the others once the stage is free. It reports
// whether any entered.
func (r *reconciler) admit(name string, s *Stage) bool {
	if s.Closed() {
		return false
	}
	changed := false
	for _, id := range slices.Clone(s.Inbound) {
		e := r.Executions[id]
		if !r.mayWait(e) || e.Alone() && r.locked(s, name) {
			continue
		}
		s.Inbound = s.Inbound.without(id)
		r.enter(name, s, e)
		changed = true
	}
	return changed
}

// enter takes an execution into a stage.
func (r *reconciler) enter(name string, s *Stage, e *Execution) {
	r.hold(name, s, e)
	if e.Stages == nil {
		e.Stages = map[string]*Visit{}
	}
	e.Stages[name] = &Visit{Status: cp.StageExecutionStatusInProgress, Since: len(e.Runs), Entering: true}
	r.touch(e)
}

// hold makes an execution one that holds a stage. It is shown as the stage's latest, unless it is left from the mode
// PARALLEL in a pipeline of another mode.
func (r *reconciler) hold(name string, s *Stage, e *Execution) {
	if !e.Alone() && r.Mode() != cp.ExecutionModeParallel {
		s.Holders = append(s.Holders, e.id())
		return
	}
	if s.Latest != e.id() && r.holds(s.Latest, name) {
		s.Holders = append(s.Holders, s.Latest)
	}
	s.Latest = e.id()
}

// wait puts an execution before a stage, behind those that wait there. In the mode SUPERSEDED one waits: of two the
// newer stays, and the other is superseded.
func (r *reconciler) wait(stage string, e *Execution) {
	s := r.stage(stage)
	if e.mode() == cp.ExecutionModeSuperseded {
		for _, id := range s.Inbound {
			other := r.Executions[id]
			switch {
			case !r.mayWait(other) || other.mode() != cp.ExecutionModeSuperseded:
			case other.Sequence > e.Sequence:
				r.supersede(e, other)
				return
			default:
				s.Inbound = s.Inbound.without(id)
				r.supersede(other, e)
			}
		}
	}
	s.Inbound = append(s.Inbound.without(e.id()), e.id())
}

func (r *reconciler) supersede(old, by *Execution) {
	old.Status = cp.PipelineExecutionStatusSuperseded
	old.StatusSummary = new("Superseded by execution " + by.id())
	r.touch(old)
}
