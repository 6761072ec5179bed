package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cb "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

const batchedSpec = `version: 0.2
batch: {build-graph: [{identifier: one}, {identifier: two, depend-on: [one]}]}
env: {exported-variables: [WHO]}
phases:
  build:
    commands:
      - export WHO=$CODEBUILD_BATCH_BUILD_IDENTIFIER
      - cp content.txt $WHO.txt
      - test ! -e "fail-$WHO"
artifacts:
  files: ['*.txt']
  exclude-paths: ['content.txt']
  secondary-artifacts:
    more: {files: ['sub/more.txt']}
`

// newBatchFlow is a flow with a project whose builds are a batch.
func newBatchFlow(i *instance) *flow {
	f := &flow{instance: i, Client: codepipeline.NewFromConfig(i.sdk())}
	f.bucket("artifacts", false)
	f.bucket("source", true)
	f.put("source", "src.zip", zipped(i.t, map[string]string{"content.txt": "one", "sub/more.txt": "more"}))
	f.inline("batched", batchedSpec, func(in *codebuild.CreateProjectInput) {
		in.Source.Type = cb.SourceTypeCodepipeline
		in.Artifacts = &cb.ProjectArtifacts{Type: cb.ArtifactsTypeCodepipeline}
		in.BuildBatchConfig = &cb.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	})
	return f
}

// batchAction is a build action that runs a batch.
func batchAction(combine string, outputs ...string) types.ActionDeclaration {
	a := act("Build", types.ActionCategoryBuild, "CodeBuild", "src", "", map[string]string{"ProjectName": "batched",
		"BatchEnabled": "true", "CombineArtifacts": combine})
	for _, name := range outputs {
		a.OutputArtifacts = append(a.OutputArtifacts, types.OutputArtifact{Name: &name})
	}
	a.Namespace = new("build")
	return a
}

// artifact is what lies in an artifact that an action put out.
func (f *flow) artifact(pipeline, execution, name string) string {
	f.t.Helper()
	out := must(f.ListActionExecutions(f.t.Context(), &codepipeline.ListActionExecutionsInput{PipelineName: &pipeline,
		Filter: &types.ActionExecutionFilter{PipelineExecutionId: &execution}}))(f.t)
	for _, d := range out.ActionExecutionDetails {
		for _, a := range d.Output.OutputArtifacts {
			if *d.StageName == "Build" && *a.Name == name {
				return entries(f.t, f.object(*a.S3location.Bucket, *a.S3location.Key))
			}
		}
	}
	return "no such artifact"
}

// TestBatchInAPipeline runs a batch as a pipeline's build stage: its artifacts apart and combined, its failure, its page.
func TestBatchInAPipeline(t *testing.T) {
	t.Parallel()
	f := newBatchFlow(up(t))
	f.create(declare("apart", source(), stage("Build", batchAction("false", "one", "two", "two_more"))))
	id := f.newest("apart", 1, types.PipelineExecutionStatusSucceeded)
	for name, want := range map[string]string{"one": "one.txt", "two": "two.txt", "two_more": "sub/more.txt"} {
		if got := f.artifact("apart", id, name); got != want {
			t.Errorf("the artifact %s has %s, want %s", name, got, want)
		}
	}
	details := must(f.ListActionExecutions(t.Context(), &codepipeline.ListActionExecutionsInput{
		PipelineName: new("apart")}))(t).ActionExecutionDetails
	result := details[0].Output
	batches := must(codebuild.NewFromConfig(f.sdk()).ListBuildBatches(t.Context(),
		&codebuild.ListBuildBatchesInput{}))(t).Ids
	if *result.ExecutionResult.ExternalExecutionId != batches[0] || result.OutputVariables["WHO"] != "two" {
		t.Errorf("%+v %v, batches %v", *result.ExecutionResult, result.OutputVariables, batches)
	}
	has(t, *result.ExecutionResult.ExternalExecutionUrl, "/batches/"+batches[0])

	f.create(declare("combined", source(), stage("Build", batchAction("true", "all"))))
	id = f.newest("combined", 1, types.PipelineExecutionStatusSucceeded)
	if got := f.artifact("combined", id, "all"); got != "one.txt two.txt" {
		t.Errorf("the combined artifact has %s", got)
	}
	f.create(declare("misnamed", source(), stage("Build", batchAction("false", "nobodys"))))
	id = f.newest("misnamed", 1, types.PipelineExecutionStatusFailed)
	has(t, f.actions("misnamed", id), "No build of the batch makes the action")

	f.put("source", "src.zip", zipped(t, map[string]string{"content.txt": "two", "fail-one": ""}))
	id = f.newest("combined", 2, types.PipelineExecutionStatusFailed)
	has(t, f.actions("combined", id), "Build terminated with state: FAILED", "one (FAILED)")
}

// TestBatchInAPipelineKilled kills the server at each point on the way of a pipeline's batch: it ends once, with one
// batch an execution.
func TestBatchInAPipelineKilled(t *testing.T) {
	t.Parallel()
	i := prepare(t, "slipway_fault")
	i.start()
	f := newBatchFlow(i)
	f.create(declare("killed", source(), stage("Build", batchAction("true", "all"))))
	f.newest("killed", 1, types.PipelineExecutionStatusSucceeded)
	for n, point := range []string{"batch.before-submit:1", "batch.submitted:1", "batch.stepping:1", "batch.stepping:3",
		"batch.combined:1", "build.completed:1", "pipeline.after-provider:2"} {
		t.Run(point, func(t *testing.T) {
			i.t = t
			mark := filepath.Join(folder(t), "died")
			i.stop()
			i.env = []string{"SLIPWAY_FAULT=" + point, "SLIPWAY_FAULT_FILE=" + mark}
			i.start()
			f.put("source", "src.zip", zipped(t, map[string]string{"content.txt": point}))
			id := f.newest("killed", n+2, types.PipelineExecutionStatusSucceeded)
			if got := f.artifact("killed", id, "all"); got != "one.txt two.txt" {
				t.Errorf("the combined artifact has %s", got)
			}
			if _, err := os.Stat(mark); err != nil {
				t.Errorf("nobody came by %s", point)
			}
			batches := must(codebuild.NewFromConfig(i.sdk()).ListBuildBatches(t.Context(),
				&codebuild.ListBuildBatchesInput{}))(t).Ids
			if len(batches) != n+2 {
				t.Errorf("%s", fmt.Sprint(batches))
			}
		})
	}
	i.t = t
}
