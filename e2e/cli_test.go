package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bt "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// TestTheCLIDrivesEverything calls each promised operation with the aws CLI; see registry.check.
func TestTheCLIDrivesEverything(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	f := newFlow(t)
	cli(t)
	run, text := f.command, f.text
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("content of a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	arn := func(service, resource string) string {
		return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
	}
	tags := func(command, arn string) {
		t.Helper()
		list := map[string]string{"codecommit": "--tags stage=one,team=b",
			"codepipeline": "--tags key=stage,value=one key=team,value=b",
			"deploy":       "--tags Key=stage,Value=one Key=team,Value=b"}[command]
		run(command + " tag-resource --resource-arn " + arn + " " + list)
		run(command + " untag-resource --resource-arn " + arn + " --tag-keys team")
		if got := run(command + " list-tags-for-resource --resource-arn " + arn); !strings.Contains(got, "stage") ||
			strings.Contains(got, "team") {
			t.Errorf("tags of %s: %s", arn, got)
		}
	}

	t.Run("codecommit", func(t *testing.T) {
		run("codecommit create-repository --repository-name web --repository-description first")
		run("codecommit update-repository-description --repository-name web --repository-description second")
		if got := text("repositoryMetadata.repositoryDescription",
			"codecommit get-repository --repository-name web"); got != "second" {
			t.Error(got)
		}
		if got := text("[repositories[0].repositoryName, repositoriesNotFound[0]]",
			"codecommit batch-get-repositories --repository-names web none"); got != "web\tnone" {
			t.Error(got)
		}
		first := text("commitId",
			"codecommit put-file --repository-name web --branch-name main --file-path a.txt --commit-message first "+
				"--file-content fileb://"+dir+"/a.txt")
		second := text("commitId",
			"codecommit create-commit --repository-name web --branch-name main --parent-commit-id "+first+
				" --put-files filePath=sub/b.txt,fileContent=YWJj")
		run("codecommit create-branch --repository-name web --branch-name topic --commit-id " + first)
		if got := text("branch.commitId",
			"codecommit get-branch --repository-name web --branch-name topic"); got != first {
			t.Error(got)
		}
		if got := text("branches", "codecommit list-branches --repository-name web"); got != "main\ttopic" {
			t.Error(got)
		}
		run("codecommit update-default-branch --repository-name web --default-branch-name topic")
		if got := text("commit.parents[0]",
			"codecommit get-commit --repository-name web --commit-id "+second); got != first {
			t.Error(got)
		}
		if got := text("commits[].commitId",
			"codecommit batch-get-commits --repository-name web --commit-ids "+first+" "+second); !strings.Contains(got,
			second) {
			t.Error(got)
		}
		blob := text("blobId", "codecommit get-file --repository-name web --file-path a.txt --commit-specifier main")
		if got := text("content",
			"codecommit get-blob --repository-name web --blob-id "+blob); got != "Y29udGVudCBvZiBhCg==" {
			t.Error(got)
		}
		if got := text("subFolders[0].absolutePath",
			"codecommit get-folder --repository-name web --folder-path / --commit-specifier main"); got != "sub" {
			t.Error(got)
		}
		if got := text("differences[].[changeType, afterBlob.path]",
			"codecommit get-differences --repository-name web --before-commit-specifier "+first+
				" --after-commit-specifier main"); got != "A\tsub/b.txt" {
			t.Error(got)
		}
		run(
			"codecommit delete-file --repository-name web --branch-name main --file-path sub/b.txt " +
				"--parent-commit-id " + second)
		run("codecommit delete-branch --repository-name web --branch-name main")
		tags("codecommit", arn("codecommit", "web"))
		run("codecommit update-repository-name --old-name web --new-name site")
		if got := text("repositories[].repositoryName", "codecommit list-repositories"); got != "site" {
			t.Error(got)
		}
		run("codecommit delete-repository --repository-name site")
	})

	t.Run("codebuild", func(t *testing.T) {
		spec := "version: 0.2\nphases:\n  build:\n    commands:\n      - |\n        echo '" + junit +
			"' > junit.xml\nreports:\n  unit:\n    files: junit.xml\n"
		project := string(
			must(json.Marshal(map[string]any{"name": "tests", "serviceRole": "arn:aws:iam::" + account + ":role/slipway",
				"source":    map[string]string{"type": "NO_SOURCE", "buildspec": spec},
				"artifacts": map[string]string{"type": "NO_ARTIFACTS"},
				"environment": map[string]string{"type": "LINUX_CONTAINER", "image": "host",
					"computeType": "BUILD_GENERAL1_SMALL"}}))(t))
		run("codebuild create-project --cli-input-json", project)
		run("codebuild update-project --name tests --description changed")
		if got := text("projects[0].description", "codebuild batch-get-projects --names tests"); got != "changed" {
			t.Error(got)
		}
		if got := text("projects", "codebuild list-projects"); got != "tests" {
			t.Error(got)
		}
		id := text("build.id", "codebuild start-build --project-name tests")
		if b := f.ended(id); b.BuildStatus != bt.StatusTypeSucceeded {
			t.Fatal(steps(b))
		}
		if got := text("builds[0].[buildStatus, phases[-1].phaseType]",
			"codebuild batch-get-builds --ids "+id); got != "SUCCEEDED\tCOMPLETED" {
			t.Error(got)
		}
		again := text("build.id", "codebuild retry-build --id "+id)
		f.ended(again)
		if got := text("build.buildStatus", "codebuild stop-build --id "+again); got != "SUCCEEDED" {
			t.Error(got)
		}
		if got := text("ids", "codebuild list-builds"); got != again+"\t"+id {
			t.Error(got)
		}
		if got := text("ids[0]",
			"codebuild list-builds-for-project --project-name tests --sort-order ASCENDING"); got != id {
			t.Error(got)
		}
		group := arn("codebuild", "report-group/tests-unit")
		mine := text("reportGroup.arn",
			"codebuild create-report-group --name mine --type TEST --export-config exportConfigType=NO_EXPORT")
		run("codebuild update-report-group --tags key=a,value=b --arn " + mine)
		if got := text("reportGroups",
			"codebuild list-report-groups --sort-by NAME --sort-order ASCENDING"); got != mine+"\t"+group {
			t.Error(got)
		}
		if got := text("reportGroups[0].tags[0].value",
			"codebuild batch-get-report-groups --report-group-arns "+mine); got != "b" {
			t.Error(got)
		}
		report := text("reports[0]", "codebuild list-reports-for-report-group --report-group-arn "+group)
		if got := text("reports[0]", "codebuild list-reports --filter status=FAILED"); got != report {
			t.Error(got)
		}
		if got := text("reports[0].testSummary.total",
			"codebuild batch-get-reports --report-arns "+report); got != "3" {
			t.Error(got)
		}
		if got := text("testCases[].name",
			"codebuild describe-test-cases --filter status=FAILED --report-arn "+report); got != "bad" {
			t.Error(got)
		}
		hosted := strings.Replace(strings.Replace(project, `"name":"tests"`, `"name":"hosted"`, 1), `"type":"NO_SOURCE"`,
			`"type":"GITHUB","location":"https://github.com/o/r.git"`, 1)
		run("codebuild create-project --cli-input-json", hosted)
		if got := text("webhook.secret", "codebuild create-webhook --project-name hosted --manual-creation "+
			`--filter-groups [[{"type":"EVENT","pattern":"PUSH"}]]`); len(got) < 30 {
			t.Error(got)
		}
		run("codebuild update-webhook --project-name hosted --rotate-secret")
		run("codebuild delete-webhook --project-name hosted")
		run("codebuild import-source-credentials --token tok-1 --server-type GITHUB --auth-type PERSONAL_ACCESS_TOKEN")
		token := text("sourceCredentialsInfos[].arn", "codebuild list-source-credentials")
		run("codebuild delete-source-credentials --arn " + token)
		shared := arn("codebuild", "project/tests")
		run("codebuild update-project-visibility --project-visibility PUBLIC_READ --project-arn " + shared)
		run("codebuild put-resource-policy --resource-arn "+shared+" --policy",
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+
				`:root"},"Action":"codebuild:BatchGetBuilds","Resource":"`+shared+`"}]}`)
		run("codebuild get-resource-policy --resource-arn " + shared)
		if got := text("projects", "codebuild list-shared-projects"); got != shared {
			t.Error(got)
		}
		run("codebuild list-shared-report-groups")
		run("codebuild delete-resource-policy --resource-arn " + shared)
		run("codebuild delete-report --arn " + report)
		run("codebuild delete-report-group --delete-reports --arn " + group)
		if got := text("buildsDeleted", "codebuild batch-delete-builds --ids "+again); !strings.HasSuffix(got, again) {
			t.Error(got)
		}
		run("codebuild delete-project --name tests")
	})

	t.Run("logs", func(t *testing.T) {
		group := text("logGroups[0].logGroupName", "logs describe-log-groups --log-group-name-prefix /aws/codebuild")
		stream := text("logStreams[0].logStreamName", "logs describe-log-streams --log-group-name "+group)
		has(t, run("logs get-log-events --start-from-head --log-group-name "+group+" --log-stream-name "+stream),
			"Entering phase BUILD")
		has(t, run("logs filter-log-events --log-group-name "+group+" --filter-pattern", `"Phase complete: BUILD"`),
			"SUCCEEDED")
	})

	t.Run("users", func(t *testing.T) {
		if got := text("Account", "sts get-caller-identity"); got != account {
			t.Error(got)
		}
		const user = " --user-name administrator "
		id := text("ServiceSpecificCredential.ServiceSpecificCredentialId",
			"iam create-service-specific-credential --service-name codecommit.amazonaws.com"+user)
		if got := text("ServiceSpecificCredentials[0].ServiceSpecificCredentialId",
			"iam list-service-specific-credentials"+user); got != id {
			t.Error(got)
		}
		run("iam delete-service-specific-credential --service-specific-credential-id " + id + user)
		key := text("AccessKey.AccessKeyId", "iam create-access-key"+user)
		run("iam update-access-key --status Inactive --access-key-id " + key + user)
		if got := text("AccessKeyMetadata[?AccessKeyId=='"+key+"'] | [0].Status",
			"iam list-access-keys"+user); got != "Inactive" {
			t.Error(got)
		}
		run("iam delete-access-key --access-key-id " + key + user)
	})

	t.Run("codepipeline", func(t *testing.T) {
		definition := func(stage string) string {
			return `{"name": "ask", "roleArn": "arn:aws:iam::` + account +
				`:role/slipway", "artifactStore": {"type": "S3", "location": "artifacts"}, "stages": [
				{"name": "Source", "actions": [{"name": "Get", "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}, "configuration": {"S3Bucket": "source", "S3ObjectKey": "src.zip"}, "outputArtifacts": [{"name": "src"}]}]},
				{"name": "` + stage + `", "actions": [{"name": "Ask", "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}}]}]}`
		}
		run("codepipeline create-pipeline --pipeline", definition("Decide"))
		first := f.newest("ask", 1, types.PipelineExecutionStatusInProgress)
		token := f.token("ask", "Decide", "Ask", first)
		if got := text("stageStates[1].actionStates[0].latestExecution.token",
			"codepipeline get-pipeline-state --name ask"); got != token {
			t.Error(got)
		}
		run(
			"codepipeline put-approval-result --pipeline-name ask --stage-name Decide --action-name Ask --result " +
				"summary=no,status=Rejected --token " + token)
		f.newest("ask", 1, types.PipelineExecutionStatusFailed)
		run(
			"codepipeline retry-stage-execution --pipeline-name ask --stage-name Decide --retry-mode FAILED_ACTIONS " +
				"--pipeline-execution-id " + first)
		f.newest("ask", 1, types.PipelineExecutionStatusInProgress)
		run("codepipeline stop-pipeline-execution --abandon --pipeline-name ask --pipeline-execution-id " + first)
		f.newest("ask", 1, types.PipelineExecutionStatusStopped)
		if got := text("pipelineExecution.status",
			"codepipeline get-pipeline-execution --pipeline-name ask --pipeline-execution-id "+
				first); got != "Stopped" {
			t.Error(got)
		}
		if got := text("actionExecutionDetails[].actionName",
			"codepipeline list-action-executions --pipeline-name ask"); got != "Ask\tAsk\tGet" {
			t.Error(got)
		}
		if got := text("pipelineExecutionSummaries[].pipelineExecutionId",
			"codepipeline list-pipeline-executions --pipeline-name ask"); got != first {
			t.Error(got)
		}
		run("codepipeline retry-stage-execution --pipeline-name ask --stage-name Decide --retry-mode ALL_ACTIONS " +
			"--pipeline-execution-id " + first)
		run("codepipeline put-approval-result --pipeline-name ask --stage-name Decide --action-name Ask --result " +
			"summary=yes,status=Approved --token " + f.token("ask", "Decide", "Ask", first))
		f.newest("ask", 1, types.PipelineExecutionStatusSucceeded)
		if got := text("ruleTypes[?id.provider=='DeploymentWindow'].id.owner",
			"codepipeline list-rule-types"); got != "AWS" {
			t.Error(got)
		}
		run("codepipeline create-pipeline --pipeline", strings.NewReplacer(`"ask"`, `"never"`, `"stages"`,
			`"pipelineType": "V2", "stages"`, `{"name": "Decide",`, `{"name": "Decide", "beforeEntry": {"conditions": [{"result": "FAIL",
				"rules": [{"name": "No", "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
					"configuration": {"Variable": "1", "Operator": "EQ", "Value": "2"}}]}]},`).Replace(definition("Decide")))
		never := f.newest("never", 1, types.PipelineExecutionStatusFailed)
		if got := text("ruleExecutionDetails[].[ruleName,status]",
			"codepipeline list-rule-executions --pipeline-name never"); got != "No\tFailed" {
			t.Error(got)
		}
		run("codepipeline override-stage-condition --pipeline-name never --stage-name Decide --condition-type BEFORE_ENTRY " +
			"--pipeline-execution-id " + never)
		f.token("never", "Decide", "Ask", never)
		run("codepipeline delete-pipeline --name never")
		back := text("pipelineExecutionId", "codepipeline rollback-stage --pipeline-name ask --stage-name Decide "+
			"--target-pipeline-execution-id "+first)
		f.token("ask", "Decide", "Ask", back)
		run("codepipeline stop-pipeline-execution --abandon --pipeline-name ask --pipeline-execution-id " + back)
		run(
			"codepipeline disable-stage-transition --pipeline-name ask --stage-name Decide --transition-type Inbound " +
				"--reason freeze")
		run("codepipeline enable-stage-transition --pipeline-name ask --stage-name Decide --transition-type Inbound")
		second := text("pipelineExecutionId", "codepipeline start-pipeline-execution --name ask")
		f.token("ask", "Decide", "Ask", second)
		if got := text("pipeline.version", "codepipeline update-pipeline --pipeline",
			definition("Choose")); got != "2" {
			t.Error(got)
		}
		if got := text("pipeline.stages[1].name",
			"codepipeline get-pipeline --name ask --pipeline-version 1"); got != "Decide" {
			t.Error(got)
		}
		if got := text("pipelines[].name", "codepipeline list-pipelines"); got != "ask" {
			t.Error(got)
		}
		has(t, run("codepipeline list-action-types --action-owner-filter AWS"), "CodeDeploy")
		has(t, run("codepipeline get-action-type --category Build --owner AWS --provider CodeBuild --action-version 1"),
			"CodeBuild")
		tags("codepipeline", arn("codepipeline", "ask"))
		run("codepipeline put-webhook --webhook", `{"name": "hook", "targetPipeline": "ask", "targetAction": "Get",
			"filters": [{"jsonPath": "$.ref"}], "authentication": "UNAUTHENTICATED", "authenticationConfiguration": {}}`)
		tags("codepipeline", arn("codepipeline", "webhook:hook"))
		run("codepipeline deregister-webhook-with-third-party --webhook-name hook")
		if got := text("webhooks[].definition.targetAction", "codepipeline list-webhooks"); got != "Get" {
			t.Error(got)
		}
		run("codepipeline delete-webhook --name hook")
		if got := text("newRevision", "codepipeline put-action-revision --pipeline-name ask --stage-name Source "+
			"--action-name Get --action-revision revisionId=v,revisionChangeId=c,created=2026-01-02"); got != "True" {
			t.Error(got)
		}
		run("codepipeline delete-pipeline --name ask")
	})

	t.Run("codedeploy", func(t *testing.T) {
		f.run(f.host("web1", map[string]string{"role": "web"}))
		f.put("artifacts", "bundle.zip",
			zipped(t,
				map[string]string{
					"appspec.yml": "version: 0.0\nos: linux\nfiles:\n  - source: page\n    destination: /srv\n",
					"page":        "page",
				}))
		const app, group = " --application-name shop ", " --deployment-group-name prod "
		revision := " --s3-location bucket=artifacts,key=bundle.zip,bundleType=zip "
		run("deploy create-application --application-name store")
		run("deploy update-application --application-name store --new-application-name shop")
		if got := text("application.applicationName", "deploy get-application"+app); got != "shop" {
			t.Error(got)
		}
		if got := text("applicationsInfo[].applicationName",
			"deploy batch-get-applications --application-names shop"); got != "shop" {
			t.Error(got)
		}
		if got := text("applications", "deploy list-applications"); got != "shop" {
			t.Error(got)
		}
		run(
			"deploy create-deployment-config --deployment-config-name all --minimum-healthy-hosts " +
				"type=HOST_COUNT,value=0")
		if got := text("deploymentConfigInfo.minimumHealthyHosts.value",
			"deploy get-deployment-config --deployment-config-name all"); got != "0" {
			t.Error(got)
		}
		has(t, run("deploy list-deployment-configs"), "\"all\"", "CodeDeployDefault.OneAtATime")
		run("deploy create-deployment-group" + app + group +
			"--on-premises-instance-tag-filters Key=role,Value=web,Type=KEY_AND_VALUE --service-role-arn " + role)
		run("deploy update-deployment-group" + app +
			"--current-deployment-group-name prod --deployment-config-name all")
		if got := text("deploymentGroupInfo.deploymentConfigName",
			"deploy get-deployment-group"+app+group); got != "all" {
			t.Error(got)
		}
		if got := text("deploymentGroupsInfo[].deploymentGroupName",
			"deploy batch-get-deployment-groups"+app+"--deployment-group-names prod"); got != "prod" {
			t.Error(got)
		}
		if got := text("deploymentGroups", "deploy list-deployment-groups"+app); got != "prod" {
			t.Error(got)
		}
		run("deploy register-application-revision" + app + revision + "--description first")
		if got := text("revisionInfo.description", "deploy get-application-revision"+app+revision); got == "" {
			t.Error(got)
		}
		has(t,
			run("deploy batch-get-application-revisions"+app+
				"--revisions revisionType=S3,s3Location={bucket=artifacts,key=bundle.zip,bundleType=zip}"),
			"bundle.zip")
		has(t, run("deploy list-application-revisions"+app), "bundle.zip")

		run("deploy register-on-premises-instance --instance-name web2 --iam-user-arn arn:aws:iam::" + account +
			":user/web2")
		run(
			"deploy add-tags-to-on-premises-instances --instance-names web2 --tags Key=role,Value=idle " +
				"Key=more,Value=x")
		run("deploy remove-tags-from-on-premises-instances --instance-names web2 --tags Key=more,Value=x")
		if got := text("instanceInfo.tags[].Value",
			"deploy get-on-premises-instance --instance-name web2"); got != "idle" {
			t.Error(got)
		}
		if got := text("instanceInfos[].instanceName",
			"deploy batch-get-on-premises-instances --instance-names web2"); got != "web2" {
			t.Error(got)
		}
		if got := text("instanceNames",
			"deploy list-on-premises-instances --registration-status Registered"); got != "web1\tweb2" {
			t.Error(got)
		}
		id := text("deploymentId", "deploy create-deployment"+app+group+revision)
		eventually(t, "the deployment's end", func() error {
			if got := text("deploymentInfo.status", "deploy get-deployment --deployment-id "+id); got != "Succeeded" {
				return errors.New(got)
			}
			return nil
		})
		if got := text("deploymentsInfo[].status",
			"deploy batch-get-deployments --deployment-ids "+id); got != "Succeeded" {
			t.Error(got)
		}
		if got := text("deployments", "deploy list-deployments"+app+group); got != id {
			t.Error(got)
		}
		target := text("targetIds", "deploy list-deployment-targets --deployment-id "+id)
		if got := text("deploymentTarget.instanceTarget.status",
			"deploy get-deployment-target --deployment-id "+id+" --target-id "+target); got != "Succeeded" {
			t.Error(got)
		}
		if got := text("deploymentTargets[].instanceTarget.status",
			"deploy batch-get-deployment-targets --deployment-id "+id+" --target-ids "+target); got != "Succeeded" {
			t.Error(got)
		}
		// The instance without an agent lets a deployment wait, which can be stopped.
		run("deploy create-deployment-group" + app +
			"--deployment-group-name idle --on-premises-instance-tag-filters Key=role,Value=idle,Type=KEY_AND_VALUE " +
			"--service-role-arn " + role)
		idle := text("deploymentId", "deploy create-deployment"+app+"--deployment-group-name idle"+revision)
		run("deploy stop-deployment --deployment-id " + idle)
		_, err := f.awsFails("deploy", "continue-deployment", "--deployment-id", id)
		says(t, err, "Exception")
		tags("deploy", arn("codedeploy", "application:shop"))
		run("deploy deregister-on-premises-instance --instance-name web2")
		run("deploy delete-deployment-group" + app + "--deployment-group-name idle")
		run("deploy delete-deployment-config --deployment-config-name unused")
		run("deploy delete-application" + app)
	})
}
