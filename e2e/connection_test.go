package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	cct "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

const forgeToken = "forge-token-4715"

// connected is a server with a connection to a forge that answers as GitHub Enterprise Server does, whose token it has.
type connected struct {
	*flow
	forge          *forge
	arn            string
	payload, proof string // of the webhook
}

func newConnected(t *testing.T) *connected {
	t.Helper()
	c := &connected{flow: newFlow(t), forge: newForge(t, forgeToken, map[string]string{"main": "one", "fork": "two"})}
	printed := must(c.slipwayWith("SLIPWAY_FORGE_TOKEN="+forgeToken, "connections", "add", "hub", "--type",
		"GitHubEnterpriseServer", "--url", strings.TrimSuffix(c.forge.url, "/o/r.git")))(t)
	has(t, printed, "The connection hub is AVAILABLE as ada: arn:aws:codeconnections:")
	_, c.arn, _ = strings.Cut(strings.TrimSpace(printed), "as ada: ")
	must(c.slipway("connections", "webhook", "hub", "--repository", "o/r"))(t)
	c.payload, c.proof = c.forge.hook()
	return c
}

// from is a pipeline that takes the repository's branch main and copies it to a bucket.
func (c *connected) from(name string, configuration map[string]string,
	triggers ...types.PipelineTriggerDeclaration) *types.PipelineDeclaration {
	all := map[string]string{"ConnectionArn": c.arn, "FullRepositoryId": "o/r", "BranchName": "main"}
	for k, v := range configuration {
		all[k] = v
	}
	a := act("App", types.ActionCategorySource, "CodeStarSourceConnection", "", "src", all)
	a.Namespace = new("app")
	d := declare(name, stage("Source", a), stage("Deploy", act("Put", types.ActionCategoryDeploy, "S3", "src", "",
		map[string]string{"BucketName": "artifacts", "Extract": "false",
			"ObjectKey": name + "-#{app.BranchName}-#{app.CommitId}.zip"})))
	d.PipelineType, d.Triggers = types.PipelineTypeV2, triggers
	return d
}

// onPush is a trigger of the source action.
func onPush(filters ...types.GitPushFilter) types.PipelineTriggerDeclaration {
	return types.PipelineTriggerDeclaration{ProviderType: types.PipelineTriggerProviderTypeCodeStarSourceConnection,
		GitConfiguration: &types.GitConfiguration{SourceActionName: new("App"), Push: filters}}
}

// commit changes a file of the forge's repository on a branch, and returns the delivery that tells of it.
func (c *connected) commit(branch, file string) (body, id string) {
	c.t.Helper()
	work := c.t.TempDir()
	c.forge.git("clone", "-q", c.forge.bare, work)
	before := c.forge.git("-C", work, "rev-parse", "HEAD")
	c.forge.git("-C", work, "checkout", "-q", "-B", branch)
	must(0, os.MkdirAll(filepath.Dir(filepath.Join(work, file)), 0o700))(c.t)
	must(0, os.WriteFile(filepath.Join(work, file), []byte(file), 0o600))(c.t)
	c.forge.git("-C", work, "add", ".")
	c.forge.git("-C", work, "commit", "-q", "-m", "Change "+file)
	c.forge.git("-C", work, "push", "-q", "origin", branch)
	id = c.forge.git("-C", work, "rev-parse", "HEAD")
	return `{"ref":"refs/heads/` + branch + `","before":"` + before + `","after":"` + id + `","commits":[],` +
		forgeRepository + `}`, id
}

// said waits until the newest delivery that is listed says something.
func (c *connected) said(words ...string) {
	c.t.Helper()
	eventually(c.t, "the deliveries say "+strings.Join(words, ", "), func() error {
		printed, err := c.slipway("connections", "deliveries", "hub")
		for _, w := range words {
			if err == nil && !strings.Contains(printed, w) {
				err = fmt.Errorf("%q is not in %s", w, printed)
			}
		}
		return err
	})
}

// TestConnectionsStartPipelines takes a repository of a forge: at the creation of a pipeline, at a push that its webhook
// tells of, and not at others; and tells the forge what came of the commit.
func TestConnectionsStartPipelines(t *testing.T) {
	t.Parallel()
	c := newConnected(t)
	c.create(c.from("plain", nil))
	c.create(c.from("docs", map[string]string{"OutputArtifactFormat": "CODEBUILD_CLONE_REF"}, onPush(types.GitPushFilter{
		Branches:  &types.GitBranchFilterCriteria{Includes: []string{"main", "team/*"}},
		FilePaths: &types.GitFilePathFilterCriteria{Includes: []string{"docs/**"}}})))
	c.newest("plain", 1, types.PipelineExecutionStatusSucceeded)
	c.newest("docs", 1, types.PipelineExecutionStatusSucceeded)
	first := c.forge.heads["main"]
	if got := entries(t, c.object("artifacts", "plain-main-"+first+".zip")); got != "buildspec.yml" {
		t.Errorf("the artifact has %s", got)
	}
	has(t, entries(t, c.object("artifacts", "docs-main-"+first+".zip")), ".git/HEAD", "buildspec.yml")

	body, second := c.commit("main", "src/a.go")
	has(t, c.forge.deliver(c.payload, c.proof, "1", "push", body), "Taken")
	id := c.newest("plain", 2, types.PipelineExecutionStatusSucceeded)
	has(t, c.forge.deliver(c.payload, c.proof, "1", "push", body), "taken before")
	c.said("STARTED", "plain: started "+id, "docs: No filter of the trigger matched", "src/a.go", "DUPLICATE")
	x := must(c.GetPipelineExecution(t.Context(), &codepipeline.GetPipelineExecutionInput{PipelineName: new("plain"),
		PipelineExecutionId: &id}))(t).PipelineExecution
	if x.Trigger.TriggerType != types.TriggerTypeWebhookV2 || *x.ArtifactRevisions[0].RevisionId != second {
		t.Errorf("it was started by %s and took %s", x.Trigger.TriggerType, *x.ArtifactRevisions[0].RevisionId)
	}

	body, third := c.commit("team/x", "docs/b.md")
	has(t, c.forge.deliver(c.payload, c.proof, "2", "push", body), "Taken")
	c.newest("docs", 2, types.PipelineExecutionStatusSucceeded)
	has(t, entries(t, c.object("artifacts", "docs-team/x-"+third+".zip")), ".git/", "docs/b.md", "src/a.go")
	c.said("plain: refs/heads/team/x is not the branch main of the action App.")
	eventually(t, "the forge knows of the success", func() error {
		c.forge.mu.Lock()
		defer c.forge.mu.Unlock()
		for _, want := range []string{second + " slipway/plain success", third + " slipway/docs success"} {
			if !slices.Contains(c.forge.statuses, want) {
				return fmt.Errorf("%q is not in %q", want, c.forge.statuses)
			}
		}
		return nil
	})
	c.refuses(body)
	c.nowhere(forgeToken, c.proof)
}

// refuses delivers what nobody may.
func (c *connected) refuses(body string) {
	c.t.Helper()
	r := must(http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.payload, strings.NewReader(body)))(c.t)
	r.Header.Set("X-GitHub-Event", "push")
	r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("00", 32))
	out := must(http.DefaultClient.Do(r))(c.t)
	_ = out.Body.Close()
	if out.StatusCode != http.StatusUnauthorized {
		c.t.Errorf("a delivery with a wrong signature: %s", out.Status)
	}
	c.said("REFUSED", "does not fit the webhook's secret")
	printed, err := c.slipwayWith("SLIPWAY_FORGE_TOKEN=wrong", "connections", "complete", "hub")
	if err == nil {
		c.t.Error("a wrong token was taken")
	}
	has(c.t, printed, "does not take the token")
}

// TestPullRequestsStartPipelines starts a pipeline of a pull request with the commit of its branch, and none of a fork's.
func TestPullRequestsStartPipelines(t *testing.T) {
	t.Parallel()
	c := newConnected(t)
	c.create(c.from("pulls", nil, types.PipelineTriggerDeclaration{
		ProviderType: types.PipelineTriggerProviderTypeCodeStarSourceConnection,
		GitConfiguration: &types.GitConfiguration{SourceActionName: new("App"), PullRequest: []types.GitPullRequestFilter{{
			Events:   []types.GitPullRequestEventType{types.GitPullRequestEventTypeOpen},
			Branches: &types.GitBranchFilterCriteria{Includes: []string{"main"}},
		}}}}))
	c.newest("pulls", 1, types.PipelineExecutionStatusSucceeded)
	_, head := c.commit("fix", "fix.txt")
	own := strings.NewReplacer(`"ref":"main","sha":"`+c.forge.heads["fork"]+`","repo":{"id":8}`,
		`"ref":"fix","sha":"`+head+`","repo":{"id":7}`).Replace(c.forge.forkPull())
	c.forge.deliver(c.payload, c.proof, "1", "pull_request", c.forge.forkPull())
	c.said("pulls: The pull request is from a fork.")
	c.forge.deliver(c.payload, c.proof, "2", "pull_request", own)
	c.newest("pulls", 2, types.PipelineExecutionStatusSucceeded)
	has(t, entries(t, c.object("artifacts", "pulls-fix-"+head+".zip")), "fix.txt")
}

// TestConnectionsByClients drives the operations of CodeConnections by the SDK, and under both names by the aws CLI.
func TestConnectionsByClients(t *testing.T) {
	t.Parallel()
	i := up(t)
	c := codeconnections.NewFromConfig(i.sdk())
	ctx := t.Context()
	host := must(c.CreateHost(ctx, &codeconnections.CreateHostInput{Name: new("tea"), ProviderType: "Gitea",
		ProviderEndpoint: new("https://git.example.com"), Tags: []cct.Tag{{Key: new("team"), Value: new("web")}}}))(t).HostArn
	must(c.UpdateHost(ctx, &codeconnections.UpdateHostInput{HostArn: host,
		ProviderEndpoint: new("https://tea.example.com/")}))(t)
	if got := must(c.GetHost(ctx, &codeconnections.GetHostInput{HostArn: host}))(t); *got.ProviderEndpoint !=
		"https://tea.example.com" || *got.Status != "AVAILABLE" {
		t.Errorf("the host is %+v", got)
	}
	arn := must(c.CreateConnection(ctx, &codeconnections.CreateConnectionInput{ConnectionName: new("tea"),
		HostArn: host}))(t).ConnectionArn
	got := must(c.GetConnection(ctx, &codeconnections.GetConnectionInput{ConnectionArn: arn}))(t).Connection
	if got.ConnectionStatus != cct.ConnectionStatusPending || got.ProviderType != "Gitea" || *got.OwnerAccountId != account {
		t.Errorf("the connection is %+v", got)
	}
	must(c.TagResource(ctx, &codeconnections.TagResourceInput{ResourceArn: arn,
		Tags: []cct.Tag{{Key: new("a"), Value: new("b")}, {Key: new("c"), Value: new("d")}}}))(t)
	must(c.UntagResource(ctx, &codeconnections.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}}))(t)
	tags := must(c.ListTagsForResource(ctx, &codeconnections.ListTagsForResourceInput{ResourceArn: arn}))(t).Tags
	if len(tags) != 1 || aws.ToString(tags[0].Key) != "c" {
		t.Errorf("its tags are %v", tags)
	}
	if _, err := c.DeleteHost(ctx, &codeconnections.DeleteHostInput{HostArn: host}); err == nil {
		t.Error("a host that has connections was deleted")
	}
	older := i.aws("codestar-connections", "create-connection", "--provider-type", "GitHub", "--connection-name", "old",
		"--query", "ConnectionArn", "--output", "text")
	has(t, older, "arn:aws:codestar-connections:"+region+":"+account+":connection/")
	for _, name := range []string{"codestar-connections", "codeconnections"} {
		has(t, i.aws(name, "list-connections", "--query", "Connections[].ConnectionName"), "old", "tea")
		has(t, i.aws(name, "list-hosts"), "https://tea.example.com")
		has(t, i.aws(name, "get-connection", "--connection-arn", strings.TrimSpace(older)), `"PENDING"`)
	}
	if _, err := i.awsFails("codeconnections", "create-connection", "--provider-type", "GitHub", "--connection-name",
		"old"); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Errorf("a second connection of a name: %v", err)
	}
	for _, x := range []string{*arn, strings.TrimSpace(older)} {
		must(c.DeleteConnection(ctx, &codeconnections.DeleteConnectionInput{ConnectionArn: &x}))(t)
	}
	must(c.DeleteHost(ctx, &codeconnections.DeleteHostInput{HostArn: host}))(t)
	if n := len(must(c.ListConnections(ctx, &codeconnections.ListConnectionsInput{}))(t).Connections) +
		len(must(c.ListHosts(ctx, &codeconnections.ListHostsInput{}))(t).Hosts); n != 0 {
		t.Errorf("%d connections and hosts are left", n)
	}
}
