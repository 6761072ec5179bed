package e2e

import (
	"archive/zip"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// commandsOf is a pipeline of type V2 with an action that runs commands after its source.
func commandsOf(name string, a types.ActionDeclaration) *types.PipelineDeclaration {
	d := declare(name, source(), stage("Run", a), stage("Keep", act("Copy", types.ActionCategoryDeploy, "S3", "made", "",
		map[string]string{"BucketName": "artifacts", "ObjectKey": "#{run.WORD}.zip", "Extract": "false"})))
	d.PipelineType = types.PipelineTypeV2
	d.Variables = []types.PipelineVariableDeclaration{{Name: new("word"), DefaultValue: new("green")}}
	return d
}

// TestCommands: an action runs commands without a project, with its environment, as the pipeline's role and as its own.
func TestCommands(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	ctx := t.Context()
	a := act("Say", types.ActionCategoryCompute, "Commands", "src", "made", nil)
	a.Namespace = new("run")
	a.Commands = []string{
		`test -f content.txt && echo "the word is #{variables.word}, the colour $COLOUR" > said.txt`,
		`export WORD="#{variables.word}-word" && mkdir -p sub && echo deep > sub/deep.txt`,
	}
	a.EnvironmentVariables = []types.EnvironmentVariable{{Name: new("COLOUR"), Value: new("#{variables.word}ish")}}
	a.OutputVariables = []string{"WORD", "CODEBUILD_BUILD_ID"}
	a.OutputArtifacts[0].Files = []string{"said.txt", "sub/**/*"}
	f.create(commandsOf("run", a))
	id := f.newest("run", 1, types.PipelineExecutionStatusSucceeded)

	out := must(f.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: new("run"),
		Filter: &types.ActionExecutionFilter{PipelineExecutionId: &id}}))(t)
	ran := out.ActionExecutionDetails[1].Output
	if ran.OutputVariables["WORD"] != "green-word" ||
		ran.OutputVariables["CODEBUILD_BUILD_ID"] != *ran.ExecutionResult.ExternalExecutionId {
		t.Errorf("the variables are %v of %s", ran.OutputVariables, *ran.ExecutionResult.ExternalExecutionId)
	}
	files := f.unpacked("artifacts", "green-word.zip")
	if files["said.txt"] != "the word is green, the colour greenish\n" || files["sub/deep.txt"] != "deep\n" ||
		files["content.txt"] != "" {
		t.Errorf("the artifact has %v", files)
	}
	if text := f.text("logGroups[].logGroupName", "logs describe-log-groups"); !strings.Contains(text,
		"/aws/codepipeline/run") {
		t.Errorf("log groups: %s", text)
	}
	f.roles(a)
}

// roles runs commands as a role that trusts CodePipeline alone, and as one that trusts that role alone.
func (f *flow) roles(a types.ActionDeclaration) {
	f.t.Helper()
	pipes := f.role("pipes", "codepipeline.amazonaws.com", "s3:*", "logs:*", "sts:AssumeRole")
	trust := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
		"Principal": {"AWS": "` + pipes + `"}}]}`
	f.command("iam create-role --role-name own --assume-role-policy-document", trust)
	f.command("iam put-role-policy --role-name own --policy-name rights --policy-document",
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", "Action": ["s3:*", "logs:*"]}]}`)
	a.Commands = []string{
		`AUTHORIZATION="Authorization: $(cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)"`,
		`C=$(curl -sS -H "$AUTHORIZATION" $AWS_CONTAINER_CREDENTIALS_FULL_URI)`,
		`get() { echo "$C" | sed -E "s/.*\"$1\": ?\"([^\"]*)\".*/\\1/"; }`,
		`WHO=$(curl -sS --aws-sigv4 "aws:amz:$AWS_REGION:sts" -u "$(get AccessKeyId):$(get SecretAccessKey)" ` +
			`-H "x-amz-security-token: $(get Token)" -d "Action=GetCallerIdentity&Version=2011-06-15" $AWS_ENDPOINT_URL/)`,
		`export WORD=$(echo "$WHO" | sed -n 's/.*assumed-role.\([a-z]*\)\/.*/\1/p' | head -n 1)`,
		`echo "$WORD" > said.txt`,
	}
	own := "arn:aws:iam::" + account + ":role/own"
	for name, role := range map[string]*string{"pipes": nil, "own": &own} {
		a.RoleArn = role
		d := commandsOf("as-"+name, a)
		d.RoleArn = &pipes
		f.create(d)
		f.newest("as-"+name, 1, types.PipelineExecutionStatusSucceeded)
		if files := f.unpacked("artifacts", name+".zip"); files["said.txt"] != name+"\n" {
			f.t.Errorf("the commands acted as %q, not as %s", files["said.txt"], name)
		}
	}
}

// unpacked are the files of a zip by their names.
func (f *flow) unpacked(bucket, key string) map[string]string {
	f.t.Helper()
	archive := f.object(bucket, key)
	files := map[string]string{}
	for _, file := range must(zip.NewReader(strings.NewReader(archive), int64(len(archive))))(f.t).File {
		r := must(file.Open())(f.t)
		files[file.Name] = string(must(io.ReadAll(r))(f.t))
		_ = r.Close()
	}
	return files
}
