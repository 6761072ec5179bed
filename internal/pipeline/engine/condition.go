package engine

import (
	"slices"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// When is the moment at which a condition of a stage is checked.
type When string

// Moments of conditions.
const (
	BeforeEntry When = "beforeEntry"
	OnSuccess   When = "onSuccess"
	OnFailure   When = "onFailure"
)

// Check is how the condition of a moment stands in a visit.
type Check struct {
	Status  cp.ConditionExecutionStatus `json:"status"`
	Summary string                      `json:"summary,omitzero"`
	Changed *awsproto.Time              `json:"changed,omitzero"`
	Result  cp.Result                   `json:"result,omitzero"` // what it engages
	Rules   []string                    `json:"rules,omitzero"`  // IDs of rule executions, as the rules are declared
}

// Rule is one execution of a rule.
type Rule struct {
	cp.RuleExecutionDetail
	When When `json:"when"`
	// Declared is the rule as it was when its execution started.
	Declared *cp.RuleDeclaration `json:"declared"`
	// Role is the pipeline's service role when the execution started.
	Role *string `json:"role,omitzero"`
	// Waits is the ID of what the rule waits for, and URL its page, if it has one.
	Waits string `json:"waits,omitzero"`
	URL   string `json:"url,omitzero"`
}

// InProgress reports whether the rule has not ended.
func (x *Rule) InProgress() bool { return x.Status == cp.RuleExecutionStatusInProgress }

// Rule returns a rule execution by its ID, or nil.
func (e *Execution) Rule(id string) *Rule {
	for _, x := range e.Rules {
		if *x.RuleExecutionId == id {
			return x
		}
	}
	return nil
}

// conditions are those that a stage declares for a moment. There is one at most.
func conditions(stage *cp.StageDeclaration, when When) []cp.Condition {
	switch {
	case when == BeforeEntry && stage.BeforeEntry != nil:
		return stage.BeforeEntry.Conditions
	case when == OnSuccess && stage.OnSuccess != nil:
		return stage.OnSuccess.Conditions
	case when == OnFailure && stage.OnFailure != nil:
		return stage.OnFailure.Conditions
	}
	return nil
}

// Conditions are all that a stage declares.
func Conditions(stage *cp.StageDeclaration) []cp.Condition {
	return slices.Concat(conditions(stage, BeforeEntry), conditions(stage, OnSuccess), conditions(stage, OnFailure))
}

// check checks the condition of a moment: it starts its rules, and sums up how they end. It returns nil if there is no
// condition. A rollback passes all of them: nothing may keep the former version away.
func (r *reconciler) check(stage *cp.StageDeclaration, e *Execution, v *Visit, when When) (c *Check, changed bool) {
	declared := conditions(stage, when)
	c = v.Checks[when]
	switch {
	case c == nil && (len(declared) == 0 || e.Rollback() || when == BeforeEntry && !v.Entering):
		return nil, false
	case c == nil:
		return r.begin(stage, e, v, when, &declared[0]), true
	case c.Status != cp.ConditionExecutionStatusInProgress:
		return c, false
	case len(declared) == 0:
		r.end(e, c, cp.ConditionExecutionStatusCancelled, "The pipeline was changed and no longer has this condition")
		return c, true
	}
	status, summary := e.sum(c)
	if status == cp.ConditionExecutionStatusInProgress {
		return c, false
	}
	r.end(e, c, status, summary)
	return c, true
}

// begin starts all rules of a condition.
func (r *reconciler) begin(
	stage *cp.StageDeclaration,
	e *Execution,
	v *Visit,
	when When,
	declared *cp.Condition,
) *Check {
	c := &Check{
		Status:  cp.ConditionExecutionStatusInProgress,
		Changed: awsproto.At(r.w.Now),
		Result:  declared.Result,
	}
	for i := range declared.Rules {
		d := &declared.Rules[i]
		id := r.w.NewID()
		e.Rules = append(e.Rules, &Rule{
			RuleExecutionDetail: cp.RuleExecutionDetail{
				PipelineExecutionId: e.PipelineExecutionId,
				RuleExecutionId:     &id,
				PipelineVersion:     r.Declaration.Version,
				StageName:           stage.Name,
				RuleName:            d.Name,
				StartTime:           awsproto.At(r.w.Now),
				LastUpdateTime:      awsproto.At(r.w.Now),
				Status:              cp.RuleExecutionStatusInProgress,
				Input: &cp.RuleExecutionInput{
					RuleTypeId:    d.RuleTypeId,
					Configuration: d.Configuration,
					RoleArn:       d.RoleArn,
					Region:        d.Region,
				},
			},
			When:     when,
			Declared: d,
			Role:     r.Declaration.RoleArn,
		})
		c.Rules = append(c.Rules, id)
		r.effects = append(r.effects, Effect{StartRule, e.id(), id})
	}
	if v.Checks == nil {
		v.Checks = map[When]*Check{}
	}
	v.Checks[when] = c
	r.touch(e)
	return c
}

// sum says how a condition stands by its rules: all must succeed, and the first that does not decides.
func (e *Execution) sum(c *Check) (cp.ConditionExecutionStatus, string) {
	status := cp.ConditionExecutionStatusSucceeded
	for _, id := range c.Rules {
		x := e.Rule(id)
		switch {
		case x.InProgress():
			status = cp.ConditionExecutionStatusInProgress
		case x.Status != cp.RuleExecutionStatusSucceeded:
			why := "The rule " + *x.RuleName + " failed"
			if x.Output == nil || x.Output.ExecutionResult == nil {
				return cp.ConditionExecutionStatusFailed, why
			}
			result := x.Output.ExecutionResult
			if result.ExternalExecutionSummary != nil {
				why += ": " + *result.ExternalExecutionSummary
			}
			if result.ErrorDetails != nil {
				return cp.ConditionExecutionStatusErrored, why
			}
			return cp.ConditionExecutionStatusFailed, why
		}
	}
	return status, ""
}

// end ends a condition, and abandons those of its rules that have not ended.
func (r *reconciler) end(e *Execution, c *Check, status cp.ConditionExecutionStatus, summary string) {
	c.Status, c.Summary, c.Changed = status, summary, awsproto.At(r.w.Now)
	for _, id := range c.Rules {
		if x := e.Rule(id); x.InProgress() {
			x.Status, x.LastUpdateTime = cp.RuleExecutionStatusAbandoned, awsproto.At(r.w.Now)
			r.effects = append(r.effects, Effect{AbandonRule, e.id(), id})
		}
	}
	r.touch(e)
}

// endChecks ends the conditions of an execution that are being checked.
func (r *reconciler) endChecks(e *Execution, status cp.ConditionExecutionStatus) {
	for _, v := range e.Stages {
		for _, when := range []When{BeforeEntry, OnSuccess, OnFailure} {
			if c := v.Checks[when]; c != nil && c.Status == cp.ConditionExecutionStatusInProgress {
				r.end(e, c, status, "")
			}
		}
	}
}

// checking reports whether a condition is being checked.
func (c *Check) checking() bool { return c != nil && c.Status == cp.ConditionExecutionStatusInProgress }

// failed reports whether a condition does not hold, so that its result engages (that of a failure engages if it holds).
func (c *Check) failed() bool {
	return c != nil &&
		(c.Status == cp.ConditionExecutionStatusFailed || c.Status == cp.ConditionExecutionStatusErrored)
}

// passed reports whether a condition holds, or a person said that it need not.
func (c *Check) passed() bool {
	return c != nil &&
		(c.Status == cp.ConditionExecutionStatusSucceeded || c.Status == cp.ConditionExecutionStatusOverridden)
}

// refuse keeps an execution out of a stage whose entry condition failed: the stage fails, or is skipped.
func (r *reconciler) refuse(i int, e *Execution, v *Visit, c *Check) {
	if c.Result == cp.ResultSkip {
		v.Status = cp.StageExecutionStatusSkipped
		r.advance(i, e)
		return
	}
	r.leave(e, v, cp.StageExecutionStatusFailed, cp.PipelineExecutionStatusFailed)
	e.StatusSummary = new("The entry condition of stage " + *r.Declaration.Stages[i].Name + " failed. " + c.Summary)
}

// undo fails a stage whose success condition failed, and rolls it back if the condition says so.
func (r *reconciler) undo(i int, e *Execution, v *Visit, c *Check) {
	name := *r.Declaration.Stages[i].Name
	r.leave(e, v, cp.StageExecutionStatusFailed, cp.PipelineExecutionStatusFailed)
	e.StatusSummary = new("The success condition of stage " + name + " failed. " + c.Summary)
	if c.Result == cp.ResultRollback {
		r.rollBack(name, e)
	}
}

// RuleResult is how a rule ended: Succeeded or Failed.
type RuleResult struct {
	Status cp.RuleExecutionStatus
	Output cp.RuleExecutionResult
}

// FinishRule ends a rule execution; ErrRunEnded if it ended before, and the first end counts.
func FinishRule(p *Pipeline, execution, rule string, result RuleResult, w World) ([]Effect, error) {
	e := p.Executions[execution]
	if e == nil {
		return nil, ErrExecutionNotFound
	}
	x := e.Rule(rule)
	if x == nil {
		return nil, ErrNoRun
	}
	if !x.InProgress() {
		return nil, ErrRunEnded
	}
	x.Status, x.LastUpdateTime = result.Status, awsproto.At(w.Now)
	x.Output = &cp.RuleExecutionOutput{ExecutionResult: &result.Output}
	e.Updated = awsproto.At(w.Now)
	return Reconcile(p, w), nil
}

// Override lets an execution into or out of a stage whose condition has failed, or is being checked.
func Override(p *Pipeline, stage, execution string, when When, by string, w World) ([]Effect, error) {
	r := &reconciler{p, w, nil}
	s, e := p.Stages[stage], p.Executions[execution]
	if s == nil || e == nil || e.Alone() && s.Latest != execution {
		return nil, ErrNotLatest
	}
	v := e.Stages[stage]
	if v == nil {
		return nil, ErrNotLatest
	}
	c := v.Checks[when]
	if err := r.mayOverride(stage, e, v, c); err != nil {
		return nil, err
	}
	r.end(e, c, cp.ConditionExecutionStatusOverridden, "Overridden")
	if by != "" {
		c.Summary += " by " + by
		for _, id := range c.Rules {
			if x := e.Rule(id); x.Status != cp.RuleExecutionStatusSucceeded {
				x.UpdatedBy = &by
			}
		}
	}
	if v.Status == cp.StageExecutionStatusFailed {
		v.Status = cp.StageExecutionStatusInProgress
		r.revive(stage, s, e)
	}
	return slices.Concat(r.effects, Reconcile(p, w)), nil
}

// mayOverride returns an error if a condition of a visit cannot be overridden: it has failed the stage, or it is being
// checked.
func (r *reconciler) mayOverride(stage string, e *Execution, v *Visit, c *Check) error {
	if v.Status == cp.StageExecutionStatusInProgress && c.checking() {
		return nil
	}
	failed := v.Status == cp.StageExecutionStatusFailed && c.failed()
	switch {
	case !failed || e.Alone() && r.locked(r.stage(stage), stage):
		return ErrNotOverridable
	case r.Mode() == cp.ExecutionModeParallel && Full(r.Pipeline):
		return ErrFull
	}
	return nil
}

// revive lets an execution that has ended in a stage go on there, in the pipeline's present mode.
func (r *reconciler) revive(stage string, s *Stage, e *Execution) {
	e.Status, e.StatusSummary, e.StopReason = cp.PipelineExecutionStatusInProgress, nil, nil
	if e.Alone() {
		e.ExecutionMode = r.Mode()
	}
	r.hold(stage, s, e)
	r.touch(e)
}
