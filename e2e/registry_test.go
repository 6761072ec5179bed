package e2e

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"slipway/internal/app"
)

// promised are the operations that this version promises, by the names that docs/compatibility.md gives the services.
var promised = map[string]string{
	"codecommit": `CreateRepository GetRepository BatchGetRepositories ListRepositories DeleteRepository UpdateRepositoryName UpdateRepositoryDescription
		UpdateDefaultBranch CreateBranch GetBranch ListBranches DeleteBranch GetCommit BatchGetCommits GetBlob GetFile GetFolder GetDifferences PutFile
		DeleteFile CreateCommit TagResource UntagResource ListTagsForResource`,
	"codebuild": `CreateProject UpdateProject DeleteProject BatchGetProjects ListProjects StartBuild StopBuild RetryBuild BatchGetBuilds BatchDeleteBuilds
		ListBuilds ListBuildsForProject CreateReportGroup UpdateReportGroup DeleteReportGroup BatchGetReportGroups ListReportGroups BatchGetReports
		DeleteReport ListReports ListReportsForReportGroup DescribeTestCases CreateWebhook UpdateWebhook DeleteWebhook
		ImportSourceCredentials ListSourceCredentials DeleteSourceCredentials UpdateProjectVisibility PutResourcePolicy
		GetResourcePolicy DeleteResourcePolicy ListSharedProjects ListSharedReportGroups StartSandbox StopSandbox
		BatchGetSandboxes ListSandboxes ListSandboxesForProject StartCommandExecution BatchGetCommandExecutions
		ListCommandExecutionsForSandbox BatchGetBuildBatches BatchGetFleets CreateFleet DeleteBuildBatch DeleteFleet
		DescribeCodeCoverages GetReportGroupTrend InvalidateProjectCache ListBuildBatches ListBuildBatchesForProject
		ListCuratedEnvironmentImages ListFleets RetryBuildBatch StartBuildBatch StartSandboxConnection StopBuildBatch
		UpdateFleet`,
	"codepipeline": `CreatePipeline GetPipeline UpdatePipeline DeletePipeline ListPipelines StartPipelineExecution StopPipelineExecution GetPipelineExecution
		ListPipelineExecutions GetPipelineState ListActionExecutions ListActionTypes GetActionType PutApprovalResult EnableStageTransition
		DisableStageTransition RetryStageExecution RollbackStage ListRuleTypes
		ListRuleExecutions OverrideStageCondition TagResource UntagResource ListTagsForResource
		CreateCustomActionType DeleteCustomActionType UpdateActionType PollForJobs AcknowledgeJob GetJobDetails
		PutJobSuccessResult PutJobFailureResult PollForThirdPartyJobs AcknowledgeThirdPartyJob GetThirdPartyJobDetails
		PutThirdPartyJobSuccessResult PutThirdPartyJobFailureResult PutWebhook ListWebhooks DeleteWebhook
		DeregisterWebhookWithThirdParty PutActionRevision ListDeployActionExecutionTargets`,
	"codedeploy": `CreateApplication GetApplication BatchGetApplications ListApplications UpdateApplication DeleteApplication CreateDeploymentGroup
		GetDeploymentGroup BatchGetDeploymentGroups ListDeploymentGroups UpdateDeploymentGroup DeleteDeploymentGroup CreateDeploymentConfig
		GetDeploymentConfig ListDeploymentConfigs DeleteDeploymentConfig RegisterApplicationRevision GetApplicationRevision BatchGetApplicationRevisions
		ListApplicationRevisions RegisterOnPremisesInstance GetOnPremisesInstance BatchGetOnPremisesInstances ListOnPremisesInstances
		DeregisterOnPremisesInstance AddTagsToOnPremisesInstances RemoveTagsFromOnPremisesInstances CreateDeployment GetDeployment BatchGetDeployments
		ListDeployments StopDeployment ContinueDeployment GetDeploymentTarget BatchGetDeploymentTargets ListDeploymentTargets TagResource UntagResource
		ListTagsForResource`,
	"codedeploycommand": `PollHostCommand PutHostCommandAcknowledgement GetDeploymentSpecification PutHostCommandComplete`,
	"codeconnections": `CreateConnection GetConnection ListConnections DeleteConnection CreateHost GetHost ListHosts UpdateHost DeleteHost TagResource
		UntagResource ListTagsForResource`,
	"logs": `DescribeLogGroups DescribeLogStreams GetLogEvents FilterLogEvents`,
	"sts":  `GetCallerIdentity`,
	"iam": `CreateServiceSpecificCredential ListServiceSpecificCredentials DeleteServiceSpecificCredential UploadServerCertificate GetServerCertificate
		ListServerCertificates DeleteServerCertificate CreateAccessKey ListAccessKeys UpdateAccessKey DeleteAccessKey`,
	"elbv2": `CreateLoadBalancer DescribeLoadBalancers DeleteLoadBalancer DescribeLoadBalancerAttributes ModifyLoadBalancerAttributes CreateListener
		DescribeListeners ModifyListener DeleteListener DescribeListenerAttributes ModifyListenerAttributes AddListenerCertificates
		DescribeListenerCertificates RemoveListenerCertificates CreateRule DescribeRules ModifyRule DeleteRule SetRulePriorities CreateTargetGroup
		DescribeTargetGroups ModifyTargetGroup DeleteTargetGroup DescribeTargetGroupAttributes ModifyTargetGroupAttributes RegisterTargets
		DeregisterTargets DescribeTargetHealth AddTags RemoveTags DescribeTags DescribeAccountLimits DescribeSSLPolicies`,
	"cloudwatch": `PutMetricAlarm DescribeAlarms DescribeAlarmsForMetric DescribeAlarmHistory DeleteAlarms SetAlarmState EnableAlarmActions DisableAlarmActions
		ListMetrics GetMetricStatistics GetMetricData PutMetricData TagResource UntagResource ListTagsForResource`,
}

// driven are the services all of whose promised operations are driven here; those of the others are driven by the
// tests of their stages.
var driven = []string{"codecommit", "codebuild", "codepipeline", "codedeploy", "logs", "sts", "iam", "cloudwatch",
	"elbv2"}

// names are those of docs/compatibility.md for what the SDK calls its services.
var names = map[string]string{"CodeCommit": "codecommit", "CodeBuild": "codebuild", "CodePipeline": "codepipeline",
	"CodeDeploy": "codedeploy", "CodeConnections": "codeconnections",
	"CloudWatch Logs": "logs", "STS": "sts", "IAM": "iam", "S3": "s3", "CloudWatch": "cloudwatch",
	"Elastic Load Balancing v2": "elbv2"}

// commands are the aws CLI's for what docs/compatibility.md calls its services.
var commands = map[string]string{"codecommit": "codecommit", "codebuild": "codebuild", "codepipeline": "codepipeline",
	"codedeploy": "deploy", "logs": "logs", "sts": "sts", "iam": "iam", "cloudwatch": "cloudwatch",
	"elbv2": "elbv2"}

// kebab is what the aws CLI calls an operation: describe-ssl-policies for DescribeSSLPolicies.
func kebab(operation string) string {
	var b strings.Builder
	letters := []rune(operation)
	for i, c := range letters {
		if unicode.IsUpper(c) && i > 0 &&
			(unicode.IsLower(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1])) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// registry keeps which operations the tests drove to success.
type registry struct {
	mu        sync.Mutex
	succeeded map[string]bool
	cli       bool // the aws CLI is here
}

var exercised registry

func (r *registry) note(service, operation string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.succeeded == nil {
		r.succeeded = map[string]bool{}
	}
	r.cli = r.cli || strings.HasPrefix(service, "aws ")
	if err == nil {
		r.succeeded[service+" "+operation] = true
	}
}

// record is a middleware of the SDK that notes what was called.
func (r *registry) record(stack *middleware.Stack) error {
	return stack.Initialize.Add(
		middleware.InitializeMiddlewareFunc(
			"exercised", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error) {
				out, meta, err := next.HandleInitialize(ctx, in)
				r.note(names[awsmiddleware.GetServiceID(ctx)], awsmiddleware.GetOperationName(ctx), err)
				return out, meta, err
			}), middleware.After)
}

// check fails a run of all tests that left a promised operation out.
func (r *registry) check() int {
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.list").Value.String() != "" ||
		testing.Short() {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var missing []string
	for _, service := range driven {
		for operation := range strings.FieldsSeq(promised[service]) {
			name := service + " " + operation
			command := "aws " + commands[service] + " " + kebab(operation)
			for _, way := range []string{name, command} {
				if way == command && !r.cli {
					continue
				}
				if !r.succeeded[way] {
					missing = append(missing, way)
				}
			}
		}
	}
	if len(missing) == 0 {
		return 0
	}
	slices.Sort(missing)
	fmt.Fprintf(os.Stderr, "FAIL: no test drove these promised operations to success: %s\n",
		strings.Join(missing, ", "))
	return 1
}

// TestPromisedOperationsAreDone reads docs/compatibility.md: it must be what the code says, and have every promised
// operation as done.
func TestPromisedOperationsAreDone(t *testing.T) {
	t.Parallel()
	text := must(os.ReadFile("../docs/compatibility.md"))(t)
	if string(text) != app.Compatibility() {
		t.Error("docs/compatibility.md is out of date; run: go generate ./internal/app")
	}
	for _, service := range slices.Sorted(maps.Keys(promised)) {
		_, rest, ok := strings.Cut(string(text), "\n### "+service+"\n\nDone: ")
		line, _, ended := strings.Cut(rest, ".\n")
		if !ok || !ended {
			t.Fatalf("docs/compatibility.md says nothing of %s", service)
		}
		done := strings.Split(line, ", ")
		for operation := range strings.FieldsSeq(promised[service]) {
			if !slices.Contains(done, operation) {
				t.Errorf("%s:%s is promised and not done", service, operation)
			}
		}
	}
}
