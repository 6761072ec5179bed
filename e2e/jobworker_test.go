package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// workedOn is the type whose jobs the worker of these tests does. It has the form of AWS's plugin for Jenkins.
var workedOn = &types.ActionTypeId{Category: types.ActionCategoryBuild, Owner: types.ActionOwnerCustom,
	Provider: new("Worker"), Version: new("1")}

// createType makes the type.
func (f *flow) createType() *types.ActionType {
	property := func(name string, queryable, secret bool) types.ActionConfigurationProperty {
		return types.ActionConfigurationProperty{Name: &name, Required: true, Key: true, Queryable: queryable,
			Secret: secret}
	}
	return must(f.CreateCustomActionType(f.t.Context(), &codepipeline.CreateCustomActionTypeInput{
		Category: workedOn.Category,
		Provider: workedOn.Provider,
		Version:  workedOn.Version,
		Settings: &types.ActionTypeSettings{
			EntityUrlTemplate:    new("https://builds.test/job/{Config:ProjectName}/"),
			ExecutionUrlTemplate: new("https://builds.test/job/{Config:ProjectName}/{ExternalExecutionId}/"),
		},
		ConfigurationProperties: []types.ActionConfigurationProperty{property("ProjectName", true, false),
			property("Password", false, true)},
		InputArtifactDetails:  &types.ArtifactDetails{MinimumCount: 0, MaximumCount: 5},
		OutputArtifactDetails: &types.ArtifactDetails{MinimumCount: 0, MaximumCount: 5},
		Tags:                  []types.Tag{{Key: new("team"), Value: new("builds")}},
	}))(f.t).ActionType
}

// worked is an action for the worker.
func worked(project string) types.ActionDeclaration {
	a := act("Build", types.ActionCategoryBuild, "Worker", "src", "built",
		map[string]string{"ProjectName": project, "Password": "hunter-4711"})
	a.ActionTypeId = workedOn
	a.Namespace = new("built")
	return a
}

// polled polls until there is a job.
func (f *flow) polled(project string) (j types.Job) {
	f.t.Helper()
	eventually(f.t, "a job of "+project, func() error {
		out, err := f.PollForJobs(f.t.Context(), &codepipeline.PollForJobsInput{ActionTypeId: workedOn,
			MaxBatchSize: new(int32(1)), QueryParam: map[string]string{"ProjectName": project}})
		if err != nil || len(out.Jobs) == 0 {
			return errors.Join(err, errors.New("no job yet"))
		}
		j = out.Jobs[0]
		return nil
	})
	return j
}

func (f *flow) acknowledge(j types.Job) {
	f.t.Helper()
	out := must(f.AcknowledgeJob(f.t.Context(),
		&codepipeline.AcknowledgeJobInput{JobId: j.Id, Nonce: j.Nonce}))(f.t)
	if out.Status != types.JobStatusInProgress {
		f.t.Errorf("the acknowledged job is %s", out.Status)
	}
}

// storage is a client with the credentials of a job.
func (f *flow) storage(c *types.AWSSessionCredentials) *s3.Client {
	config := f.sdk()
	config.Credentials = credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken)
	return s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
}

// exchange downloads the input of a job with its credentials and uploads its output in parts, as AWS's plugin does.
func (f *flow) exchange(d *types.JobData) {
	f.t.Helper()
	ctx, store := f.t.Context(), f.storage(d.ArtifactCredentials)
	in, out := d.InputArtifacts[0].Location.S3Location, d.OutputArtifacts[0].Location.S3Location
	got := must(store.GetObject(ctx, &s3.GetObjectInput{Bucket: in.BucketName, Key: in.ObjectKey}))(f.t)
	if content := must(io.ReadAll(got.Body))(f.t); !bytes.HasPrefix(content, []byte("PK")) {
		f.t.Errorf("the input is no zip: %.20q", content)
	}
	_, err := store.PutObject(ctx, &s3.PutObjectInput{Bucket: in.BucketName, Key: in.ObjectKey,
		Body: strings.NewReader("other")})
	says(f.t, err, "AccessDenied")
	_, err = store.GetObject(ctx, &s3.GetObjectInput{Bucket: new("source"), Key: new("src.zip")})
	says(f.t, err, "AccessDenied")
	up := must(store.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: out.BucketName,
		Key: out.ObjectKey, ServerSideEncryption: s3types.ServerSideEncryptionAwsKms}))(f.t)
	part := must(store.UploadPart(ctx, &s3.UploadPartInput{Bucket: out.BucketName, Key: out.ObjectKey,
		UploadId: up.UploadId, PartNumber: new(int32(1)),
		Body: bytes.NewReader(zipped(f.t, map[string]string{"made.txt": "by the worker"}))}))(f.t)
	must(store.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: out.BucketName,
		Key: out.ObjectKey, UploadId: up.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{
			Parts: []s3types.CompletedPart{{PartNumber: new(int32(1)), ETag: part.ETag}}}}))(f.t)
}

// built is the state of the worker's action.
func (f *flow) built(pipeline string) *types.ActionExecution {
	f.t.Helper()
	out := must(f.GetPipelineState(f.t.Context(), &codepipeline.GetPipelineStateInput{Name: &pipeline}))(f.t)
	a := out.StageStates[1].ActionStates[0]
	if *a.EntityUrl != "https://builds.test/job/web/" {
		f.t.Errorf("the page of the action's project is %s", *a.EntityUrl)
	}
	if a.LatestExecution == nil {
		return &types.ActionExecution{}
	}
	return a.LatestExecution
}

// TestJobWorker is the exchange of AWS's plugin for Jenkins, and what else a worker may do and may not.
func TestJobWorker(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	f.createType()
	f.create(declare("worked", source(), stage("Build", worked("web"))))
	_, err := f.PollForJobs(ctx, &codepipeline.PollForJobsInput{ActionTypeId: workedOn})
	says(t, err, "ValidationException")
	none := must(f.PollForJobs(ctx, &codepipeline.PollForJobsInput{ActionTypeId: workedOn,
		QueryParam: map[string]string{"ProjectName": "other"}}))(t)
	if len(none.Jobs) != 0 {
		t.Errorf("jobs of another project: %+v", none.Jobs)
	}
	j := f.polled("web")
	if j.Data.ActionConfiguration.Configuration["Password"] != "hunter-4711" ||
		*j.Data.PipelineContext.PipelineName != "worked" || *j.AccountId != account {
		t.Errorf("the job is %+v", j.Data)
	}
	f.held(j)
	f.exchange(must(f.GetJobDetails(ctx, &codepipeline.GetJobDetailsInput{JobId: j.Id}))(t).JobDetails.Data)
	f.stop()
	f.instance.start() // a restart keeps the job and who has it
	must(f.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: j.Id,
		ContinuationToken: new("go on"), ExecutionDetails: &types.ExecutionDetails{ExternalExecutionId: new("7"),
			Summary: new("Half of it"), PercentComplete: new(int32(40))}}))(t)
	eventually(t, "the action says how far it is", func() error {
		x := f.built("worked")
		if x.PercentComplete == nil || *x.PercentComplete != 40 || *x.Summary != "Half of it" ||
			*x.ExternalExecutionUrl != "https://builds.test/job/web/7/" {
			return fmt.Errorf("%s %v", aws.ToString(x.Summary), aws.ToInt32(x.PercentComplete))
		}
		return nil
	})
	page := newPerson(t, f.instance).text("/pipelines/worked/executions/" +
		*j.Data.PipelineContext.PipelineExecutionId)
	has(t, page, "Job "+*j.Id+": succeeded, worker administrator, external execution 7",
		"https://builds.test/job/web/7/", "Half of it")
	next := f.polled("web")
	if *next.Id == *j.Id || *next.Data.ContinuationToken != "go on" {
		t.Errorf("the next job is %s with %+v", *next.Id, next.Data)
	}
	f.acknowledge(next)
	must(f.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: next.Id,
		OutputVariables: map[string]string{"Number": "7"}, CurrentRevision: &types.CurrentRevision{
			Revision: new("r7"), ChangeIdentifier: new("c7")}}))(t)
	id := f.newest("worked", 1, types.PipelineExecutionStatusSucceeded)
	if got := f.artifact("worked", id, "built"); got != "made.txt" {
		t.Errorf("the artifact has %s", got)
	}
	f.afterwards(next, id)
}

// held acknowledges a job, and tries before what is not allowed yet.
func (f *flow) held(j types.Job) {
	f.t.Helper()
	ctx := f.t.Context()
	again := must(f.PollForJobs(ctx, &codepipeline.PollForJobsInput{ActionTypeId: workedOn,
		QueryParam: map[string]string{"ProjectName": "web"}}))(f.t)
	if len(again.Jobs) != 0 {
		f.t.Error("another worker got the job too")
	}
	_, err := f.AcknowledgeJob(ctx, &codepipeline.AcknowledgeJobInput{JobId: j.Id, Nonce: new("guessed")})
	says(f.t, err, "InvalidNonceException")
	_, err = f.AcknowledgeJob(ctx, &codepipeline.AcknowledgeJobInput{
		JobId: new("01234567-89ab-cdef-0123-456789abcdef"), Nonce: j.Nonce})
	says(f.t, err, "JobNotFoundException")
	_, err = f.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: j.Id})
	says(f.t, err, "InvalidJobStateException")
	f.acknowledge(j)
	_, err = f.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: j.Id,
		OutputVariables: map[string]string{"Big": strings.Repeat("x", 122_880)}})
	says(f.t, err, "OutputVariablesSizeExceededException")
}

// afterwards looks at an execution whose last job has ended.
func (f *flow) afterwards(last types.Job, execution string) {
	f.t.Helper()
	ctx := f.t.Context()
	_, err := f.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: last.Id})
	says(f.t, err, "InvalidJobStateException")
	out := last.Data.OutputArtifacts[0].Location.S3Location
	_, err = f.storage(last.Data.ArtifactCredentials).PutObject(ctx, &s3.PutObjectInput{Bucket: out.BucketName,
		Key: out.ObjectKey, Body: strings.NewReader("too late")})
	if err == nil {
		f.t.Error("the credentials outlive their job")
	}
	runs := must(f.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: new("worked"),
		Filter: &types.ActionExecutionFilter{PipelineExecutionId: &execution}}))(f.t).ActionExecutionDetails
	if run := runs[0]; run.Input.ResolvedConfiguration["Password"] != "****" ||
		run.Input.Configuration["Password"] != "****" || run.Output.OutputVariables["Number"] != "7" ||
		*run.Output.ExecutionResult.ExternalExecutionId != "7" {
		f.t.Errorf("the action execution is %+v, %+v", run.Input, run.Output)
	}
	d := must(f.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: new("worked")}))(f.t).Pipeline
	if got := d.Stages[1].Actions[0].Configuration["Password"]; got != "****" {
		f.t.Errorf("the secret is shown as %q", got)
	}
	f.nowhere("hunter-4711")
}

// TestJobsThatEndOtherwise fails a job, abandons one, and deletes the type of one.
func TestJobsThatEndOtherwise(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	f.createType()
	f.create(declare("worked", source(), stage("Build", worked("web"))))
	j := f.polled("web")
	f.acknowledge(j)
	must(f.PutJobFailureResult(ctx, &codepipeline.PutJobFailureResultInput{JobId: j.Id,
		FailureDetails: &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: new("Build failed"),
			ExternalExecutionId: new("8")}}))(t)
	id := f.newest("worked", 1, types.PipelineExecutionStatusFailed)
	has(t, f.actions("worked", id), "Build=Failed (Build failed)")
	if url := *f.built("worked").ExternalExecutionUrl; url != "https://builds.test/job/web/8/" {
		t.Errorf("the page of what failed is %s", url)
	}

	id = f.start("worked")
	j = f.polled("web")
	f.acknowledge(j)
	must(f.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{PipelineName: new("worked"),
		PipelineExecutionId: &id, Abandon: true}))(t)
	eventually(t, "the job is abandoned", func() error {
		out, err := f.AcknowledgeJob(ctx, &codepipeline.AcknowledgeJobInput{JobId: j.Id, Nonce: j.Nonce})
		if err != nil || out.Status != types.JobStatusFailed {
			return errors.Join(err, errors.New("not yet"))
		}
		return nil
	})
	_, err := f.PutJobSuccessResult(ctx, &codepipeline.PutJobSuccessResultInput{JobId: j.Id})
	says(t, err, "its execution was stopped")

	must(f.DeleteCustomActionType(ctx, &codepipeline.DeleteCustomActionTypeInput{Category: workedOn.Category,
		Provider: workedOn.Provider, Version: workedOn.Version}))(t)
	_, err = f.PollForJobs(ctx, &codepipeline.PollForJobsInput{ActionTypeId: workedOn,
		QueryParam: map[string]string{"ProjectName": "web"}})
	says(t, err, "ActionTypeNotFoundException")
	id = f.start("worked")
	f.newest("worked", 3, types.PipelineExecutionStatusFailed)
	has(t, f.actions("worked", id), "was deleted")
	_, err = f.CreateCustomActionType(ctx, &codepipeline.CreateCustomActionTypeInput{Category: workedOn.Category,
		Provider: workedOn.Provider, Version: workedOn.Version,
		InputArtifactDetails:  &types.ArtifactDetails{MinimumCount: 0, MaximumCount: 5},
		OutputArtifactDetails: &types.ArtifactDetails{MinimumCount: 0, MaximumCount: 5}})
	says(t, err, "ValidationException")
	f.createType() // as it was
}

// TestTheCLIDrivesJobs calls each operation of custom action types and of job workers with the aws CLI, those of
// partners with the SDK too.
func TestTheCLIDrivesJobs(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	cli(t)
	artifacts := " --input-artifact-details minimumCount=0,maximumCount=5" +
		" --output-artifact-details minimumCount=0,maximumCount=5"
	kind := " --category Build --provider Cli --action-version 1"
	f.command("codepipeline create-custom-action-type" + kind + artifacts +
		" --configuration-properties name=Goal,required=true,key=true,secret=false,type=String")
	arn := "arn:aws:codepipeline:" + region + ":" + account + ":actiontype:Custom/Build/Cli/1"
	f.command("codepipeline tag-resource --tags key=a,value=b --resource-arn " + arn)
	has(t, f.command("codepipeline list-tags-for-resource --resource-arn "+arn), `"value": "b"`)
	if got := f.text("actionTypes[].id.provider",
		"codepipeline list-action-types --action-owner-filter Custom"); got != "Cli" {
		t.Errorf("the custom types are %q", got)
	}
	a := act("Build", types.ActionCategoryBuild, "Cli", "src", "", map[string]string{"Goal": "all"})
	a.ActionTypeId.Owner = types.ActionOwnerCustom
	f.create(declare("cli", source(), stage("Build", a)))
	of := " --action-type-id category=Build,owner=Custom,provider=Cli,version=1"
	f.takeJob(of)
	f.newest("cli", 1, types.PipelineExecutionStatusSucceeded)
	f.start("cli")
	id, nonce := f.pollByCLI("codepipeline poll-for-jobs" + of)
	f.command("codepipeline acknowledge-job --job-id " + id + " --nonce " + nonce)
	f.command("codepipeline put-job-failure-result --job-id " + id +
		" --failure-details type=ConfigurationError,message=odd")
	has(t, f.actions("cli", f.newest("cli", 2, types.PipelineExecutionStatusFailed)), "Build=Failed (odd)")
	f.command("codepipeline delete-custom-action-type" + kind)
	f.partner()
}

// pollByCLI polls until there is a job, and returns its ID and what follows it.
func (f *flow) pollByCLI(words string) (id, second string) {
	f.t.Helper()
	eventually(f.t, "a job", func() error {
		got := strings.Fields(f.text("jobs[].[id||jobId,nonce||clientId]", words))
		if len(got) != 2 {
			return fmt.Errorf("%q", got)
		}
		id, second = got[0], got[1]
		return nil
	})
	return id, second
}

func (f *flow) takeJob(of string) {
	f.t.Helper()
	id, nonce := f.pollByCLI("codepipeline poll-for-jobs" + of)
	if got := f.text("status", "codepipeline acknowledge-job --job-id "+id+" --nonce "+nonce); got != "InProgress" {
		f.t.Errorf("the job is %s", got)
	}
	if got := f.text("jobDetails.data.actionConfiguration.configuration.Goal",
		"codepipeline get-job-details --job-id "+id); got != "all" {
		f.t.Errorf("its goal is %s", got)
	}
	f.command("codepipeline put-job-success-result --job-id " + id + " --output-variables A=b")
}

// text is a page as it is sent.
func (p *person) text(path string) string {
	p.t.Helper()
	resp, err := p.client.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return string(body)
}
