package codebuild_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/pipeline"
	provider "slipway/internal/pipeline/provider/codebuild"
)

func (b *builds) StartBatchForPipeline(_ context.Context, in *codebuild.StartBuildInput, combine bool,
	job slipway.PipelineJob) (*codebuild.BuildBatch, error) {
	b.in, b.job, b.combine, b.batched = in, job, combine, true
	return &codebuild.BuildBatch{Id: new("web:1")}, nil
}

func (b *builds) BatchGetBuildBatches(context.Context,
	*codebuild.BatchGetBuildBatchesInput) (*codebuild.BatchGetBuildBatchesOutput, error) {
	if b.batch == nil {
		return &codebuild.BatchGetBuildBatchesOutput{}, nil
	}
	return &codebuild.BatchGetBuildBatchesOutput{BuildBatches: []codebuild.BuildBatch{*b.batch}}, nil
}

// batched is an action that runs a batch.
func batched(more map[string]string, outputs ...string) *pipeline.Action {
	a := &pipeline.Action{ID: "run", Pipeline: "web", Inputs: details("src"), Outputs: details(outputs...),
		Configuration: map[string]string{"ProjectName": "compile", "BatchEnabled": "true"}}
	for k, v := range more {
		a.Configuration[k] = v
	}
	return a
}

func TestStartABatch(t *testing.T) {
	t.Parallel()
	b := &builds{}
	o, err := (&provider.Provider{Builds: b}).Start(t.Context(),
		batched(map[string]string{"CombineArtifacts": "TRUE"}, "out"))
	if err != nil {
		t.Fatal(err)
	}
	if *o.Wait != provider.Batch("web:1") || o.URL != "/batches/web:1" || !b.batched || !b.combine || b.job.Key != "run" {
		t.Errorf("it waits for %+v at %s; started with %+v", *o.Wait, o.URL, b)
	}
	for name, c := range map[string]struct {
		action *pipeline.Action
		want   string
	}{
		"two outputs that are combined": {batched(map[string]string{"CombineArtifacts": "true"}, "a", "b"), "one output"},
		"nothing to combine": {batched(map[string]string{"CombineArtifacts": "true", "BatchEnabled": "false"}),
			"CombineArtifacts needs BatchEnabled"},
	} {
		_, err := (&provider.Provider{Builds: b}).Start(t.Context(), c.action)
		refusal, ok := errors.AsType[*pipeline.Refusal](err)
		if !ok || !strings.Contains(refusal.Message, c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestResultOfABatch(t *testing.T) {
	t.Parallel()
	group := codebuild.BuildGroup{CurrentBuildSummary: &codebuild.BuildSummary{
		Arn: new("arn:aws:codebuild:r:1:build/web:2")}}
	ended := func(status codebuild.StatusType, message string) *codebuild.BuildBatch {
		return &codebuild.BuildBatch{BuildBatchStatus: status, Complete: new(true),
			BuildGroups: []codebuild.BuildGroup{group, {}},
			Phases:      []codebuild.BuildBatchPhase{{Contexts: []codebuild.PhaseContext{{Message: &message}}}}}
	}
	exported := &codebuild.Build{
		ExportedEnvironmentVariables: []codebuild.ExportedEnvironmentVariable{{Name: new("V"), Value: new("1")}}}
	for name, c := range map[string]struct {
		batch *codebuild.BuildBatch
		want  *pipeline.Result
	}{
		"running":   {&codebuild.BuildBatch{Complete: new(false)}, nil},
		"succeeded": {ended(codebuild.StatusTypeSucceeded, ""), &pipeline.Result{Variables: map[string]string{"V": "1"}}},
		"failed": {ended(codebuild.StatusTypeFailed, "Builds of the batch did not succeed: test (FAILED)."),
			pipeline.Failed("JobFailed", "Build terminated with state: FAILED. Builds of the batch did not succeed: "+
				"test (FAILED).")},
		"deleted": {nil, pipeline.Failed("JobFailed", "The batch web:1 was deleted")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&provider.Provider{Builds: &builds{batch: c.batch, build: exported}}).Result(t.Context(),
				batched(nil), "web:1")
			if err != nil || !same(got, c.want) {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}
