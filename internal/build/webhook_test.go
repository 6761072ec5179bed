package build_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
)

const (
	oldCommit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	newCommit = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

// hooked is a project of a repository at GitHub with a webhook.
type hooked struct {
	*stage
	http    *build.Webhooks
	webhook *cb.Webhook
}

func openHooked(t *testing.T, change func(*cb.CreateWebhookInput)) *hooked {
	t.Helper()
	s := open(t)
	in := project("web")
	in.Source = &cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("https://github.com/o/r.git")}
	in.BuildBatchConfig = &cb.ProjectBuildBatchConfig{ServiceRole: in.ServiceRole}
	s.create(in)
	hook := &cb.CreateWebhookInput{ProjectName: new("web"), ManualCreation: new(true)}
	if change != nil {
		change(hook)
	}
	out, err := s.api.CreateWebhook(s.ctx(), hook)
	if err != nil {
		t.Fatal(err)
	}
	return &hooked{s, build.NewWebhooks(s.Service), out.Webhook}
}

// deliver posts a delivery of GitHub's, signed with a secret, and returns the status and the answer.
func (h *hooked) deliver(id, event, body, secret string) (int, string) {
	h.t.Helper()
	u, err := url.Parse(*h.webhook.PayloadUrl)
	if err != nil {
		h.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, u.Path, strings.NewReader(body))
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(body))
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
	w := httptest.NewRecorder()
	h.http.ServeHTTP(w, r)
	var answer struct{ Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		h.t.Fatalf("the answer is %s: %v", w.Body, err)
	}
	return w.Code, answer.Message
}

func (h *hooked) want(status int, words, id, event, body string) {
	h.t.Helper()
	if got, say := h.deliver(id, event, body, *h.webhook.Secret); got != status || !strings.Contains(say, words) {
		h.t.Errorf("%s: %d %q, want %d %q", event, got, say, status, words)
	}
}

func (h *hooked) builds() (all []cb.Build) {
	h.t.Helper()
	list, err := h.api.ListBuilds(h.ctx(), &cb.ListBuildsInput{})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, id := range list.Ids {
		all = append(all, h.get(id))
	}
	return all
}

func (h *hooked) deliveries() []slipway.WebhookDelivery {
	h.t.Helper()
	out, err := h.ListWebhookDeliveries(h.ctx(), &slipway.ListWebhookDeliveriesInput{ProjectName: new("web")})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.Deliveries
}

const ofRepository = `"repository":{"id":7,"full_name":"o/r","clone_url":"https://github.com/o/r.git"},` +
	`"sender":{"id":9,"login":"ada"}`

func pushed(branch, before, after string) string {
	return fmt.Sprintf(`{"ref":"refs/heads/%s","before":"%s","after":"%s","head_commit":{"id":"%s","message":"Mend"},`+
		`"commits":[{"modified":["src/a.go"]}],%s}`, branch, before, after, after, ofRepository)
}

// pulled is a pull request whose commits are of the repository with an ID.
func pulled(action string, head int) string {
	return fmt.Sprintf(`{"action":"%s","pull_request":{"number":3,"updated_at":"t","head":{"ref":"main","sha":"%s",`+
		`"repo":{"id":%d}},"base":{"ref":"main","sha":"%s","repo":{"id":7}}},%s}`, action, newCommit, head, oldCommit,
		ofRepository)
}

func TestAPushStartsABuild(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	h.want(http.StatusOK, "Started web:", "1", "push", pushed("main", oldCommit, newCommit))
	b := h.builds()
	if len(b) != 1 || *b[0].SourceVersion != newCommit || *b[0].Initiator != "GitHub-Hookshot/044aadd" {
		t.Fatalf("builds %+v", b)
	}
	o := h.order(h.poll("r1", 1))
	for name, want := range map[string]string{"EVENT": "PUSH", "TRIGGER": "branch/main", "HEAD_REF": "refs/heads/main",
		"PREV_COMMIT": oldCommit, "ACTOR_ACCOUNT_ID": "9"} {
		if got := o.Variables["CODEBUILD_WEBHOOK_"+name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	d := h.deliveries()
	if len(d) != 1 || *d[0].Outcome != "STARTED" || *d[0].Work != *b[0].Id {
		t.Errorf("deliveries %+v", d)
	}
}

func TestADeliveryStartsNothingTwice(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	body := pushed("main", oldCommit, newCommit)
	h.want(http.StatusOK, "Started", "1", "push", body)
	h.want(http.StatusOK, "before", "1", "push", body)
	h.want(http.StatusOK, "before", "2", "push", body) // another hook tells of the same push
	if n := len(h.builds()); n != 1 {
		t.Errorf("%d builds", n)
	}
	h.pass(time.Hour)
	h.want(http.StatusOK, "before", "1", "push", body)
	h.want(http.StatusOK, "Started", "3", "push", body) // the branch was set back and forth meanwhile
	h.pass(8 * 24 * time.Hour)
	h.want(http.StatusOK, "Started", "1", "push", body)
	if n := len(h.builds()); n != 3 {
		t.Errorf("%d builds", n)
	}
}

func TestDeliveriesAtTheSameTimeStartOneBuild(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { h.deliver("1", "push", pushed("main", oldCommit, newCommit), *h.webhook.Secret) })
	}
	all.Wait()
	if n := len(h.builds()); n != 1 {
		t.Errorf("%d builds", n)
	}
}

func TestWhatStartsNothingSaysWhy(t *testing.T) {
	t.Parallel()
	h := openHooked(t, func(in *cb.CreateWebhookInput) {
		in.FilterGroups = [][]cb.WebhookFilter{{
			{Type: cb.WebhookFilterTypeEvent, Pattern: new("PUSH, WORKFLOW_JOB_QUEUED")},
			{Type: cb.WebhookFilterTypeFilePath, Pattern: new("^web/"), ExcludeMatchedPattern: new(false)},
		}}
	})
	h.want(http.StatusOK, "connected", "1", "ping", `{"zen":"x"}`)
	h.want(http.StatusOK, "FILE_PATH ^web/: none of the 1 changed files matches (src/a.go)", "2", "push",
		pushed("main", oldCommit, newCommit))
	h.want(http.StatusOK, "deleted", "3", "push", pushed("main", oldCommit, strings.Repeat("0", 40)))
	h.want(http.StatusOK, "starts no builds", "4", "star", `{"action":"created",`+ofRepository+`}`)
	h.want(http.StatusOK, "the job is not for this project", "5", "workflow_job",
		`{"action":"queued","workflow_job":{"id":1,"head_branch":"main","head_sha":"`+newCommit+`"},`+ofRepository+`}`)
	h.want(http.StatusOK, "o/other", "6", "push",
		strings.ReplaceAll(pushed("main", oldCommit, newCommit), `7,"full_name":"o/r"`, `8,"full_name":"o/other"`))
	h.want(http.StatusBadRequest, "no JSON", "7", "push", `{`)
	if n := len(h.builds()); n != 0 {
		t.Errorf("%d builds", n)
	}
	if d := h.deliveries(); len(d) != 6 || *d[0].Outcome != "IGNORED" {
		t.Errorf("%d deliveries: %+v", len(d), d)
	}
	// A delivery that started nothing may be sent again once the filters were mended.
	_, err := h.api.UpdateWebhook(h.ctx(), &cb.UpdateWebhookInput{ProjectName: new("web"),
		FilterGroups: [][]cb.WebhookFilter{{{Type: cb.WebhookFilterTypeEvent, Pattern: new("PUSH")}}}})
	if err != nil {
		t.Fatal(err)
	}
	h.want(http.StatusOK, "Started", "2", "push", pushed("main", oldCommit, newCommit))
}

func TestStrangersStartNothing(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	body := pushed("main", oldCommit, newCommit)
	for range 3 {
		if got, say := h.deliver("1", "push", body, "guess"); got != http.StatusUnauthorized ||
			!strings.Contains(say, "make a new secret") {
			t.Errorf("%d %q", got, say)
		}
	}
	known := h.webhook.PayloadUrl
	h.webhook.PayloadUrl = new("http://slipway" + build.WebhookPath + "guess")
	h.want(http.StatusNotFound, "no such webhook", "1", "push", body)
	h.webhook.PayloadUrl = known
	h.want(http.StatusRequestEntityTooLarge, "25 MB", "1", "push", strings.Repeat(" ", 26<<20))
	if n := len(h.builds()); n != 0 {
		t.Errorf("%d builds", n)
	}
	if d := h.deliveries(); len(d) != 1 || *d[0].Outcome != "REFUSED" {
		t.Errorf("deliveries %+v", d)
	}
	out, err := h.api.UpdateWebhook(h.ctx(), &cb.UpdateWebhookInput{ProjectName: new("web"), RotateSecret: new(true)})
	if err != nil || *out.Webhook.Secret == *h.webhook.Secret || *out.Webhook.PayloadUrl != *h.webhook.PayloadUrl {
		t.Fatalf("rotated: %+v, %v", out, err)
	}
	h.want(http.StatusUnauthorized, "does not fit", "1", "push", body)
	h.webhook = out.Webhook
	h.want(http.StatusOK, "Started", "1", "push", body)
}

func TestAForksPullRequestIsMarked(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	h.want(http.StatusOK, "Started", "1", "pull_request", pulled("opened", 8))
	o := h.order(h.poll("r1", 1))
	if *o.Build.SourceVersion != "pr/3" || o.Sources[0].Version != "refs/pull/3/head^{"+newCommit+"}" {
		t.Errorf("version %s, fetched %s", *o.Build.SourceVersion, o.Sources[0].Version)
	}
	if notes := strings.Join(o.Notes, "\n"); !strings.Contains(notes, "from a fork") ||
		o.Variables["CODEBUILD_WEBHOOK_BASE_REF"] != "refs/heads/main" {
		t.Errorf("notes %s, variables %v", notes, o.Variables)
	}
	h.want(http.StatusOK, "Started", "2", "pull_request", strings.ReplaceAll(pulled("synchronize", 7), `"t"`, `"u"`))
	if notes := strings.Join(h.order(h.poll("r1", 1, *o.Build.Id)).Notes, "\n"); strings.Contains(notes, "from a fork") {
		t.Errorf("a branch of the repository is a fork's: %s", notes)
	}
}

func TestAWebhookStartsBatches(t *testing.T) {
	t.Parallel()
	h := openHooked(t, func(in *cb.CreateWebhookInput) { in.BuildType = cb.WebhookBuildTypeBuildBatch })
	h.want(http.StatusOK, "Started web:", "1", "push", pushed("main", oldCommit, newCommit))
	h.want(http.StatusOK, "before", "1", "push", pushed("main", oldCommit, newCommit))
	list, err := h.api.ListBuildBatches(h.ctx(), &cb.ListBuildBatchesInput{})
	if err != nil || len(list.Ids) != 1 {
		t.Fatalf("batches %+v, %v", list, err)
	}
	o := h.order(h.poll("r1", 1))
	if !o.ReadBatch || o.Variables["CODEBUILD_WEBHOOK_TRIGGER"] != "branch/main" || o.Sources[0].Version != newCommit {
		t.Errorf("order %+v", o)
	}
}

func TestWebhooksThatAreRefused(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	here := project("here")
	here.Source = &cb.ProjectSource{Type: cb.SourceTypeCodecommit, Location: new("r")}
	h.create(here)
	other := project("other")
	other.Source = &cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("https://github.com/o/r")}
	h.create(other)
	for name, c := range map[string]struct {
		in   cb.CreateWebhookInput
		want string
	}{
		"again":      {cb.CreateWebhookInput{ProjectName: new("web"), ManualCreation: new(true)}, "already"},
		"no project": {cb.CreateWebhookInput{ProjectName: new("none"), ManualCreation: new(true)}, "cannot be found"},
		"CodeCommit": {cb.CreateWebhookInput{ProjectName: new("here"), ManualCreation: new(true)}, "CODECOMMIT"},
		"no token":   {cb.CreateWebhookInput{ProjectName: new("other")}, "Could not find access token"},
		"Buildkite": {cb.CreateWebhookInput{ProjectName: new("other"), ManualCreation: new(true),
			BuildType: cb.WebhookBuildTypeRunnerBuildkiteBuild}, "RUNNER_BUILDKITE_BUILD"},
		"approval": {cb.CreateWebhookInput{ProjectName: new("other"), ManualCreation: new(true),
			PullRequestBuildPolicy: &cb.PullRequestBuildPolicy{
				ApproverRoles:           []cb.PullRequestBuildApproverRole{cb.PullRequestBuildApproverRoleBitbucketAdmin},
				RequiresCommentApproval: cb.PullRequestBuildCommentApprovalAllPullRequests}}, "nobody could approve"},
		"no event": {cb.CreateWebhookInput{ProjectName: new("other"), ManualCreation: new(true),
			FilterGroups: [][]cb.WebhookFilter{{{Type: cb.WebhookFilterTypeHeadRef, Pattern: new("x")}}}}, "EVENT"},
		"both": {cb.CreateWebhookInput{ProjectName: new("other"), ManualCreation: new(true), BranchFilter: new("x"),
			FilterGroups: [][]cb.WebhookFilter{{{Type: cb.WebhookFilterTypeEvent, Pattern: new("PUSH")}}}}, "branchFilter"},
		"another forge's scope": {cb.CreateWebhookInput{ProjectName: new("other"), ManualCreation: new(true),
			ScopeConfiguration: &cb.ScopeConfiguration{Name: new("g"), Scope: cb.WebhookScopeTypeGitlabGroup}}, "GITLAB_GROUP"},
	} {
		if _, err := h.api.CreateWebhook(h.ctx(), &c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProjectShowsItsWebhook(t *testing.T) {
	t.Parallel()
	h := openHooked(t, nil)
	read := func() *cb.Webhook {
		out, err := h.api.BatchGetProjects(h.ctx(), &cb.BatchGetProjectsInput{Names: []string{"web"}})
		if err != nil || len(out.Projects) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Projects[0].Webhook
	}
	if w := read(); w == nil || *w.PayloadUrl != *h.webhook.PayloadUrl || w.Secret != nil {
		t.Errorf("webhook %+v", w)
	}
	if _, err := h.api.DeleteWebhook(h.ctx(), &cb.DeleteWebhookInput{ProjectName: new("web")}); err != nil {
		t.Fatal(err)
	}
	if w := read(); w != nil {
		t.Errorf("webhook %+v", w)
	}
	h.want(http.StatusNotFound, "no such webhook", "1", "push", pushed("main", oldCommit, newCommit))
	if _, err := h.api.DeleteWebhook(h.ctx(), &cb.DeleteWebhookInput{ProjectName: new("web")}); err == nil {
		t.Error("it is deleted twice")
	}
}

func TestAnOrganisationsWebhookBuildsItsRepositories(t *testing.T) {
	t.Parallel()
	h := openHooked(t, func(in *cb.CreateWebhookInput) {
		in.ScopeConfiguration = &cb.ScopeConfiguration{Name: new("o"),
			Scope: cb.WebhookScopeTypeGithubOrganization}
	})
	h.want(http.StatusOK, "Started", "1", "push", strings.ReplaceAll(pushed("main", oldCommit, newCommit), "o/r", "o/s"))
	if o := h.order(h.poll("r1", 1)); o.Sources[0].URL != "https://github.com/o/s.git" {
		t.Errorf("fetched %s", o.Sources[0].URL)
	}
	h.want(http.StatusOK, "is of the repository p/r", "2", "push",
		strings.ReplaceAll(pushed("main", oldCommit, newCommit), "o/r", "p/r"))
}
