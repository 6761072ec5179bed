package view

import (
	"strings"

	"slipway/api/codepipeline"
)

// Gate is a condition of a stage, as the execution in the stage met it.
type Gate struct {
	Name string                     `json:"name"` // Entry condition
	Kind Kind                       `json:"kind"`
	Say  string                     `json:"say,omitzero"`
	Type codepipeline.ConditionType `json:"-"` // for an override; "" for a condition that has none
}

// Overridable reports whether a person may let the execution on.
func (g *Gate) Overridable() bool { return g.Type != "" && (g.Kind == Failed || g.Kind == Running) }

// gates are the conditions of a stage that have been checked, or are.
func gates(st *codepipeline.StageState) []Gate {
	var all []Gate
	for _, one := range []struct {
		name  string
		state *codepipeline.StageConditionState
		of    codepipeline.ConditionType
	}{
		{"Entry condition", st.BeforeEntryConditionState, codepipeline.ConditionTypeBeforeEntry},
		{"Success condition", st.OnSuccessConditionState, codepipeline.ConditionTypeOnSuccess},
		{"Failure condition", st.OnFailureConditionState, ""},
	} {
		if one.state == nil || one.state.LatestExecution == nil {
			continue
		}
		g := Gate{Name: one.name, Type: one.of, Kind: gateKind(one.state.LatestExecution.Status)}
		g.Say = first(text(one.state.LatestExecution.Summary), rulesSay(one.state))
		all = append(all, g)
	}
	return all
}

func gateKind(status codepipeline.ConditionExecutionStatus) Kind {
	switch status {
	case codepipeline.ConditionExecutionStatusErrored:
		return Failed
	case codepipeline.ConditionExecutionStatusOverridden:
		return Skipped
	}
	return KindOf(status)
}

// rulesSay is what the first rule says that has not ended.
func rulesSay(c *codepipeline.StageConditionState) string {
	for _, state := range c.ConditionStates {
		for _, r := range state.RuleStates {
			if x := r.LatestExecution; x != nil && KindOf(x.Status) == Running && x.Summary != nil {
				return *x.Summary
			}
		}
	}
	return ""
}

// RuleRun is one execution of a rule.
type RuleRun struct {
	Stage, Rule string
	Kind        Kind
	Say         string
	URL         string // of what it started
	Detail      codepipeline.RuleExecutionDetail
}

// RuleRunOf is one execution of a rule.
func RuleRunOf(x codepipeline.RuleExecutionDetail) RuleRun {
	one := RuleRun{Stage: text(x.StageName), Rule: text(x.RuleName), Kind: KindOf(x.Status), Detail: x}
	if x.Output != nil && x.Output.ExecutionResult != nil {
		one.Say = FirstLine(text(x.Output.ExecutionResult.ExternalExecutionSummary))
		one.URL = text(x.Output.ExecutionResult.ExternalExecutionUrl)
	}
	if x.UpdatedBy != nil {
		one.Say = strings.TrimPrefix(one.Say+". Overridden by "+*x.UpdatedBy, ". ")
	}
	return one
}
