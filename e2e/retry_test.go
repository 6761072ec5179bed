package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	bt "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestPipelineRetries fails one of two actions that run beside each other: the other ends, what comes after them
// waits, and a retry runs what it is told to. Then an execution is started of older revisions than the newest.
func TestPipelineRetries(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	must(codecommit.NewFromConfig(f.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := f.checkout("web")
	f.commit(dir, "first", map[string]string{"page.txt": "page one\n"})
	f.git(dir, "push", "-q", "origin", "main")
	first := strings.TrimSpace(f.git(dir, "rev-parse", "HEAD"))
	old := must(f.s3().HeadObject(ctx, &s3.HeadObjectInput{Bucket: new("source"), Key: new("src.zip")}))(t).VersionId

	c := codebuild.NewFromConfig(f.sdk())
	project := func(name, spec string) {
		f.inline(name, spec, func(in *codebuild.CreateProjectInput) {
			in.Source.Type, in.Artifacts = bt.SourceTypeCodepipeline, &bt.ProjectArtifacts{
				Type: bt.ArtifactsTypeCodepipeline,
			}
		})
	}
	const good = "version: 0.2\nphases:\n  build:\n    commands:\n      - echo \"$CODEBUILD_INITIATOR " +
		"$CODEBUILD_RESOLVED_SOURCE_VERSION $(cat page.txt) and $(cat $CODEBUILD_SRC_DIR_bits/content.txt)\"\n"
	project("good", good)
	project("bad", "version: 0.2\nphases: {build: {commands: [exit 6]}}\n")
	get := act("Page", types.ActionCategorySource, "CodeCommit", "", "page",
		map[string]string{"RepositoryName": "web", "BranchName": "main"})
	bits := act("Bits", types.ActionCategorySource, "S3", "", "bits",
		map[string]string{"S3Bucket": "source", "S3ObjectKey": "src.zip"})
	build := func(name, project string, order int32) types.ActionDeclaration {
		a := act(name, types.ActionCategoryBuild, "CodeBuild", "page", "",
			map[string]string{"ProjectName": project, "PrimarySource": "page"})
		a.InputArtifacts = append(a.InputArtifacts, types.InputArtifact{Name: new("bits")})
		a.RunOrder = &order
		return a
	}
	f.create(declare("two", stage("Source", get, bits),
		stage("Build", build("Good", "good", 1), build("Bad", "bad", 1), build("Later", "good", 2))))
	id := f.newest("two", 1, types.PipelineExecutionStatusFailed)
	sorted := func() string { // the sources run side by side, and so do the builds
		all := f.actions("two", id)
		return fmt.Sprint(strings.Count(all, "Page=Succeeded"), strings.Count(all, "Bits=Succeeded"),
			strings.Count(all, "Good=Succeeded"), strings.Count(all, "Bad=Succeeded"), strings.Count(all, "Bad=Failed"),
			strings.Count(all, "Later=Succeeded"))
	}
	if got := sorted(); got != "1 1 1 0 1 0" {
		t.Errorf("first: %s (%s)", got, f.actions("two", id))
	}
	retry := func(mode types.StageRetryMode) {
		t.Helper()
		out := must(f.RetryStageExecution(ctx,
			&codepipeline.RetryStageExecutionInput{PipelineName: new("two"), StageName: new("Build"),
				PipelineExecutionId: &id, RetryMode: mode}))(t)
		if *out.PipelineExecutionId != id {
			t.Errorf("it is retried as %s, not %s", *out.PipelineExecutionId, id)
		}
	}
	again := func(want string, status types.PipelineExecutionStatus) {
		t.Helper()
		eventually(t, want, func() error {
			if got := sorted(); got != want {
				return fmt.Errorf("it is %s (%s)", got, f.actions("two", id))
			}
			return nil
		})
		f.newest("two", 1, status)
	}
	retry(types.StageRetryModeAllActions)
	again("1 1 2 0 2 0", types.PipelineExecutionStatusFailed)
	must(c.UpdateProject(ctx,
		&codebuild.UpdateProjectInput{Name: new("bad"),
			Source: &bt.ProjectSource{Type: bt.SourceTypeCodepipeline, Buildspec: new(good)}}))(t)
	retry(types.StageRetryModeFailedActions)
	again("1 1 2 1 2 1", types.PipelineExecutionStatusSucceeded)

	details := must(f.ListActionExecutions(ctx,
		&codepipeline.ListActionExecutionsInput{PipelineName: new("two"),
			Filter: &types.ActionExecutionFilter{PipelineExecutionId: &id}}))(t).ActionExecutionDetails
	later := details[0]
	if *later.ActionName != "Later" || *later.StageName != "Build" || *later.PipelineVersion != 1 ||
		later.StartTime == nil || later.LastUpdateTime.Before(*later.StartTime) ||
		later.Input.Configuration["ProjectName"] != "good" ||
		later.Input.ResolvedConfiguration["ProjectName"] != "good" || len(later.Input.InputArtifacts) != 2 ||
		*later.Input.InputArtifacts[0].S3location.Bucket != "artifacts" {
		t.Errorf("the last action is %+v, of %+v", later, later.Input)
	}
	has(t, f.printed(*later.Output.ExecutionResult.ExternalExecutionId),
		"codepipeline/two "+first+" page one and one\n")
	got := must(f.GetPipelineExecution(ctx,
		&codepipeline.GetPipelineExecutionInput{PipelineName: new("two"), PipelineExecutionId: &id}))(
		t).PipelineExecution
	revisions := map[string]string{}
	for _, r := range got.ArtifactRevisions {
		revisions[*r.Name] = *r.RevisionId
	}
	if len(revisions) != 2 || revisions["page"] != first || revisions["bits"] != *old ||
		got.Trigger.TriggerType != types.TriggerTypeCreatePipeline {
		t.Errorf("execution %+v with %v", got, revisions)
	}

	// A newer commit and a newer object start executions; an older one of each is run when a start says so.
	f.commit(dir, "second", map[string]string{"page.txt": "page two\n"})
	f.git(dir, "push", "-q", "origin", "main")
	f.newest("two", 2, types.PipelineExecutionStatusSucceeded)
	f.put("source", "src.zip", zipped(t, map[string]string{"content.txt": "two"}))
	f.newest("two", 3, types.PipelineExecutionStatusSucceeded)
	for _, bad := range []types.SourceRevisionOverride{
		{ActionName: new("None"), RevisionType: types.SourceRevisionTypeCommitId, RevisionValue: &first},
		{ActionName: new("Page"), RevisionType: types.SourceRevisionTypeS3ObjectVersionId, RevisionValue: old},
		{ActionName: new("Bits"), RevisionType: types.SourceRevisionTypeS3ObjectKey, RevisionValue: new("other.zip")},
	} {
		_, err := f.StartPipelineExecution(ctx,
			&codepipeline.StartPipelineExecutionInput{Name: new("two"),
				SourceRevisions: []types.SourceRevisionOverride{bad}})
		says(t, err, "ValidationException")
	}
	started := must(f.StartPipelineExecution(ctx,
		&codepipeline.StartPipelineExecutionInput{Name: new("two"), SourceRevisions: []types.SourceRevisionOverride{
			{ActionName: new("Page"), RevisionType: types.SourceRevisionTypeCommitId, RevisionValue: &first},
			{ActionName: new("Bits"), RevisionType: types.SourceRevisionTypeS3ObjectVersionId, RevisionValue: old}}}))(
		t)
	if id = f.newest("two", 4, types.PipelineExecutionStatusSucceeded); id != *started.PipelineExecutionId {
		t.Errorf("started %s, which is not %s", *started.PipelineExecutionId, id)
	}
	details = must(f.ListActionExecutions(ctx,
		&codepipeline.ListActionExecutionsInput{PipelineName: new("two"),
			Filter: &types.ActionExecutionFilter{PipelineExecutionId: &id}}))(t).ActionExecutionDetails
	has(t, f.printed(*details[0].Output.ExecutionResult.ExternalExecutionId), first+" page one and one\n")

	// What it was stopped in, a stage is retried from.
	f.inline("slow",
		"version: 0.2\nphases: {build: {commands: [echo waiting; sleep 1000]}}\n", func(
			in *codebuild.CreateProjectInput) {
			in.Source.Type, in.Artifacts = bt.SourceTypeCodepipeline, &bt.ProjectArtifacts{
				Type: bt.ArtifactsTypeCodepipeline,
			}
		})
	f.create(declare("stopped", source(),
		stage("Build",
			act("Slow", types.ActionCategoryBuild, "CodeBuild", "src", "", map[string]string{"ProjectName": "slow"}))))
	id = f.newest("stopped", 1, types.PipelineExecutionStatusInProgress)
	var running string
	eventually(t, "the slow build runs", func() error {
		ids := must(c.ListBuildsForProject(ctx, &codebuild.ListBuildsForProjectInput{ProjectName: new("slow")}))(t).Ids
		if len(ids) == 0 {
			return fmt.Errorf("no build")
		}
		running = ids[0]
		return nil
	})
	f.says(running, "waiting")
	must(f.StopPipelineExecution(ctx,
		&codepipeline.StopPipelineExecutionInput{PipelineName: new("stopped"), PipelineExecutionId: &id,
			Abandon: true}))(t)
	f.newest("stopped", 1, types.PipelineExecutionStatusStopped)
	has(t, f.actions("stopped", id), "Slow=Abandoned")
	must(c.UpdateProject(ctx,
		&codebuild.UpdateProjectInput{Name: new("slow"),
			Source: &bt.ProjectSource{Type: bt.SourceTypeCodepipeline,
				Buildspec: new("version: 0.2\nphases: {build: {commands: ['true']}}\n")}}))(t)
	must(f.RetryStageExecution(ctx,
		&codepipeline.RetryStageExecutionInput{PipelineName: new("stopped"), StageName: new("Build"),
			PipelineExecutionId: &id, RetryMode: types.StageRetryModeFailedActions}))(t)
	f.newest("stopped", 1, types.PipelineExecutionStatusSucceeded)
}
