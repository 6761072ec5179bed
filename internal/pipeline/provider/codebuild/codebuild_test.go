package codebuild_test

import (
	"context"
	"maps"
	"testing"

	"slipway/api/codebuild"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline"
	provider "slipway/internal/pipeline/provider/codebuild"
)

// builds answers with one build, and keeps what it was started with.
type builds struct {
	build *codebuild.Build
	batch *codebuild.BuildBatch
	// combine and batched say how a batch was started.
	combine, batched bool
	in               *codebuild.StartBuildInput
	job              slipway.PipelineJob
}

func (b *builds) StartForPipeline(
	_ context.Context,
	in *codebuild.StartBuildInput,
	job slipway.PipelineJob,
) (*codebuild.Build, error) {
	b.in, b.job = in, job
	return &codebuild.Build{Id: new("web:1")}, nil
}

func (b *builds) BatchGetBuilds(
	context.Context,
	*codebuild.BatchGetBuildsInput,
) (*codebuild.BatchGetBuildsOutput, error) {
	if b.build == nil {
		return &codebuild.BatchGetBuildsOutput{}, nil
	}
	return &codebuild.BatchGetBuildsOutput{Builds: []codebuild.Build{*b.build}}, nil
}

func details(names ...string) []cp.ArtifactDetail {
	var all []cp.ArtifactDetail
	for _, name := range names {
		at := &cp.S3Location{Bucket: new("artifacts"), Key: new("key/" + name)}
		all = append(all, cp.ArtifactDetail{Name: &name, S3location: at})
	}
	return all
}

func TestStartHandsTheBuildItsArtifacts(t *testing.T) {
	t.Parallel()
	b := &builds{}
	o, err := (&provider.Provider{Builds: b}).Start(t.Context(), &pipeline.Action{
		ID: "run", Pipeline: "web", Execution: "x",
		Configuration: map[string]string{
			"ProjectName":          "compile",
			"PrimarySource":        "two",
			"EnvironmentVariables": `[{"name": "MODE", "value": "fast"}]`,
		},
		Inputs:  details("one", "two"),
		Outputs: details("out"),
		Revisions: []cp.ArtifactRevision{
			{Name: new("one"), RevisionId: new("1")},
			{Name: new("two"), RevisionId: new("2")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if *o.Wait != provider.Build("web:1") || o.URL != "/builds/web:1" {
		t.Errorf("it waits for %+v at %s", *o.Wait, o.URL)
	}
	if b.job.Key != "run" || b.job.Primary != "two" || b.job.Version != "2" || len(b.job.Inputs) != 2 {
		t.Errorf("job %+v, want the action's ID as its key and the revision of the primary source", b.job)
	}
	if *b.in.ProjectName != "compile" || *b.in.EnvironmentVariablesOverride[0].Value != "fast" {
		t.Errorf("the build was started with %+v", b.in)
	}
}

func TestResultOfABuild(t *testing.T) {
	t.Parallel()
	ended := func(status codebuild.StatusType) *codebuild.Build {
		return &codebuild.Build{
			BuildStatus:                  status,
			BuildComplete:                new(true),
			ExportedEnvironmentVariables: []codebuild.ExportedEnvironmentVariable{{Name: new("V"), Value: new("1")}},
			Phases: []codebuild.BuildPhase{
				{PhaseStatus: codebuild.StatusTypeSucceeded,
					Contexts: []codebuild.PhaseContext{{Message: new("fine")}}},
				{PhaseType: codebuild.BuildPhaseTypeBuild, PhaseStatus: codebuild.StatusTypeFailed,
					Contexts: []codebuild.PhaseContext{{Message: new("exit status 2")}}},
			},
		}
	}
	for name, c := range map[string]struct {
		build *codebuild.Build
		want  *pipeline.Result
	}{
		"running": {&codebuild.Build{BuildStatus: codebuild.StatusTypeInProgress}, nil},
		"succeeded": {ended(codebuild.StatusTypeSucceeded),
			&pipeline.Result{Variables: map[string]string{"V": "1"}}},
		"failed": {ended(codebuild.StatusTypeFailed),
			pipeline.Failed("JobFailed", "Build terminated with state: FAILED. BUILD: exit status 2")},
		"deleted": {nil, pipeline.Failed("JobFailed", "The build web:1 was deleted")},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&provider.Provider{Builds: &builds{build: c.build}}).Result(t.Context(), nil, "web:1")
			if err != nil || !same(got, c.want) {
				t.Errorf("%+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func same(a, b *pipeline.Result) bool {
	switch {
	case a == nil || b == nil:
		return a == b
	case a.Failure == nil || b.Failure == nil:
		return a.Failure == b.Failure && maps.Equal(a.Variables, b.Variables)
	}
	return *a.Failure == *b.Failure
}
