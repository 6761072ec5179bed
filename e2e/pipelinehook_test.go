package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// post delivers a body to the URL of a webhook as GitHub does, and returns the status and the answer.
func (f *flow) post(url, secret, body string) (int, string) {
	f.t.Helper()
	r := must(http.NewRequestWithContext(f.t.Context(), http.MethodPost, url, strings.NewReader(body)))(f.t)
	m := hmac.New(sha256.New, []byte(secret))
	_, _ = m.Write([]byte(body))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	answer := must(http.DefaultClient.Do(r))(f.t)
	defer answer.Body.Close()
	return answer.StatusCode, string(must(io.ReadAll(answer.Body))(f.t))
}

// starts are what the executions of a pipeline were started by, the newest first.
func (f *flow) starts(pipeline string) (all []types.TriggerType) {
	f.t.Helper()
	out := must(f.ListPipelineExecutions(f.t.Context(),
		&codepipeline.ListPipelineExecutionsInput{PipelineName: &pipeline}))(f.t)
	for _, e := range out.PipelineExecutionSummaries {
		all = append(all, e.Trigger.TriggerType)
	}
	return all
}

// TestWebhooksOfPipelines: a signed POST starts a pipeline, also across a restart; a revision that is put does so once.
func TestWebhooksOfPipelines(t *testing.T) {
	t.Parallel()
	f := newFlow(t)
	ctx := t.Context()
	f.create(declare("hooked", source(), stage("Deploy", act("Copy", types.ActionCategoryDeploy, "S3", "src", "",
		map[string]string{"BucketName": "artifacts", "ObjectKey": "out.zip", "Extract": "false"}))))

	hook := &types.WebhookDefinition{
		Name:                        new("hook"),
		TargetPipeline:              new("hooked"),
		TargetAction:                new("Get"),
		Filters:                     []types.WebhookFilterRule{{JsonPath: new("$.key"), MatchEquals: new("{S3ObjectKey}")}},
		Authentication:              types.WebhookAuthenticationTypeGithubHmac,
		AuthenticationConfiguration: &types.WebhookAuthConfiguration{SecretToken: new("hunter-of-hooks")},
	}
	made := must(f.PutWebhook(ctx, &codepipeline.PutWebhookInput{Webhook: hook}))(t)
	url := *made.Webhook.Url
	if code, said := f.post(url, "hunter-of-hooks", `{"key": "src.zip"}`); code != http.StatusOK {
		t.Fatalf("%d %s", code, said)
	}
	if all := fmt.Sprint(f.starts("hooked")); all != "[Webhook CreatePipeline]" {
		t.Errorf("started by %s", all)
	}
	if code, _ := f.post(url, "wrong", `{"key": "src.zip"}`); code != http.StatusForbidden {
		t.Errorf("a wrong signature answers %d", code)
	}
	f.stop()
	f.instance.start()
	if code, said := f.post(url, "hunter-of-hooks", `{"key": "src.zip"}`); code != http.StatusOK ||
		len(f.starts("hooked")) != 2 {
		t.Errorf("the same delivery after a restart: %d %s", code, said)
	}
	_, err := f.RegisterWebhookWithThirdParty(ctx,
		&codepipeline.RegisterWebhookWithThirdPartyInput{WebhookName: new("hook")})
	says(t, err, "is no source of GitHub")
	must(f.DeregisterWebhookWithThirdParty(ctx,
		&codepipeline.DeregisterWebhookWithThirdPartyInput{WebhookName: new("hook")}))(t)
	_, err = f.DeregisterWebhookWithThirdParty(ctx,
		&codepipeline.DeregisterWebhookWithThirdPartyInput{WebhookName: new("none")})
	says(t, err, "WebhookNotFoundException")
	f.revise()
	list := must(f.ListWebhooks(ctx, &codepipeline.ListWebhooksInput{}))(t)
	if len(list.Webhooks) != 1 || *list.Webhooks[0].ErrorCode != "AuthenticationFailed" {
		t.Errorf("listed %+v", list.Webhooks)
	}
	must(f.DeleteWebhook(ctx, &codepipeline.DeleteWebhookInput{Name: new("hook")}))(t)
	if code, _ := f.post(url, "hunter-of-hooks", `{"key": "src.zip"}`); code != http.StatusNotFound {
		t.Errorf("a deleted webhook answers %d", code)
	}
}

// revise puts the object's first version as a revision after a second one was written: the execution takes the first.
func (f *flow) revise() {
	f.t.Helper()
	ctx := f.t.Context()
	head := &s3.HeadObjectInput{Bucket: new("source"), Key: new("src.zip")}
	version := *must(f.s3().HeadObject(ctx, head))(f.t).VersionId
	f.put("source", "src.zip", zipped(f.t, map[string]string{"a.txt": "2"}))
	in := &codepipeline.PutActionRevisionInput{PipelineName: new("hooked"), StageName: new("Source"),
		ActionName: new("Get"), ActionRevision: &types.ActionRevision{RevisionId: &version,
			RevisionChangeId: new("back to the first"), Created: new(time.Now())}}
	out := must(f.PutActionRevision(ctx, in))(f.t)
	again := must(f.PutActionRevision(ctx, in))(f.t)
	if !out.NewRevision || again.NewRevision || *again.PipelineExecutionId != *out.PipelineExecutionId {
		f.t.Errorf("%+v, then %+v", out, again)
	}
	f.newest("hooked", 4, types.PipelineExecutionStatusSucceeded)
	e := must(f.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: new("hooked"),
		PipelineExecutionId: out.PipelineExecutionId}))(f.t).PipelineExecution
	if got := *e.ArtifactRevisions[0].RevisionId; got != version {
		f.t.Errorf("the execution took %s, not %s", got, version)
	}
}
