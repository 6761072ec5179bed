package view

import (
	"testing"

	"slipway/api/codepipeline"
)

func TestGatesOfAStage(t *testing.T) {
	state := func(status codepipeline.ConditionExecutionStatus, summary *string) *codepipeline.StageConditionState {
		return &codepipeline.StageConditionState{
			LatestExecution: &codepipeline.StageConditionsExecution{Status: status, Summary: summary},
			ConditionStates: []codepipeline.ConditionState{{RuleStates: []codepipeline.RuleState{{
				LatestExecution: &codepipeline.RuleExecution{
					Status: codepipeline.RuleExecutionStatusInProgress, Summary: new("It opens at nine"),
				},
			}}}},
		}
	}
	for name, c := range map[string]struct {
		state       codepipeline.StageState
		kind        Kind
		say         string
		overridable bool
	}{
		"it waits": {codepipeline.StageState{
			BeforeEntryConditionState: state(codepipeline.ConditionExecutionStatusInProgress, nil),
		}, Running, "It opens at nine", true},
		"it failed": {codepipeline.StageState{
			OnSuccessConditionState: state(codepipeline.ConditionExecutionStatusFailed, new("The rule failed")),
		}, Failed, "The rule failed", true},
		"it could not be judged": {codepipeline.StageState{
			OnFailureConditionState: state(codepipeline.ConditionExecutionStatusErrored, new("No alarm")),
		}, Failed, "No alarm", false},
		"it was overridden": {codepipeline.StageState{
			BeforeEntryConditionState: state(codepipeline.ConditionExecutionStatusOverridden, new("Overridden")),
		}, Skipped, "Overridden", false},
	} {
		all := gates(&c.state)
		if len(all) != 1 {
			t.Fatalf("%s: %d gates", name, len(all))
		}
		if g := all[0]; g.Kind != c.kind || g.Say != c.say || g.Overridable() != c.overridable {
			t.Errorf("%s: %s %q, overridable: %t", name, g.Kind, g.Say, g.Overridable())
		}
	}
}
