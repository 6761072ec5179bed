package e2e

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwt "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// inMode creates a pipeline that asks a person, in an execution mode.
func (f *flow) inMode(name string, mode types.ExecutionMode) *types.PipelineDeclaration {
	d := declare(name, source(), stage("Approve", approval("Ask")))
	d.PipelineType, d.ExecutionMode = types.PipelineTypeV2, mode
	f.create(d)
	return d
}

// asked waits until an execution asks for an approval, and returns the token that list-action-executions shows.
func (f *flow) asked(pipeline, execution string) (token string) {
	f.t.Helper()
	eventually(f.t, "the execution asks", func() error {
		out, err := f.ListActionExecutions(f.t.Context(), &codepipeline.ListActionExecutionsInput{
			PipelineName: &pipeline,
			Filter:       &types.ActionExecutionFilter{PipelineExecutionId: &execution},
		})
		if err != nil {
			return err
		}
		for _, a := range out.ActionExecutionDetails {
			if *a.ActionName == "Ask" && a.Output != nil {
				token = *a.Output.ExecutionResult.ExternalExecutionId
				return nil
			}
		}
		return errors.New("not yet")
	})
	return token
}

func TestPipelineExecutionModes(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	d := f.inMode("queue", types.ExecutionModeQueued)
	first := f.newest("queue", 1, types.PipelineExecutionStatusInProgress)
	f.token("queue", "Approve", "Ask", first)
	second, third := f.start("queue"), f.start("queue")
	eventually(t, "two wait in order", func() error {
		out := must(f.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new("queue")}))(t)
		in := out.StageStates[1].InboundExecutions
		if len(in) != 2 || *in[0].PipelineExecutionId != second || *in[1].PipelineExecutionId != third {
			return errors.New("not yet")
		}
		return nil
	})
	for n, id := range []string{first, second} {
		if err := f.decide("queue", "Approve", "Ask", f.token("queue", "Approve", "Ask", id),
			types.ApprovalStatusApproved); err != nil {
			t.Fatal(err)
		}
		f.newest("queue", n+1, types.PipelineExecutionStatusSucceeded)
	}
	f.token("queue", "Approve", "Ask", third)
	waits := f.start("queue")
	d.ExecutionMode = types.ExecutionModeSuperseded
	must(f.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: d}))(t)
	got := must(f.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{
		PipelineName: new("queue"), PipelineExecutionId: &waits,
	}))(t).PipelineExecution
	if got.ExecutionMode != types.ExecutionModeQueued {
		t.Errorf("mode %s", got.ExecutionMode)
	}
	f.newest("queue", 4, types.PipelineExecutionStatusCancelled)

	f.inMode("fleet", types.ExecutionModeParallel)
	one := f.newest("fleet", 1, types.PipelineExecutionStatusInProgress)
	two := f.start("fleet")
	token := f.asked("fleet", one)
	f.asked("fleet", two)
	if err := f.decide("fleet", "Approve", "Ask", token, types.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	f.newest("fleet", 1, types.PipelineExecutionStatusSucceeded)
	has(t, must(f.slipway("approve", "fleet"))(t), "fleet/Approve/Ask is approved", two)
	f.newest("fleet", 2, types.PipelineExecutionStatusSucceeded)
}

func TestPipelineRollsBack(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	d := declare("back", source(), stage("Approve", approval("Ask")))
	d.PipelineType = types.PipelineTypeV2
	d.Stages[1].OnFailure = &types.FailureConditions{Result: types.ResultRollback}
	f.create(d)
	first := f.newest("back", 1, types.PipelineExecutionStatusInProgress)
	decide := func(execution string, status types.ApprovalStatus) {
		t.Helper()
		if err := f.decide("back", "Approve", "Ask", f.token("back", "Approve", "Ask", execution), status); err != nil {
			t.Fatal(err)
		}
	}
	decide(first, types.ApprovalStatusApproved)
	f.newest("back", 1, types.PipelineExecutionStatusSucceeded)
	decide(f.start("back"), types.ApprovalStatusRejected)
	f.newest("back", 2, types.PipelineExecutionStatusFailed)
	automatic := f.newest("back", 3, types.PipelineExecutionStatusInProgress)
	decide(automatic, types.ApprovalStatusApproved)
	f.newest("back", 3, types.PipelineExecutionStatusSucceeded)
	manual := *must(f.RollbackStage(ctx, &codepipeline.RollbackStageInput{
		PipelineName: new("back"), StageName: new("Approve"), TargetPipelineExecutionId: &first,
	}))(t).PipelineExecutionId
	for id, by := range map[string]types.TriggerType{
		automatic: types.TriggerTypeAutomatedRollback, manual: types.TriggerTypeManualRollback,
	} {
		got := must(f.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{
			PipelineName: new("back"), PipelineExecutionId: &id,
		}))(t).PipelineExecution
		if got.ExecutionType != types.ExecutionTypeRollback || got.Trigger.TriggerType != by ||
			*got.RollbackMetadata.RollbackTargetPipelineExecutionId != first {
			t.Errorf("execution %+v", got)
		}
	}
	decide(manual, types.ApprovalStatusApproved)
	f.newest("back", 4, types.PipelineExecutionStatusSucceeded)
}

// rule is a rule of a stage condition.
func rule(provider string, configuration map[string]string) types.RuleDeclaration {
	return types.RuleDeclaration{
		Name: &provider,
		RuleTypeId: &types.RuleTypeId{Category: types.RuleCategoryRule, Owner: types.RuleOwnerAws,
			Provider: &provider, Version: new("1")},
		Configuration: configuration,
	}
}

// TestPipelineConditions has a stage that may be entered at any time, if the source is the right one, and that is
// rolled back when an alarm goes on afterwards.
func TestPipelineConditions(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	alarms := cloudwatch.NewFromConfig(f.sdk())
	must(alarms.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
		AlarmName: new("errors"), Namespace: new("web"), MetricName: new("Errors"), Threshold: new(1.0),
		ComparisonOperator: cwt.ComparisonOperatorGreaterThanThreshold, EvaluationPeriods: new(int32(1)),
		Period: new(int32(60)), Statistic: cwt.StatisticSum,
	}))(t)
	ring := func(state cwt.StateValue) {
		t.Helper()
		must(alarms.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{
			AlarmName: new("errors"), StateValue: state, StateReason: new("a test"),
		}))(t)
	}
	d := declare("gate", source(), stage("Approve", approval("Ask")))
	d.PipelineType = types.PipelineTypeV2
	d.Stages[1].BeforeEntry = &types.BeforeEntryConditions{Conditions: []types.Condition{{
		Result: types.ResultFail,
		Rules: []types.RuleDeclaration{
			rule("DeploymentWindow", map[string]string{"Cron": "* * * ? * *", "TimeZone": "Europe/Berlin"}),
			rule("VariableCheck", map[string]string{
				"Variable": "#{source.ETag}", "Operator": "MATCHES", "Value": "[0-9a-f]+",
			}),
		},
	}}}
	d.Stages[1].OnSuccess = &types.SuccessConditions{Conditions: []types.Condition{{
		Result: types.ResultRollback,
		Rules: []types.RuleDeclaration{rule("CloudWatchAlarm", map[string]string{
			"AlarmName": "errors", "AlarmStates": "ALARM", "WaitTime": "600",
		})},
	}}}
	f.create(d)
	first := f.newest("gate", 1, types.PipelineExecutionStatusInProgress)
	decide := func(execution string) {
		t.Helper()
		token := f.token("gate", "Approve", "Ask", execution)
		if err := f.decide("gate", "Approve", "Ask", token, types.ApprovalStatusApproved); err != nil {
			t.Fatal(err)
		}
	}
	watched := func() {
		t.Helper()
		eventually(t, "the alarm is watched", func() error {
			out := must(f.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new("gate")}))(t)
			c := out.StageStates[1].OnSuccessConditionState
			if c == nil || c.LatestExecution.Status != types.ConditionExecutionStatusInProgress {
				return errors.New("not yet")
			}
			return nil
		})
	}
	decide(first)
	watched()
	must(f.OverrideStageCondition(ctx, &codepipeline.OverrideStageConditionInput{
		PipelineName: new("gate"), StageName: new("Approve"), PipelineExecutionId: &first,
		ConditionType: types.ConditionTypeOnSuccess,
	}))(t)
	f.newest("gate", 1, types.PipelineExecutionStatusSucceeded)
	second := f.start("gate")
	decide(second)
	watched()
	ring(cwt.StateValueAlarm)
	f.newest("gate", 2, types.PipelineExecutionStatusFailed)
	decide(f.newest("gate", 3, types.PipelineExecutionStatusInProgress))
	f.newest("gate", 3, types.PipelineExecutionStatusSucceeded)
	n := 0
	for pages := codepipeline.NewListRuleExecutionsPaginator(f.Client, &codepipeline.ListRuleExecutionsInput{
		PipelineName: new("gate"), MaxResults: new(int32(2)),
	}); pages.HasMorePages(); {
		n += len(must(pages.NextPage(ctx))(t).RuleExecutionDetails)
	}
	if n != 6 {
		t.Errorf("%d rule executions, want three of each execution but the rollback", n)
	}
	if all := must(f.ListRuleTypes(ctx, &codepipeline.ListRuleTypesInput{}))(t).RuleTypes; len(all) != 6 {
		t.Errorf("%d rule types", len(all))
	}
}
