package e2e

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// The pull request of somebody who is not trusted is built once somebody who is has approved its latest commit.
func TestPullRequestsAreApprovedByComments(t *testing.T) {
	t.Parallel()
	const token = "ghp-0123456789"
	i := up(t)
	f := newForge(t, token, map[string]string{"main": hookedSpec, "fork": "version: 0.2\n" +
		"phases: {build: {commands: ['echo the fork at $CODEBUILD_WEBHOOK_TRIGGER by $CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID']}}\n"})
	f.roles = map[string]string{"ada": "maintain", "bob": "read", "eve": "none"}
	c := i.fromForge("approved", f)
	must(c.ImportSourceCredentials(t.Context(), &codebuild.ImportSourceCredentialsInput{Token: new(token),
		ServerType: types.ServerTypeGithubEnterprise, AuthType: types.AuthTypePersonalAccessToken}))(t)
	in := &codebuild.CreateWebhookInput{ProjectName: new("approved"),
		FilterGroups: [][]types.WebhookFilter{{{Type: types.WebhookFilterTypeEvent,
			Pattern: new("PULL_REQUEST_UPDATED, PULL_REQUEST_CREATED")}}},
		PullRequestBuildPolicy: &types.PullRequestBuildPolicy{
			RequiresCommentApproval: types.PullRequestBuildCommentApprovalForkPullRequests,
			ApproverRoles:           []types.PullRequestBuildApproverRole{types.PullRequestBuildApproverRoleGitlabOwner}}}
	_, err := c.CreateWebhook(t.Context(), in)
	says(t, err, "InvalidInputException")
	in.PullRequestBuildPolicy.ApproverRoles = nil
	w := must(c.CreateWebhook(t.Context(), in))(t).Webhook
	if len(w.PullRequestBuildPolicy.ApproverRoles) != 3 {
		t.Errorf("the roles are %v", w.PullRequestBuildPolicy.ApproverRoles)
	}
	url, secret := f.hook()
	has(t, f.deliver(url, secret, "1", "pull_request", f.forkPull()), "Pull request approval required",
		"eve has no role there", "/codebuild_run("+f.heads["fork"]+")")
	approve := "/codebuild_run(" + f.heads["fork"] + ")"
	for n, x := range [][3]string{
		{"eve", approve, "eve has no role there"},
		{"bob", approve, "bob has the role GITHUB_READ"},
		{"ada", "Please write " + approve, "The comment approves nothing."},
		{"ada", "/codebuild_run(" + f.heads["main"] + ")", "the latest commit of the pull request is " + f.heads["fork"]},
	} {
		has(t, f.deliver(url, secret, "2"+string(rune('a'+n)), "issue_comment", f.comment(x[0], x[1])), x[2])
	}
	has(t, f.deliver(url, secret, "3", "issue_comment", f.comment("ada", "Looks good.\n"+approve+"\n")),
		"Started approved:", "Approved by ada.")
	b := i.ended(i.started("approved", 0))
	if *b.SourceVersion != "pr/3" || *b.ResolvedSourceVersion != f.heads["fork"] {
		t.Errorf("built %s at %s", *b.SourceVersion, *b.ResolvedSourceVersion)
	}
	has(t, i.printed(*b.Id), "the fork at pr/3 by 12")

	// Whoever is trusted needs no approval.
	has(t, f.deliver(url, secret, "4", "pull_request", strings.Replace(f.forkPull(), "eve", "ada", 1)),
		"Started approved:")
	i.ended(i.started("approved", 1))
	must(c.DeleteWebhook(t.Context(), &codebuild.DeleteWebhookInput{ProjectName: new("approved")}))(t)
}
