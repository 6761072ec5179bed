package commands_test

import (
	"context"
	"testing"

	"slipway/api/codebuild"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/pipelinetest"
	builds "slipway/internal/pipeline/provider/codebuild"
	provider "slipway/internal/pipeline/provider/commands"
	"slipway/spec/buildspec"
)

// started keeps what a build was started with.
type started struct {
	in      *codebuild.StartBuildInput
	through string
	job     slipway.PipelineJob
}

func (s *started) StartCommands(_ context.Context, in *codebuild.StartBuildInput, through string,
	job slipway.PipelineJob) (*codebuild.Build, error) {
	s.in, s.through, s.job = in, through, job
	return &codebuild.Build{Id: new("codepipeline@web:1")}, nil
}

func TestConforms(t *testing.T) {
	t.Parallel()
	pipelinetest.Conforms(t, &provider.Provider{})
}

func TestStart(t *testing.T) {
	t.Parallel()
	at := func(key string) *cp.S3Location { return &cp.S3Location{Bucket: new("b"), Key: &key} }
	s := &started{}
	o, err := (&provider.Provider{Builds: s}).Start(t.Context(), &pipeline.Action{
		ID: "run", Pipeline: "web", Execution: "e", Role: "pipeline", OwnRole: "own",
		Configuration: map[string]string{"ComputeType": "BUILD_GENERAL1_LARGE"},
		Inputs:        []cp.ArtifactDetail{{Name: new("src"), S3location: at("in")}},
		Outputs:       []cp.ArtifactDetail{{Name: new("out"), S3location: at("out")}},
		Commands: &pipeline.Commands{
			Lines:    []string{`echo "a: 'b'" # {x}`, "true"},
			Exported: []string{"VERSION"},
			Variables: []cp.EnvironmentVariable{
				{Name: new("A"), Value: new("1")},
				{Name: new("S"), Value: new("secret"), Type: cp.EnvironmentVariableTypeSecretsManager},
			},
		},
	})
	if err != nil || *o.Wait != builds.Build("codepipeline@web:1") || o.URL != "/builds/codepipeline@web:1" {
		t.Fatalf("%+v, %v", o, err)
	}
	if s.through != "pipeline" || *s.in.ServiceRoleOverride != "own" || s.job.Key != "run" ||
		s.in.ComputeTypeOverride != codebuild.ComputeTypeBuildGeneral1Large ||
		s.in.EnvironmentVariablesOverride[1].Type != codebuild.EnvironmentVariableTypeSecretsManager {
		t.Errorf("started with %+v through %s for %+v", s.in, s.through, s.job)
	}
	spec, err := buildspec.Parse("commands", []byte(*s.in.BuildspecOverride))
	if err != nil || len(spec.Warnings) > 0 {
		t.Fatalf("%v, %v of %s", err, spec, *s.in.BuildspecOverride)
	}
}
