package pipeline

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

const executionID = "11111111-2222-3333-4444-555555555555"

func definition() *codepipeline.PipelineDeclaration {
	action := func(name string, category codepipeline.ActionCategory, provider string) codepipeline.ActionDeclaration {
		return codepipeline.ActionDeclaration{
			Name: &name,
			ActionTypeId: &codepipeline.ActionTypeId{
				Category: category,
				Owner:    codepipeline.ActionOwnerAws,
				Provider: &provider,
				Version:  new("1"),
			},
		}
	}
	return &codepipeline.PipelineDeclaration{
		Name:    new("way"),
		Version: new(int32(1)),
		Stages: []codepipeline.StageDeclaration{
			{Name: new("Source"), Actions: []codepipeline.ActionDeclaration{
				action("Pull", codepipeline.ActionCategorySource, "CodeCommit"),
			}},
			{Name: new("Build"), Actions: []codepipeline.ActionDeclaration{
				action("Compile", codepipeline.ActionCategoryBuild, "CodeBuild"),
			}},
		},
	}
}

func state() *codepipeline.GetPipelineStateOutput {
	stage := func(name, action string, status codepipeline.StageExecutionStatus) codepipeline.StageState {
		return codepipeline.StageState{
			StageName: &name,
			LatestExecution: &codepipeline.StageExecution{
				PipelineExecutionId: new(executionID),
				Status:              status,
			},
			ActionStates: []codepipeline.ActionState{{
				ActionName: &action,
				LatestExecution: &codepipeline.ActionExecution{
					Status:           codepipeline.ActionExecutionStatus(status),
					LastStatusChange: webtest.At(time.Minute),
				},
			}},
		}
	}
	build := stage("Build", "Compile", codepipeline.StageExecutionStatusFailed)
	build.OnSuccessConditionState = &codepipeline.StageConditionState{
		LatestExecution: &codepipeline.StageConditionsExecution{
			Status:  codepipeline.ConditionExecutionStatusFailed,
			Summary: new("The rule Errors failed"),
		},
	}
	return &codepipeline.GetPipelineStateOutput{
		PipelineName: new("way"),
		StageStates: []codepipeline.StageState{
			stage("Source", "Pull", codepipeline.StageExecutionStatusSucceeded),
			build,
		},
	}
}

func summary() codepipeline.PipelineExecutionSummary {
	return codepipeline.PipelineExecutionSummary{
		PipelineExecutionId: new(executionID),
		Status:              codepipeline.PipelineExecutionStatusFailed,
		StartTime:           webtest.At(2 * time.Minute),
		LastUpdateTime:      webtest.At(time.Minute),
	}
}

func raw(t any) json.RawMessage {
	text, err := json.Marshal(t)
	if err != nil {
		return nil
	}
	return text
}

// board has one pipeline, whose build failed.
type boards struct{ slipway.Unimplemented }

func (boards) GetBoard(_ context.Context, in *slipway.GetBoardInput) (*slipway.GetBoardOutput, error) {
	if in.PipelineName != nil && *in.PipelineName != "way" {
		return nil, &codepipeline.PipelineNotFoundException{Message: "There is no pipeline " + *in.PipelineName}
	}
	return &slipway.GetBoardOutput{Pipelines: []slipway.BoardPipeline{{
		Name:       new("way"),
		Pipeline:   raw(definition()),
		State:      raw(state()),
		Executions: raw(map[string]codepipeline.PipelineExecutionSummary{executionID: summary()}),
	}}}, nil
}

func (boards) DescribeChanges(context.Context, *slipway.DescribeChangesInput) (*slipway.DescribeChangesOutput, error) {
	return &slipway.DescribeChangesOutput{Changes: map[string]slipway.Change{executionID: {
		PipelineName:    new("way"),
		ExecutionId:     new(executionID),
		ExecutionNumber: new(int64(7)),
		Subject:         new("Greet more kindly"),
		CommitId:        new("1234567890"),
	}}}, nil
}

func (boards) ListWaiting(context.Context, *slipway.ListWaitingInput) (*slipway.ListWaitingOutput, error) {
	return &slipway.ListWaitingOutput{}, nil
}

func (boards) ListReleases(context.Context, *slipway.ListReleasesInput) (*slipway.ListReleasesOutput, error) {
	return &slipway.ListReleasesOutput{}, nil
}

func (boards) ListServing(context.Context, *slipway.ListServingInput) (*slipway.ListServingOutput, error) {
	return &slipway.ListServingOutput{}, nil
}

func (boards) ListExecutions(context.Context, *slipway.ListExecutionsInput) (*slipway.ListExecutionsOutput, error) {
	return &slipway.ListExecutionsOutput{Executions: []slipway.ListedExecution{
		{Number: new(int64(7)), Summary: raw(summary())},
	}}, nil
}

// pipelines takes what is done on the pages.
type pipelines struct {
	codepipeline.Unimplemented
	retried    *string
	overridden *string
}

func (pipelines) GetPipeline(context.Context,
	*codepipeline.GetPipelineInput) (*codepipeline.GetPipelineOutput, error) {
	return &codepipeline.GetPipelineOutput{Pipeline: definition()}, nil
}

func (pipelines) GetPipelineState(context.Context,
	*codepipeline.GetPipelineStateInput) (*codepipeline.GetPipelineStateOutput, error) {
	return state(), nil
}

func (pipelines) GetPipelineExecution(context.Context,
	*codepipeline.GetPipelineExecutionInput) (*codepipeline.GetPipelineExecutionOutput, error) {
	return &codepipeline.GetPipelineExecutionOutput{PipelineExecution: &codepipeline.PipelineExecution{
		PipelineName:        new("way"),
		PipelineExecutionId: new(executionID),
		Status:              codepipeline.PipelineExecutionStatusFailed,
	}}, nil
}

func (pipelines) ListActionExecutions(context.Context,
	*codepipeline.ListActionExecutionsInput) (*codepipeline.ListActionExecutionsOutput, error) {
	return &codepipeline.ListActionExecutionsOutput{ActionExecutionDetails: []codepipeline.ActionExecutionDetail{{
		PipelineExecutionId: new(executionID),
		StageName:           new("Build"),
		ActionName:          new("Compile"),
		Status:              codepipeline.ActionExecutionStatusFailed,
		StartTime:           webtest.At(time.Minute),
		LastUpdateTime:      webtest.At(time.Second),
	}}}, nil
}

func (pipelines) ListRuleExecutions(context.Context,
	*codepipeline.ListRuleExecutionsInput) (*codepipeline.ListRuleExecutionsOutput, error) {
	return &codepipeline.ListRuleExecutionsOutput{RuleExecutionDetails: []codepipeline.RuleExecutionDetail{{
		StageName: new("Build"),
		RuleName:  new("Errors"),
		Status:    codepipeline.RuleExecutionStatusFailed,
		StartTime: webtest.At(time.Minute),
		Output: &codepipeline.RuleExecutionOutput{ExecutionResult: &codepipeline.RuleExecutionResult{
			ExternalExecutionSummary: new("The alarm errors is ALARM"),
		}},
	}}}, nil
}

func (p pipelines) OverrideStageCondition(_ context.Context,
	in *codepipeline.OverrideStageConditionInput) (*codepipeline.OverrideStageConditionOutput, error) {
	*p.overridden = *in.StageName + " " + string(in.ConditionType)
	return &codepipeline.OverrideStageConditionOutput{}, nil
}

func (p pipelines) RetryStageExecution(_ context.Context,
	in *codepipeline.RetryStageExecutionInput) (*codepipeline.RetryStageExecutionOutput, error) {
	*p.retried = *in.StageName
	return &codepipeline.RetryStageExecutionOutput{}, nil
}

func TestPages(t *testing.T) {
	retried, overridden := "", ""
	does := pipelines{retried: &retried, overridden: &overridden}
	p := webtest.Open(t, Routes, kit.Config{Slipway: boards{}, Pipelines: does})
	p.Shows("/board", "1 pipeline needs attention", "way", "Greet more kindly")
	p.Shows("/pipelines/way", "1 stage failed", "Compile", "Greet more kindly",
		"Success condition", "The rule Errors failed", "Override")
	p.Shows("/pipelines/way/executions/"+executionID, "Failed", "Compile", "Retry Build",
		"Build/Errors", "The alarm errors is ALARM")
	if got := p.Status("/pipelines/none"); got != 404 {
		t.Errorf("a pipeline that is not there answers %d", got)
	}
	to := p.Send("/pipelines/way/retry", map[string][]string{
		"stage":     {"Build"},
		"execution": {executionID},
		"mode":      {"FAILED_ACTIONS"},
	})
	if to != "/pipelines/way" || retried != "Build" {
		t.Errorf("a retry of %q leads to %s", retried, to)
	}
	to = p.Send("/pipelines/way/override", map[string][]string{
		"stage":     {"Build"},
		"execution": {executionID},
		"type":      {"ON_SUCCESS"},
	})
	if to != "/pipelines/way" || overridden != "Build ON_SUCCESS" {
		t.Errorf("an override of %q leads to %s", overridden, to)
	}
}
