package e2e

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	bt "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

func TestPipelineDefinitions(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	d := declare("first", source(), stage("Approve", approval("Ask")))
	f.create(d)
	_, err := f.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: d})
	says(t, err, "PipelineNameInUseException")
	_, err = f.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: declare("bad", source())})
	says(t, err, "InvalidStructureException")
	f.create(declare("second", source(), stage("Approve", approval("Ask"))))
	var all []string
	for pages := codepipeline.NewListPipelinesPaginator(f.Client,
		&codepipeline.ListPipelinesInput{MaxResults: new(int32(1))}); pages.HasMorePages(); {
		for _, p := range must(pages.NextPage(ctx))(t).Pipelines {
			all = append(all, *p.Name)
		}
	}
	if fmt.Sprint(all) != "[first second]" {
		t.Errorf("pipelines %v", all)
	}
	_, err = f.ListPipelines(ctx, &codepipeline.ListPipelinesInput{NextToken: new("made up")})
	says(t, err, "InvalidNextTokenException")
	d.Stages[1].Name = new("Decide")
	if up := must(f.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: d}))(t).Pipeline; *up.Version != 2 {
		t.Errorf("version %d", *up.Version)
	}
	_, err = f.UpdatePipeline(ctx,
		&codepipeline.UpdatePipelineInput{Pipeline: declare("none", source(), stage("A", approval("Ask")))})
	says(t, err, "InvalidStructureException")
	if got := must(f.GetPipeline(ctx,
		&codepipeline.GetPipelineInput{Name: new("first"), Version: new(int32(1))}))(
		t); *got.Pipeline.Stages[1].Name != "Approve" || got.Metadata.Created == nil {
		t.Errorf("version 1: %+v", got.Pipeline)
	}
	_, err = f.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: new("first"), Version: new(int32(3))})
	says(t, err, "PipelineVersionNotFoundException")
	_, err = f.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: new("none")})
	says(t, err, "PipelineNotFoundException")

	arn := "arn:aws:codepipeline:" + region + ":" + account + ":first"
	must(f.TagResource(ctx,
		&codepipeline.TagResourceInput{ResourceArn: &arn,
			Tags: []types.Tag{{Key: new("a"), Value: new("1")}, {Key: new("b"), Value: new("2")}}}))(t)
	must(f.UntagResource(ctx, &codepipeline.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a"}}))(t)
	if tags := must(f.ListTagsForResource(ctx,
		&codepipeline.ListTagsForResourceInput{ResourceArn: &arn}))(t).Tags; len(tags) != 1 || *tags[0].Key != "b" {
		t.Errorf("tags %v", tags)
	}
	_, err = f.TagResource(ctx,
		&codepipeline.TagResourceInput{ResourceArn: new(arn + "0"),
			Tags: []types.Tag{{Key: new("a"), Value: new("1")}}})
	says(t, err, "ResourceNotFoundException")
	kinds := must(f.ListActionTypes(ctx,
		&codepipeline.ListActionTypesInput{ActionOwnerFilter: types.ActionOwnerAws}))(t).ActionTypes
	if !slices.ContainsFunc(kinds, func(a types.ActionType) bool { return *a.Id.Provider == "CodeBuild" }) {
		t.Error("no CodeBuild among the action types")
	}
	_, err = f.ListActionTypes(ctx, &codepipeline.ListActionTypesInput{NextToken: new("made up")})
	says(t, err, "InvalidNextTokenException")
	must(f.GetActionType(ctx,
		&codepipeline.GetActionTypeInput{Category: types.ActionCategoryBuild, Owner: new("AWS"),
			Provider: new("CodeBuild"), Version: new("1")}))(t)
	_, err = f.GetActionType(ctx,
		&codepipeline.GetActionTypeInput{Category: types.ActionCategoryBuild, Owner: new("AWS"), Provider: new("None"),
			Version: new("1")})
	says(t, err, "ActionTypeNotFoundException")
	must(f.DeletePipeline(ctx, &codepipeline.DeletePipelineInput{Name: new("second")}))(t)
	_, err = f.DeletePipeline(ctx, &codepipeline.DeletePipelineInput{Name: new("no good!")})
	says(t, err, "ValidationException")
	_, err = f.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new("second")})
	says(t, err, "PipelineNotFoundException")

	// What this version does not run is kept and returned, and refused at the start.
	queued := declare("queued", source(), stage("Approve", approval("Ask")),
		stage("Deploy",
			act("Ecs", types.ActionCategoryDeploy, "ECS", "src", "",
				map[string]string{"ClusterName": "c", "ServiceName": "s"})))
	queued.ExecutionMode, queued.PipelineType = types.ExecutionModeQueued, types.PipelineTypeV2
	f.create(queued)
	if got := must(f.GetPipeline(ctx,
		&codepipeline.GetPipelineInput{Name: new("queued")}))(
		t).Pipeline; got.ExecutionMode != types.ExecutionModeQueued ||
		*got.Stages[2].Actions[0].ActionTypeId.Provider != "ECS" {
		t.Errorf("not kept: %+v", got)
	}
	_, err = f.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: new("queued")})
	says(t, err, "ECS")
}

func TestPipelineApprovals(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	f.create(declare("ask", source(), stage("Approve", approval("Ask"))))
	first := f.newest("ask", 1, types.PipelineExecutionStatusInProgress)
	token := f.token("ask", "Approve", "Ask", first)
	says(t, f.decide("ask", "Approve", "Ask", strings.Repeat("0", 8)+token[8:], types.ApprovalStatusApproved),
		"InvalidApprovalTokenException")
	says(t, f.decide("ask", "None", "Ask", token, types.ApprovalStatusApproved), "StageNotFoundException")
	says(t, f.decide("ask", "Approve", "None", token, types.ApprovalStatusApproved), "ActionNotFoundException")
	if err := f.decide("ask", "Approve", "Ask", token, types.ApprovalStatusRejected); err != nil {
		t.Fatal(err)
	}
	f.newest("ask", 1, types.PipelineExecutionStatusFailed)
	has(t, f.actions("ask", first), "Ask=Failed", "I have seen it")
	says(t, f.decide("ask", "Approve", "Ask", token, types.ApprovalStatusApproved), "ApprovalAlreadyCompletedException")
	// Retried, the stage asks again, with a token of its own.
	must(f.RetryStageExecution(ctx,
		&codepipeline.RetryStageExecutionInput{PipelineName: new("ask"), StageName: new("Approve"),
			PipelineExecutionId: &first, RetryMode: types.StageRetryModeFailedActions}))(t)
	f.newest("ask", 1, types.PipelineExecutionStatusInProgress)
	again := f.token("ask", "Approve", "Ask", first)
	says(t, f.decide("ask", "Approve", "Ask", token, types.ApprovalStatusApproved), "InvalidApprovalTokenException")
	if err := f.decide("ask", "Approve", "Ask", again, types.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	f.newest("ask", 1, types.PipelineExecutionStatusSucceeded)
	_, err := f.RetryStageExecution(ctx,
		&codepipeline.RetryStageExecutionInput{PipelineName: new("ask"), StageName: new("Approve"),
			PipelineExecutionId: &first, RetryMode: types.StageRetryModeFailedActions})
	says(t, err, "StageNotRetryableException")

	// A start with a token is one start; newer executions supersede those that wait before a stage.
	in := &codepipeline.StartPipelineExecutionInput{Name: new("ask"), ClientRequestToken: new("once")}
	second := *must(f.StartPipelineExecution(ctx, in))(t).PipelineExecutionId
	if same := *must(f.StartPipelineExecution(ctx, in))(t).PipelineExecutionId; same != second {
		t.Errorf("the same token started %s and %s", second, same)
	}
	f.token("ask", "Approve", "Ask", second)
	third := f.start("ask")
	eventually(t, "the third waits before the stage", func() error {
		out := must(f.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new("ask")}))(t)
		if in := out.StageStates[1].InboundExecution; in == nil || *in.PipelineExecutionId != third {
			return fmt.Errorf("inbound %v", in)
		}
		return nil
	})
	fourth := f.start("ask")
	f.newest("ask", 3, types.PipelineExecutionStatusSuperseded)
	must(f.StopPipelineExecution(ctx,
		&codepipeline.StopPipelineExecutionInput{PipelineName: new("ask"), PipelineExecutionId: &second, Abandon: true,
			Reason: new("make way")}))(t)
	f.newest("ask", 2, types.PipelineExecutionStatusStopped)
	_, err = f.StopPipelineExecution(ctx,
		&codepipeline.StopPipelineExecutionInput{PipelineName: new("ask"), PipelineExecutionId: &second})
	says(t, err, "PipelineExecutionNotStoppableException")
	if err := f.decide("ask", "Approve", "Ask", f.token("ask", "Approve", "Ask", fourth),
		types.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	f.newest("ask", 4, types.PipelineExecutionStatusSucceeded)

	// Transitions.
	_, err = f.DisableStageTransition(ctx,
		&codepipeline.DisableStageTransitionInput{PipelineName: new("ask"), StageName: new("None"),
			TransitionType: types.StageTransitionTypeInbound, Reason: new("r")})
	says(t, err, "StageNotFoundException")
	must(f.DisableStageTransition(ctx,
		&codepipeline.DisableStageTransitionInput{PipelineName: new("ask"), StageName: new("Approve"),
			TransitionType: types.StageTransitionTypeInbound, Reason: new("freeze")}))(t)
	fifth := f.start("ask")
	eventually(t, "the fifth stands at the closed transition", func() error {
		s := must(f.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new("ask")}))(t).StageStates[1]
		if *s.InboundTransitionState.DisabledReason != "freeze" || s.InboundTransitionState.Enabled {
			t.Fatalf("transition %+v", s.InboundTransitionState)
		}
		if s.InboundExecution == nil || *s.InboundExecution.PipelineExecutionId != fifth {
			return errors.New("not yet")
		}
		return nil
	})
	_, err = f.EnableStageTransition(ctx,
		&codepipeline.EnableStageTransitionInput{PipelineName: new("none"), StageName: new("Approve"),
			TransitionType: types.StageTransitionTypeInbound})
	says(t, err, "PipelineNotFoundException")
	must(f.EnableStageTransition(ctx,
		&codepipeline.EnableStageTransitionInput{PipelineName: new("ask"), StageName: new("Approve"),
			TransitionType: types.StageTransitionTypeInbound}))(t)
	f.token("ask", "Approve", "Ask", fifth)

	got := must(f.GetPipelineExecution(ctx,
		&codepipeline.GetPipelineExecutionInput{PipelineName: new("ask"), PipelineExecutionId: &fifth}))(
		t).PipelineExecution
	if got.Status != types.PipelineExecutionStatusInProgress || len(got.ArtifactRevisions) != 1 ||
		got.Trigger.TriggerType != types.TriggerTypeStartPipelineExecution {
		t.Errorf("execution %+v", got)
	}
	_, err = f.GetPipelineExecution(ctx,
		&codepipeline.GetPipelineExecutionInput{PipelineName: new("ask"), PipelineExecutionId: new(fifth[:35] + "0")})
	if fifth[35] != '0' {
		says(t, err, "PipelineExecutionNotFoundException")
	}
	n := 0
	for pages := codepipeline.NewListPipelineExecutionsPaginator(f.Client,
		&codepipeline.ListPipelineExecutionsInput{PipelineName: new("ask"),
			MaxResults: new(int32(2))}); pages.HasMorePages(); {
		n += len(must(pages.NextPage(ctx))(t).PipelineExecutionSummaries)
	}
	if n != 5 {
		t.Errorf("%d executions", n)
	}
	n = 0
	for pages := codepipeline.NewListActionExecutionsPaginator(f.Client,
		&codepipeline.ListActionExecutionsInput{PipelineName: new("ask"),
			MaxResults: new(int32(3))}); pages.HasMorePages(); {
		n += len(must(pages.NextPage(ctx))(t).ActionExecutionDetails)
	}
	if n != 10 { // five sources; approvals: two of the first, one of the second, the fourth and the fifth
		t.Errorf("%d action executions", n)
	}
	_, err = f.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: new("none")})
	says(t, err, "PipelineNotFoundException")
	_, err = f.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: new("none")})
	says(t, err, "PipelineNotFoundException")
}

// TestPipelineWays runs a version of an object through parallel builds, with variables and namespaces, to objects; a
// put starts it.
func TestPipelineWays(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	f.bucket("site", false)
	project := func(in *codebuild.CreateProjectInput) {
		in.Source.Type, in.Artifacts = bt.SourceTypeCodepipeline, &bt.ProjectArtifacts{
			Type: bt.ArtifactsTypeCodepipeline,
		}
	}
	f.inline("make",
		"version: 0.2\nenv:\n  exported-variables: [MADE]\nphases:\n  build:\n    commands:\n      - MADE=\"of $(cat "+
			"content.txt)\"\n      - export MADE\n      - echo \"$MADE\" > made.txt\nartifacts:\n  files: ['**/*']\n",
		project)
	f.inline("show", "version: 0.2\nphases:\n  build:\n    commands:\n      - echo \"shown $WHAT by $WHO\"\n", project)
	make1 := act("Make", types.ActionCategoryBuild, "CodeBuild", "src", "made",
		map[string]string{"ProjectName": "make"})
	make1.Namespace = new("make")
	show := act("Show", types.ActionCategoryTest, "CodeBuild", "made", "",
		map[string]string{"ProjectName": "show",
			"EnvironmentVariables": `[{"name":"WHAT","value":"#{make.MADE}"},{"name":"WHO","value":"#{variables.who}"}]`})
	other := act("Other", types.ActionCategoryTest, "CodeBuild", "src", "",
		map[string]string{"ProjectName": "show",
			"EnvironmentVariables": `[{"name":"WHAT","value":"#{source.ETag}"},{"name":"WHO","value":"#{codepipeline.PipelineExecutionId}"}]`})
	show.RunOrder, other.RunOrder = new(int32(1)), new(int32(1))
	files := act("Files", types.ActionCategoryDeploy, "S3", "made", "",
		map[string]string{"BucketName": "site", "Extract": "true", "ObjectKey": "v-#{variables.who}"})
	archive := act("Archive", types.ActionCategoryDeploy, "S3", "made", "",
		map[string]string{"BucketName": "site", "Extract": "false", "ObjectKey": "made.zip"})
	archive.RunOrder = new(int32(2))
	d := declare("ways", source(), stage("Build", make1), stage("Test", show, other), stage("Deploy", files, archive))
	d.PipelineType, d.Variables = types.PipelineTypeV2, []types.PipelineVariableDeclaration{{Name: new("who"),
		DefaultValue: new("nobody")}}
	f.create(d)
	first := f.newest("ways", 1, types.PipelineExecutionStatusSucceeded)
	if got := f.object("site", "v-nobody/made.txt"); got != "of one\n" {
		t.Errorf("made.txt is %q", got)
	}
	if got := f.object("site", "v-nobody/sub/more.txt"); got != "more" {
		t.Errorf("more.txt is %q", got)
	}
	r := must(zip.NewReader(strings.NewReader(f.object("site", "made.zip")),
		int64(len(f.object("site", "made.zip")))))(t)
	if file, err := r.Open("made.txt"); err != nil {
		t.Error(err)
	} else if text, err := io.ReadAll(file); err != nil || string(text) != "of one\n" {
		t.Errorf("in the archive: %q %v", text, err)
	}
	logs := ""
	out := must(f.ListActionExecutions(ctx,
		&codepipeline.ListActionExecutionsInput{PipelineName: new("ways"),
			Filter: &types.ActionExecutionFilter{PipelineExecutionId: &first}}))(t)
	for _, a := range out.ActionExecutionDetails {
		if *a.StageName == "Test" {
			logs += f.printed(*a.Output.ExecutionResult.ExternalExecutionId)
		}
	}
	has(t, logs, "shown of one by nobody", " by "+first)

	f.put("source", "src.zip", zipped(t, map[string]string{"content.txt": "two"})) // a put starts it
	f.newest("ways", 2, types.PipelineExecutionStatusSucceeded)
	if got := f.object("site", "v-nobody/made.txt"); got != "of two\n" {
		t.Errorf("after the put, made.txt is %q", got)
	}
	_, err := f.StartPipelineExecution(ctx,
		&codepipeline.StartPipelineExecutionInput{Name: new("ways"),
			Variables: []types.PipelineVariable{{Name: new("whom"), Value: new("x")}}})
	says(t, err, "ValidationException")
	must(f.StartPipelineExecution(ctx,
		&codepipeline.StartPipelineExecutionInput{Name: new("ways"),
			Variables: []types.PipelineVariable{{Name: new("who"), Value: new("ada")}}}))(t)
	f.newest("ways", 3, types.PipelineExecutionStatusSucceeded)
	if got := f.object("site", "v-ada/made.txt"); got != "of two\n" {
		t.Errorf("made.txt is %q", got)
	}
}

// TestPipelineStopAndRetry stops an execution in the middle of a build, waiting and not, and retries a failed stage.
func TestPipelineStopAndRetry(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	must(codecommit.NewFromConfig(f.sdk()).CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web")}))(t)
	dir := f.checkout("web")
	f.commit(dir, "first",
		map[string]string{
			"buildspec.yml": "version: 0.2\nphases:\n  build:\n    commands:\n      - cat content.txt\n      - sh " +
				"run.sh\n", "content.txt": "one\n",
			"run.sh": "echo waiting\nwhile :; do sleep 0.05; done\n",
		})
	f.git(dir, "push", "-q", "origin", "main")
	c := codebuild.NewFromConfig(f.sdk())
	must(c.CreateProject(ctx,
		&codebuild.CreateProjectInput{Name: new("web"), ServiceRole: new("arn:aws:iam::" + account + ":role/slipway"),
			Source:    &bt.ProjectSource{Type: bt.SourceTypeCodepipeline},
			Artifacts: &bt.ProjectArtifacts{Type: bt.ArtifactsTypeCodepipeline},
			Environment: &bt.ProjectEnvironment{Type: bt.EnvironmentTypeLinuxContainer, Image: new("host"),
				ComputeType: bt.ComputeTypeBuildGeneral1Small}}))(t)
	f.create(declare("web",
		stage("Source",
			act("Get", types.ActionCategorySource, "CodeCommit", "", "src",
				map[string]string{"RepositoryName": "web", "BranchName": "main"})),
		stage("Build",
			act("Build", types.ActionCategoryBuild, "CodeBuild", "src", "", map[string]string{"ProjectName": "web"}))))
	builds := func() []string {
		return must(c.ListBuilds(ctx, &codebuild.ListBuildsInput{SortOrder: bt.SortOrderTypeAscending}))(t).Ids
	}
	running := func(n int) string {
		var id string
		eventually(t, "the build runs", func() error {
			ids := builds()
			if len(ids) < n {
				return fmt.Errorf("%d builds", len(ids))
			}
			if id = ids[n-1]; true {
				if text, err := f.slipway("logs", id); err != nil || !strings.Contains(text, "waiting") {
					return errors.Join(err, fmt.Errorf("the log says %q", text))
				}
			}
			return nil
		})
		return id
	}
	b := running(1)
	first := f.newest("web", 1, types.PipelineExecutionStatusInProgress)
	must(f.StopPipelineExecution(ctx,
		&codepipeline.StopPipelineExecutionInput{PipelineName: new("web"), PipelineExecutionId: &first}))(t)
	_, err := f.StopPipelineExecution(ctx,
		&codepipeline.StopPipelineExecutionInput{PipelineName: new("web"), PipelineExecutionId: &first})
	says(t, err, "DuplicatedStopRequestException")
	f.newest("web", 1, types.PipelineExecutionStatusStopping) // it waits for the build
	must(c.StopBuild(ctx, &codebuild.StopBuildInput{Id: &b}))(t)
	if got := f.ended(b); got.BuildStatus != bt.StatusTypeStopped {
		t.Errorf("the build is %s", got.BuildStatus)
	}
	eventually(t, "the execution ends", func() error {
		got := must(f.GetPipelineExecution(ctx,
			&codepipeline.GetPipelineExecutionInput{PipelineName: new("web"), PipelineExecutionId: &first}))(
			t).PipelineExecution.Status
		if got != types.PipelineExecutionStatusStopped && got != types.PipelineExecutionStatusFailed {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})

	f.commit(dir, "second", map[string]string{"run.sh": "exit 5\n"})
	f.git(dir, "push", "-q", "origin", "main")
	second := f.newest("web", 2, types.PipelineExecutionStatusFailed)
	has(t, f.actions("web", second), "Build=Failed")
	f.commit(dir, "third", map[string]string{"run.sh": "true\n"})
	f.git(dir, "push", "-q", "origin", "main")
	f.newest("web", 3, types.PipelineExecutionStatusSucceeded)
	_, err = f.RetryStageExecution(ctx,
		&codepipeline.RetryStageExecutionInput{PipelineName: new("web"), StageName: new("Build"),
			PipelineExecutionId: &second, RetryMode: types.StageRetryModeAllActions})
	says(t, err, "NotLatestPipelineExecutionException")
	if n := len(builds()); n != 3 {
		t.Errorf("%d builds", n)
	}
}
