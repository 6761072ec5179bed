package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// A credential that was imported makes the webhook at the forge, opens the private repository for its builds, and is
// readable nowhere.
func TestSourceCredentials(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	const token = "tok-forge-4711"
	spec := strings.Replace(hookedSpec, "env:\n  parameter-store: {TOKEN: /CodeBuild/token}\n", "", 1) +
		"      - git config --list; env\n"
	f := newForge(t, token, map[string]string{"main": spec, "fork": spec})
	c := i.fromForge("private", f)
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("private")})
	if b.BuildStatus != types.StatusTypeFailed {
		t.Fatalf("without a credential the build is %s", b.BuildStatus)
	}
	_, err := c.ImportSourceCredentials(ctx, &codebuild.ImportSourceCredentialsInput{Token: new(token),
		ServerType: types.ServerTypeGithubEnterprise, AuthType: types.AuthTypeOauth})
	says(t, err, "InvalidInputException")
	arn := *must(c.ImportSourceCredentials(ctx, &codebuild.ImportSourceCredentialsInput{Token: new(token),
		ServerType: types.ServerTypeGithubEnterprise, AuthType: types.AuthTypePersonalAccessToken}))(t).Arn
	list := must(c.ListSourceCredentials(ctx, &codebuild.ListSourceCredentialsInput{}))(t).SourceCredentialsInfos
	if len(list) != 1 || *list[0].Arn != arn {
		t.Errorf("credentials %+v", list)
	}
	w := must(c.CreateWebhook(ctx, &codebuild.CreateWebhookInput{ProjectName: new("private")}))(t).Webhook
	url, secret := f.hook()
	if url != *w.PayloadUrl || secret != *w.Secret || !strings.HasSuffix(*w.Url, "/hooks/17") {
		t.Errorf("the forge has %s %s, the webhook is %+v", url, secret, w)
	}
	has(t, f.deliver(url, secret, "1", "push", f.push()), "Started private:")
	b = i.ended(i.started("private", 1))
	log := i.printed(*b.Id)
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatal(tail(log, 40))
	}
	if strings.Contains(log, token) || strings.Contains(log, "***") {
		t.Errorf("the build sees the token:\n%s", tail(log, 60))
	}
	w = must(c.UpdateWebhook(ctx, &codebuild.UpdateWebhookInput{ProjectName: new("private"), RotateSecret: true,
		BranchFilter: new("^main$")}))(t).Webhook
	if _, again := f.hook(); again != *w.Secret || again == secret {
		t.Error("the forge has not the new secret")
	}
	must(c.DeleteWebhook(ctx, &codebuild.DeleteWebhookInput{ProjectName: new("private")}))(t)
	if url, _ := f.hook(); url != "" {
		t.Errorf("the forge still has %s", url)
	}
	i.nowhere(token)
	must(c.DeleteSourceCredentials(ctx, &codebuild.DeleteSourceCredentialsInput{Arn: &arn}))(t)
	_, err = c.DeleteSourceCredentials(ctx, &codebuild.DeleteSourceCredentialsInput{Arn: &arn})
	says(t, err, "ResourceNotFoundException")
}

// fetched is what everybody gets at a path of the server.
func (i *instance) fetched(path string) (int, string) {
	i.t.Helper()
	r := must(http.NewRequestWithContext(i.t.Context(), http.MethodGet, i.url+path, http.NoBody))(i.t)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	out := must(client.Do(r))(i.t)
	defer out.Body.Close()
	return out.StatusCode, string(must(io.ReadAll(out.Body))(i.t))
}

// Everybody sees the builds of a public project and its badge, and nothing else; a policy of a project lets a user in
// who has no other right.
func TestProjectsAreShared(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	f := newForge(t, "", map[string]string{"main": "version: 0.2\nphases: {build: {commands: [echo ahoy]}}\n"})
	c := i.fromForge("shared", f)
	i.inline("other", "version: 0.2\nphases: {build: {commands: [echo quiet]}}\n")
	p := must(c.UpdateProject(ctx, &codebuild.UpdateProjectInput{Name: new("shared"), BadgeEnabled: new(true)}))(t).Project
	badge := strings.TrimPrefix(*p.Badge.BadgeRequestUrl, i.url)
	if status, svg := i.fetched(badge); status != http.StatusOK || !strings.Contains(svg, "unknown") {
		t.Errorf("the badge is %d %s", status, svg)
	}
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("shared")})
	quiet := i.build(&codebuild.StartBuildInput{ProjectName: new("other")})
	if _, svg := i.fetched(badge); !strings.Contains(svg, "passing") {
		t.Errorf("the badge is %s", svg)
	}
	alias := *must(c.UpdateProjectVisibility(ctx, &codebuild.UpdateProjectVisibilityInput{ProjectArn: p.Arn,
		ProjectVisibility: types.ProjectVisibilityTypePublicRead}))(t).PublicProjectAlias
	_, id, _ := strings.Cut(*b.Id, ":")
	_, otherID, _ := strings.Cut(*quiet.Id, ":")
	for path, want := range map[string]struct {
		status int
		text   string
	}{
		"/public/" + alias:                        {http.StatusOK, id},
		"/public/" + alias + "/builds/" + id:      {http.StatusOK, "ahoy"},
		"/public/" + alias + "/builds/" + otherID: {http.StatusNotFound, "no such build"},
		"/public/guess":                           {http.StatusNotFound, "no public project"},
	} {
		if status, text := i.fetched(path); status != want.status || !strings.Contains(text, want.text) {
			t.Errorf("%s: %d, no %q in %s", path, status, want.text, tail(text, 20))
		}
	}
	if status, _ := i.fetched("/projects/shared"); status == http.StatusOK {
		t.Error("the project's own page is open to everybody")
	}
	must(c.UpdateProjectVisibility(ctx, &codebuild.UpdateProjectVisibilityInput{ProjectArn: p.Arn,
		ProjectVisibility: types.ProjectVisibilityTypePrivate}))(t)
	if status, _ := i.fetched("/public/" + alias); status != http.StatusNotFound {
		t.Errorf("a private project answers %d", status)
	}
	i.policies(c, p)
}

// policies shares a project and a report group with a user.
func (i *instance) policies(c *codebuild.Client, p *types.Project) {
	i.t.Helper()
	ctx, t := i.t.Context(), i.t
	people := iam.NewFromConfig(i.sdk())
	user := must(people.CreateUser(ctx, &iam.CreateUserInput{UserName: new("guest")}))(t).User
	key := must(people.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: new("guest")}))(t).AccessKey
	cfg := i.sdk()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKeyId, *key.SecretAccessKey, "")
	guest := codebuild.NewFromConfig(cfg)
	read := &codebuild.BatchGetProjectsInput{Names: []string{*p.Name}}
	_, err := guest.BatchGetProjects(ctx, read)
	says(t, err, "AccessDeniedException")
	allow := func(action, arn string) *string {
		return aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + *user.Arn +
			`"},"Action":"` + action + `","Resource":"` + arn + `"}]}`)
	}
	must(c.PutResourcePolicy(ctx, &codebuild.PutResourcePolicyInput{ResourceArn: p.Arn,
		Policy: allow("codebuild:BatchGetProjects", *p.Arn)}))(t)
	must(guest.BatchGetProjects(ctx, read))(t)
	got := must(c.GetResourcePolicy(ctx, &codebuild.GetResourcePolicyInput{ResourceArn: p.Arn}))(t)
	has(t, *got.Policy, "codebuild:BatchGetProjects")
	if all := must(c.ListSharedProjects(ctx, &codebuild.ListSharedProjectsInput{}))(t).Projects; len(all) != 1 ||
		all[0] != *p.Arn {
		t.Errorf("shared projects %v", all)
	}
	group := must(c.CreateReportGroup(ctx, &codebuild.CreateReportGroupInput{Name: new("reports"),
		Type: types.ReportTypeTest, ExportConfig: &types.ReportExportConfig{
			ExportConfigType: types.ReportExportConfigTypeNoExport}}))(t).ReportGroup
	must(c.PutResourcePolicy(ctx, &codebuild.PutResourcePolicyInput{ResourceArn: group.Arn,
		Policy: allow("codebuild:BatchGetReportGroups", *group.Arn)}))(t)
	must(guest.BatchGetReportGroups(ctx, &codebuild.BatchGetReportGroupsInput{ReportGroupArns: []string{*group.Arn}}))(t)
	if all := must(c.ListSharedReportGroups(ctx, &codebuild.ListSharedReportGroupsInput{}))(t); len(all.ReportGroups) != 1 {
		t.Errorf("shared report groups %v", all.ReportGroups)
	}
	must(c.DeleteResourcePolicy(ctx, &codebuild.DeleteResourcePolicyInput{ResourceArn: p.Arn}))(t)
	_, err = guest.BatchGetProjects(ctx, read)
	says(t, err, "AccessDeniedException")
	_, err = c.GetResourcePolicy(ctx, &codebuild.GetResourcePolicyInput{ResourceArn: p.Arn})
	says(t, err, "ResourceNotFoundException")
	_, err = c.PutResourcePolicy(ctx, &codebuild.PutResourcePolicyInput{ResourceArn: p.Arn, Policy: new("{")})
	says(t, err, "InvalidInputException")
}
