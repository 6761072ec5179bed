package engine

import (
	"maps"
	"slices"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// Reconcile advances a pipeline as far as it can go without outside help, and returns what is to be done outside.
// Reconciling again, with nothing new, changes nothing.
func Reconcile(p *Pipeline, w World) []Effect {
	r := &reconciler{p, w, nil}
	r.unaskable()
	for r.pass() {
	}
	return r.effects
}

// unaskable abandons approvals whose action the definition no longer has: no page or API names them, so that they could
// not be given. Other running actions of a changed definition end by themselves ("Edit a pipeline" in the CodePipeline
// user guide).
func (r *reconciler) unaskable() {
	declared := map[[2]string]bool{}
	for i := range r.Declaration.Stages {
		stage := &r.Declaration.Stages[i]
		for j := range stage.Actions {
			declared[[2]string{*stage.Name, *stage.Actions[j].Name}] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(r.Executions)) {
		e := r.Executions[id]
		for _, run := range e.Runs {
			if e.Ended() || !run.Asks() || declared[[2]string{*run.StageName, *run.ActionName}] {
				continue
			}
			run.Status, run.LastUpdateTime = cp.ActionExecutionStatusAbandoned, awsproto.At(r.w.Now)
			run.Output = &cp.ActionExecutionOutput{
				ExecutionResult: &cp.ActionExecutionResult{
					ExternalExecutionSummary: new("The pipeline was changed and no longer has this approval"),
				},
			}
			r.touch(e)
			r.effects = append(r.effects, Effect{AbandonAction, id, *run.ActionExecutionId})
		}
	}
}

type reconciler struct {
	*Pipeline
	w       World
	effects []Effect
}

// pass goes over the stages once, the last first, so that a stage is free before the one behind it moves on. It
// reports whether anything changed.
func (r *reconciler) pass() bool {
	changed := false
	for i, stage := range slices.Backward(r.Declaration.Stages) {
		s := r.stage(*stage.Name)
		for _, e := range r.inside(s, *stage.Name) {
			changed = r.progress(i, e) || changed
		}
		r.forget(s, *stage.Name)
		changed = r.admit(*stage.Name, s) || changed
	}
	return r.strays() || changed
}

func (r *reconciler) stage(name string) *Stage {
	s := r.Stages[name]
	if s == nil {
		s = &Stage{}
		r.Stages[name] = s
	}
	return s
}

func (r *reconciler) touch(e *Execution) { e.Updated = awsproto.At(r.w.Now) }

// progress moves the execution inside stage i on, and reports whether anything changed.
func (r *reconciler) progress(i int, e *Execution) bool {
	stage := &r.Declaration.Stages[i]
	v := e.Stages[*stage.Name]
	running := e.running(*stage.Name)
	if e.Status == cp.PipelineExecutionStatusStopping {
		if running > 0 {
			return false
		}
		r.leave(e, v, cp.StageExecutionStatusStopped, cp.PipelineExecutionStatusStopped)
		return true
	}
	if r.outmoded(e) {
		if running > 0 {
			return false
		}
		r.endChecks(e, cp.ConditionExecutionStatusCancelled)
		r.leave(e, v, cp.StageExecutionStatusCancelled, cp.PipelineExecutionStatusCancelled)
		e.StatusSummary = new(r.modeChanged(e))
		return true
	}
	if c, changed := r.check(stage, e, v, BeforeEntry); c.checking() {
		return changed
	} else if c.failed() {
		r.refuse(i, e, v, c)
		return true
	}
	return r.work(i, e, v, running)
}

// work runs the actions of stage i, one run order after another, and then takes the execution out of the stage.
func (r *reconciler) work(i int, e *Execution, v *Visit, running int) bool {
	v.Entering = false
	stage := &r.Declaration.Stages[i]
	for _, order := range runOrders(stage) {
		g := e.group(stage, order)
		switch {
		case g.failed && running > 0: // one of the group, or an action that the definition no longer has
			return false
		case g.failed:
			return r.failed(stage, e, v)
		case len(g.start) > 0:
			for _, a := range g.start {
				r.start(e, stage, a)
			}
			return true
		case g.pending:
			return false
		}
	}
	if running > 0 {
		return false
	}
	if c, changed := r.check(stage, e, v, OnSuccess); c.checking() {
		return changed
	} else if c.failed() {
		r.undo(i, e, v, c)
		return true
	}
	r.moveOn(i, e, v)
	return true
}

// group is how the actions of one run order stand in an execution's present try of their stage.
type group struct {
	start           []*cp.ActionDeclaration // those that have not run
	pending, failed bool                    // whether one is in progress, or failed
}

func (e *Execution) group(stage *cp.StageDeclaration, order int32) group {
	var g group
	for j := range stage.Actions {
		a := &stage.Actions[j]
		if runOrder(a) != order {
			continue
		}
		switch run := e.current(*stage.Name, *a.Name); {
		case run == nil:
			g.start = append(g.start, a)
		case run.Status == cp.ActionExecutionStatusInProgress:
			g.pending = true
		case run.Status != cp.ActionExecutionStatusSucceeded:
			g.failed = true
		}
	}
	return g
}

// moveOn takes an execution whose stage succeeded to the next one. A rollback ends with its stage.
func (r *reconciler) moveOn(i int, e *Execution, v *Visit) {
	v.Status = cp.StageExecutionStatusSucceeded
	r.touch(e)
	if !e.Rollback() {
		r.stage(*r.Declaration.Stages[i].Name).Good = e.id()
	}
	r.advance(i, e)
}

// advance takes an execution that is done with a stage to the next one, or to its end.
func (r *reconciler) advance(i int, e *Execution) {
	r.touch(e)
	if i+1 == len(r.Declaration.Stages) || e.Rollback() {
		e.Status = cp.PipelineExecutionStatusSucceeded
		return
	}
	r.wait(*r.Declaration.Stages[i+1].Name, e)
}

func (r *reconciler) leave(e *Execution, v *Visit, stage cp.StageExecutionStatus, status cp.PipelineExecutionStatus) {
	v.Status, e.Status = stage, status
	r.touch(e)
}

func (r *reconciler) start(e *Execution, stage *cp.StageDeclaration, a *cp.ActionDeclaration) {
	id := r.w.NewID()
	run := &Run{ActionExecutionDetail: cp.ActionExecutionDetail{
		PipelineExecutionId: e.PipelineExecutionId, ActionExecutionId: &id, PipelineVersion: r.Declaration.Version,
		StageName: stage.Name, ActionName: a.Name, StartTime: awsproto.At(r.w.Now),
		LastUpdateTime: awsproto.At(r.w.Now),
		Status:         cp.ActionExecutionStatusInProgress,
		Input: &cp.ActionExecutionInput{
			ActionTypeId:  a.ActionTypeId,
			Configuration: a.Configuration,
			RoleArn:       a.RoleArn,
			Region:        a.Region,
			Namespace:     a.Namespace,
		},
	}}
	if a.ActionTypeId.Category == cp.ActionCategoryApproval {
		run.Token = new(r.w.NewID())
	}
	run.Action, run.Role = a, r.Declaration.RoleArn
	e.Runs = append(e.Runs, run)
	if s := r.stage(*stage.Name); s.Latest == e.id() {
		if s.Actions == nil {
			s.Actions = map[string]string{}
		}
		s.Actions[*a.Name] = e.id()
	}
	r.touch(e)
	r.effects = append(r.effects, Effect{StartAction, e.id(), id})
}

// strays ends executions that wait nowhere and are in no stage: their stage went out of the definition, they were
// stopped while they waited, or the execution mode was changed.
func (r *reconciler) strays() bool {
	held := map[string]bool{}
	changed := false
	for _, stage := range r.Declaration.Stages {
		s := r.stage(*stage.Name)
		for _, id := range s.Inbound {
			if e := r.Executions[id]; !r.mayWait(e) {
				s.Inbound, changed = s.Inbound.without(id), true
				continue
			}
			held[id] = true
		}
		for _, e := range r.inside(s, *stage.Name) {
			held[e.id()] = true
		}
	}
	for id, e := range r.Executions {
		if held[id] || e.Ended() {
			continue
		}
		if slices.ContainsFunc(
			e.Runs, func(run *Run) bool { return run.Status == cp.ActionExecutionStatusInProgress }) {
			continue // it ends when its last action does
		}
		changed = true
		r.cancel(e)
	}
	return changed
}

// cancel ends an execution that has no place in the definition any more. Source: PipelineExecution in the CodePipeline
// API reference: "Cancelled: The pipeline's definition was updated before the pipeline execution could be completed."
func (r *reconciler) cancel(e *Execution) {
	r.endChecks(e, cp.ConditionExecutionStatusCancelled)
	left, status, stage := "", cp.PipelineExecutionStatusCancelled, cp.StageExecutionStatusCancelled
	if e.Status == cp.PipelineExecutionStatusStopping {
		status, stage = cp.PipelineExecutionStatusStopped, cp.StageExecutionStatusStopped
	}
	for _, name := range slices.Sorted(maps.Keys(e.Stages)) {
		if v := e.Stages[name]; v.Status == cp.StageExecutionStatusInProgress ||
			v.Status == cp.StageExecutionStatusStopping {
			v.Status, left = stage, name
		}
	}
	if e.Status = status; status == cp.PipelineExecutionStatusCancelled {
		e.StatusSummary = new(r.whyCancelled(e, left))
	}
	r.touch(e)
}

// whyCancelled says what change of the pipeline left an execution without a place; left is the stage that it was in.
func (r *reconciler) whyCancelled(e *Execution, left string) string {
	switch {
	case r.outmoded(e):
		return r.modeChanged(e)
	case left != "":
		return "The pipeline was changed: the stage " + left +
			", which the execution was in, is no longer part of it"
	}
	return "The pipeline was changed: the stage that the execution waited for is no longer part of it"
}

func runOrder(a *cp.ActionDeclaration) int32 {
	if a.RunOrder == nil {
		return 1
	}
	return *a.RunOrder
}

func runOrders(stage *cp.StageDeclaration) []int32 {
	var orders []int32
	for i := range stage.Actions {
		orders = append(orders, runOrder(&stage.Actions[i]))
	}
	slices.Sort(orders)
	return slices.Compact(orders)
}
