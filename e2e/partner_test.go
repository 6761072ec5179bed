package e2e

import (
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// partner does jobs of a type of a partner, the first with the CLI and the second with the SDK.
func (f *flow) partner() {
	f.t.Helper()
	ctx := f.t.Context()
	kind := &types.ActionTypeId{Category: types.ActionCategoryTest, Owner: types.ActionOwnerThirdParty,
		Provider: new("Partner"), Version: new("1")}
	counts := `{"minimumCount": 0, "maximumCount": 1}`
	f.command("codepipeline update-action-type --action-type", `{"id": {"category": "Test", "owner": "ThirdParty",
		"provider": "Partner", "version": "1"}, "inputArtifactDetails": `+counts+`, "outputArtifactDetails": `+counts+`,
		"executor": {"type": "JobWorker", "jobTimeout": 3600, "configuration": {"jobWorkerExecutorConfiguration": {}}},
		"properties": [{"name": "Key", "optional": false, "key": true, "noEcho": true}]}`)
	d := must(f.GetActionType(ctx, &codepipeline.GetActionTypeInput{Category: kind.Category,
		Owner: new("ThirdParty"), Provider: kind.Provider, Version: kind.Version}))(f.t).ActionType
	must(f.UpdateActionType(ctx, &codepipeline.UpdateActionTypeInput{ActionType: d}))(f.t)
	token := must(f.slipway("api", "slipway", "get-action-type-client", `{"category": "Test", "provider": "Partner",
		"version": "1"}`))(f.t)
	_, token, _ = strings.Cut(token, `"clientToken": "`)
	token, _, _ = strings.Cut(token, `"`)
	a := act("Test", types.ActionCategoryTest, "Partner", "src", "", map[string]string{"Key": "partner-4712"})
	a.ActionTypeId = kind
	f.create(declare("partner", source(), stage("Test", a)))
	id, _ := f.pollByCLI("codepipeline poll-for-third-party-jobs --action-type-id " +
		"category=Test,owner=ThirdParty,provider=Partner,version=1")
	who := " --job-id " + id + " --client-token "
	_, err := f.awsFails(strings.Fields("codepipeline get-third-party-job-details" + who + "guessed")...)
	says(f.t, err, "InvalidClientTokenException")
	got := strings.Fields(f.text("jobDetails.[nonce,data.actionConfiguration.configuration.Key]",
		"codepipeline get-third-party-job-details"+who+token))
	if got[1] != "partner-4712" {
		f.t.Errorf("the secret is %s", got[1])
	}
	f.command("codepipeline acknowledge-third-party-job" + who + token + " --nonce " + got[0])
	f.command("codepipeline put-third-party-job-success-result" + who + token)
	f.newest("partner", 1, types.PipelineExecutionStatusSucceeded)
	f.partnerAgain(kind, token)
	f.start("partner")
	id, _ = f.pollByCLI("codepipeline poll-for-third-party-jobs --action-type-id " +
		"category=Test,owner=ThirdParty,provider=Partner,version=1")
	who = " --job-id " + id + " --client-token " + token
	nonce := f.text("jobDetails.nonce", "codepipeline get-third-party-job-details"+who)
	f.command("codepipeline acknowledge-third-party-job" + who + " --nonce " + nonce)
	f.command("codepipeline put-third-party-job-failure-result" + who + " --failure-details type=JobFailed,message=no")
	f.newest("partner", 4, types.PipelineExecutionStatusFailed)
}

// partnerAgain does two jobs of a partner with the SDK: one succeeds, one fails.
func (f *flow) partnerAgain(kind *types.ActionTypeId, token string) {
	f.t.Helper()
	ctx := f.t.Context()
	for n, want := range []types.PipelineExecutionStatus{types.PipelineExecutionStatusSucceeded,
		types.PipelineExecutionStatusFailed} {
		f.start("partner")
		var id *string
		eventually(f.t, "a job of the partner", func() error {
			out := must(f.PollForThirdPartyJobs(ctx, &codepipeline.PollForThirdPartyJobsInput{ActionTypeId: kind}))(f.t)
			if len(out.Jobs) == 0 {
				return errors.New("none yet")
			}
			id = out.Jobs[0].JobId
			return nil
		})
		d := must(f.GetThirdPartyJobDetails(ctx, &codepipeline.GetThirdPartyJobDetailsInput{JobId: id,
			ClientToken: &token}))(f.t).JobDetails
		must(f.AcknowledgeThirdPartyJob(ctx, &codepipeline.AcknowledgeThirdPartyJobInput{JobId: id, Nonce: d.Nonce,
			ClientToken: &token}))(f.t)
		if want == types.PipelineExecutionStatusSucceeded {
			must(f.PutThirdPartyJobSuccessResult(ctx, &codepipeline.PutThirdPartyJobSuccessResultInput{JobId: id,
				ClientToken: &token}))(f.t)
		} else {
			must(f.PutThirdPartyJobFailureResult(ctx, &codepipeline.PutThirdPartyJobFailureResultInput{JobId: id,
				ClientToken: &token, FailureDetails: &types.FailureDetails{Type: types.FailureTypeJobFailed,
					Message: new("no")}}))(f.t)
		}
		f.newest("partner", n+2, want)
	}
}
