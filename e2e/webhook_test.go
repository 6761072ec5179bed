package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	st "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const hookedSpec = `version: 0.2
env:
  parameter-store: {TOKEN: /CodeBuild/token}
phases:
  build:
    commands:
      - echo "trigger=$CODEBUILD_WEBHOOK_TRIGGER by=$CODEBUILD_INITIATOR token=${#TOKEN}"
`

// fromForge makes a project of a forge's repository.
func (i *instance) fromForge(name string, f *forge) *codebuild.Client {
	return i.inline(name, "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeGithubEnterprise, Location: &f.url}
	})
}

// started waits for the only build of a project that is newer than n others.
func (i *instance) started(project string, n int) string {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	ids := must(c.ListBuildsForProject(i.t.Context(), &codebuild.ListBuildsForProjectInput{ProjectName: &project}))(i.t).Ids
	if len(ids) != n+1 {
		i.t.Fatalf("%d builds, want %d", len(ids), n+1)
	}
	return ids[0]
}

// A push that a forge tells of is built once, with what CodeBuild says of the event; of a fork's pull request the build
// has no secrets, and its role may not read them.
func TestWebhooksStartBuilds(t *testing.T) {
	t.Parallel()
	i := up(t)
	f := newForge(t, "", map[string]string{"main": hookedSpec,
		"fork": strings.Replace(waiting, "phases:", "env: {parameter-store: {TOKEN: /CodeBuild/token}}\nphases:", 1)})
	must(ssm.NewFromConfig(i.sdk()).PutParameter(t.Context(), &ssm.PutParameterInput{Name: new("/CodeBuild/token"),
		Value: new("tok-4711"), Type: st.ParameterTypeString}))(t)
	c := i.fromForge("hooked", f)
	w := must(c.CreateWebhook(t.Context(), &codebuild.CreateWebhookInput{ProjectName: new("hooked"),
		ManualCreation: new(true), FilterGroups: [][]types.WebhookFilter{{{Type: types.WebhookFilterTypeEvent,
			Pattern: new("PUSH, PULL_REQUEST_CREATED")}, {Type: types.WebhookFilterTypeHeadRef,
			Pattern: new("^refs/heads/main$")}}}}))(t).Webhook
	has(t, f.deliver(*w.PayloadUrl, *w.Secret, "1", "push", f.push()), "Started hooked:")
	has(t, f.deliver(*w.PayloadUrl, *w.Secret, "1", "push", f.push()), "before")
	has(t, f.deliver(*w.PayloadUrl, *w.Secret, "2", "push", strings.ReplaceAll(f.push(), "heads/main", "heads/x")),
		"HEAD_REF", "does not match ^refs/heads/main$")
	b := i.ended(i.started("hooked", 0))
	if *b.SourceVersion != f.heads["main"] || *b.ResolvedSourceVersion != f.heads["main"] {
		t.Errorf("built %s, want %s", *b.ResolvedSourceVersion, f.heads["main"])
	}
	has(t, i.printed(*b.Id), "trigger=branch/main by=GitHub-Hookshot/044aadd token=8")

	has(t, f.deliver(*w.PayloadUrl, *w.Secret, "3", "pull_request", f.forkPull()), "Started hooked:")
	id := i.started("hooked", 1)
	i.says(id, "\nAT http")
	has(t, i.printed(id), "TOKEN is not set: secrets are withheld from builds of pull requests from forks")
	_, after, _ := strings.Cut(i.printed(id), "\nAT ")
	said := strings.Fields(after)
	cfg := i.sdk()
	cfg.Credentials = aws.NewCredentialsCache(endpointcreds.New(said[0],
		func(o *endpointcreds.Options) { o.AuthorizationToken = said[2] }))
	_, err := ssm.NewFromConfig(cfg).GetParameters(t.Context(),
		&ssm.GetParametersInput{Names: []string{"/CodeBuild/token"}})
	if err == nil {
		t.Fatal("the build of a fork's pull request read a parameter")
	}
	has(t, err.Error(), "AccessDenied", "session policy")
	must(c.StopBuild(t.Context(), &codebuild.StopBuildInput{Id: &id}))(t)
	i.ended(id)

	must(c.DeleteWebhook(t.Context(), &codebuild.DeleteWebhookInput{ProjectName: new("hooked")}))(t)
}
