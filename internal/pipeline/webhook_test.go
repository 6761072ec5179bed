package pipeline_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/forge"
	"slipway/internal/pipeline/webhook"
	"slipway/internal/store/seal"
)

// hooked is a house with webhooks.
type hooked struct {
	*house
	hooks   *webhook.Service
	handler *webhook.Handler
	github  *github
}

// github answers as the documentation of GitHub's webhooks says, and keeps the calls that it got.
type github struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string
}

func newGitHub(t *testing.T) *github {
	t.Helper()
	g := &github{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		g.mu.Lock()
		g.calls = append(g.calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+string(body))
		g.mu.Unlock()
		switch r.Method {
		case http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprintf(w, `{"id": 7, "url": "http://%s/repos/octo/shop/hooks/7"}`, r.Host)
		case http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// called takes the calls that came since the last time.
func (g *github) called() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := strings.Join(g.calls, "\n")
	g.calls = nil
	return all
}

func openHooked(t *testing.T, dsn string) *hooked {
	t.Helper()
	h := open(t, dsn, time.Now, letters(), workers())
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "seal"))
	if err != nil {
		t.Fatal(err)
	}
	hub := newGitHub(t)
	s := webhook.New(h.db, webhook.Config{
		Region:    "eu-central-1",
		Account:   "123456789012",
		URL:       "http://localhost",
		Now:       time.Now,
		Log:       slog.New(slog.DiscardHandler),
		Pager:     awsproto.Pager{Key: []byte("key")},
		Seal:      sealer,
		Hints:     h.hints,
		Pipelines: h.Service,
		Forges:    forge.NewClient(true),
		GitHub:    hub.URL,
	})
	h.create(post("post", "in"))
	return &hooked{h, s, webhook.NewHandler(s), hub}
}

// definition is a webhook for the pipeline "post".
func definition(name string, how cp.WebhookAuthenticationType) cp.WebhookDefinition {
	return cp.WebhookDefinition{
		Name:                        &name,
		TargetPipeline:              new("post"),
		TargetAction:                new("Take"),
		Filters:                     []cp.WebhookFilterRule{{JsonPath: new("$.box"), MatchEquals: new("{Box}")}},
		Authentication:              how,
		AuthenticationConfiguration: &cp.WebhookAuthConfiguration{},
	}
}

// put makes a webhook and returns the path of its URL.
func (h *hooked) put(d *cp.WebhookDefinition, tags ...cp.Tag) string {
	h.t.Helper()
	out, err := h.hooks.PutWebhook(h.t.Context(), &cp.PutWebhookInput{Webhook: d, Tags: tags})
	if err != nil {
		h.t.Fatal(err)
	}
	path, ok := strings.CutPrefix(*out.Webhook.Url, "http://localhost")
	if !ok || !h.handler.Accepts(httptest.NewRequest(http.MethodPost, path, http.NoBody)) {
		h.t.Fatalf("the URL is %s", *out.Webhook.Url)
	}
	return path
}

// deliver posts a body, signed if there is a secret, and returns the status and the message of the answer.
func (h *hooked) deliver(path, secret, body string) (int, string) {
	h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r = r.WithContext(awsproto.WithPeer(r))
	if secret != "" {
		m := hmac.New(sha256.New, []byte(secret))
		_, _ = m.Write([]byte(body))
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	var said struct{ Message string }
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
		h.t.Errorf("answer %s: %v", w.Body, err)
	}
	return w.Code, said.Message
}

func (h *hooked) list() []cp.ListWebhookItem {
	h.t.Helper()
	out, err := h.hooks.ListWebhooks(h.t.Context(), &cp.ListWebhooksInput{})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.Webhooks
}

func TestWebhooks(t *testing.T) {
	onBoth(t, cases{
		"a signed delivery starts one execution": aSignedDeliveryStartsOneExecution,
		"what is refused is told":                whatIsRefusedIsTold,
		"addresses and nobody":                   addressesAndNobody,
		"webhooks are listed in pages":           webhooksAreListedInPages,
		"a webhook ends with its pipeline":       aWebhookEndsWithItsPipeline,
		"a webhook is registered at GitHub":      aWebhookIsRegisteredAtGitHub,
	})
}

func aSignedDeliveryStartsOneExecution(t *testing.T, dsn string) {
	h := openHooked(t, dsn)
	d := definition("hook", cp.WebhookAuthenticationTypeGithubHmac)
	d.AuthenticationConfiguration.SecretToken = new("secret-of-the-hook")
	path := h.put(&d, cp.Tag{Key: new("team"), Value: new("mail")})
	for range 2 { // the second is the same delivery again
		if code, said := h.deliver(path, "secret-of-the-hook", `{"box": "in"}`); code != http.StatusOK ||
			!strings.Contains(said, *h.executions("post")[0].PipelineExecutionId) {
			t.Errorf("%d %s", code, said)
		}
	}
	if n := len(h.executions("post")); n != 2 {
		t.Errorf("%d executions after its creation and one delivery that came twice, want 2", n)
	}
	if by := h.executions("post")[0].Trigger; by.TriggerType != cp.TriggerTypeWebhook ||
		*by.TriggerDetail != "arn:aws:codepipeline:eu-central-1:123456789012:webhook:hook" {
		t.Errorf("trigger %+v", by)
	}
	if code, said := h.deliver(path, "secret-of-the-hook", `{"box": "out"}`); code != http.StatusOK ||
		!strings.Contains(said, "$.box is out and not in") || len(h.executions("post")) != 2 {
		t.Errorf("%d %s", code, said)
	}
	all := h.list()
	if len(all) != 1 || all[0].LastTriggered == nil || len(all[0].Tags) != 1 ||
		*all[0].Definition.AuthenticationConfiguration.SecretToken != "****" {
		t.Errorf("listed %+v", all)
	}
	d.AuthenticationConfiguration.SecretToken = new("****") // as it was listed
	d.Filters = nil
	if again := h.put(&d); again != path {
		t.Errorf("an update changed the URL to %s", again)
	}
	if code, said := h.deliver(path, "secret-of-the-hook", `{"box": "out"}`); code != http.StatusOK ||
		len(h.executions("post")) != 3 {
		t.Errorf("%d %s", code, said)
	}
}

func whatIsRefusedIsTold(t *testing.T, dsn string) {
	h := openHooked(t, dsn)
	d := definition("hook", cp.WebhookAuthenticationTypeGithubHmac)
	d.AuthenticationConfiguration.SecretToken = new("secret-of-the-hook")
	path := h.put(&d)
	for _, x := range []struct {
		path, secret, body string
		code               int
	}{
		{path, "", `{"box": "in"}`, http.StatusForbidden},
		{path, "another", `{"box": "in"}`, http.StatusForbidden},
		{path + "x", "secret-of-the-hook", `{"box": "in"}`, http.StatusNotFound},
		{path, "secret-of-the-hook", strings.Repeat(" ", 25<<20+1), http.StatusRequestEntityTooLarge},
	} {
		if code, said := h.deliver(x.path, x.secret, x.body); code != x.code || strings.Contains(said, "secret-of") {
			t.Errorf("%d %s", code, said)
		}
	}
	if all := h.list(); *all[0].ErrorCode != "InvalidRequest" || all[0].LastTriggered != nil {
		t.Errorf("listed %+v", all[0])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET answers %d", w.Code)
	}
	if n := len(h.executions("post")); n != 1 {
		t.Errorf("%d executions", n)
	}
	for name, change := range map[string]func(d *cp.WebhookDefinition){
		"no source action 'None'":    func(d *cp.WebhookDefinition) { d.TargetAction = new("None") },
		"pipeline with name 'none'":  func(d *cp.WebhookDefinition) { d.TargetPipeline = new("none") },
		"may name several values":    func(d *cp.WebhookDefinition) { d.Filters[0].JsonPath = new("$..box") },
		"GITHUB_HMAC takes a Secret": func(d *cp.WebhookDefinition) { d.AuthenticationConfiguration.SecretToken = nil },
		"stands for the secret of": func(d *cp.WebhookDefinition) {
			d.Name, d.AuthenticationConfiguration.SecretToken = new("fresh"), new("****")
		},
	} {
		d := definition("other", cp.WebhookAuthenticationTypeGithubHmac)
		d.AuthenticationConfiguration.SecretToken = new("s")
		change(&d)
		if _, err := h.hooks.PutWebhook(t.Context(), &cp.PutWebhookInput{Webhook: &d}); err == nil ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func addressesAndNobody(t *testing.T, dsn string) {
	h := openHooked(t, dsn)
	near, far := definition("near", cp.WebhookAuthenticationTypeIp), definition("far", cp.WebhookAuthenticationTypeIp)
	near.AuthenticationConfiguration.AllowedIPRange = new("192.0.2.0/24") // httptest's clients are there
	far.AuthenticationConfiguration.AllowedIPRange = new("198.51.100.0/24")
	if code, said := h.deliver(h.put(&far), "", `{"box": "in"}`); code != http.StatusForbidden {
		t.Errorf("%d %s", code, said)
	}
	open := definition("open", cp.WebhookAuthenticationTypeUnauthenticated)
	for i, path := range []string{h.put(&near), h.put(&open), h.put(&open)} {
		if code, said := h.deliver(path, "", `{"box": "in"}`); code != http.StatusOK ||
			len(h.executions("post")) != i+2 {
			t.Errorf("%d %s", code, said)
		}
	}
}

func webhooksAreListedInPages(t *testing.T, dsn string) {
	h := openHooked(t, dsn)
	for i := range 5 {
		d := definition(fmt.Sprint("hook", i), cp.WebhookAuthenticationTypeUnauthenticated)
		h.put(&d, cp.Tag{Key: new("i"), Value: new(fmt.Sprint(i))})
	}
	var names []string
	in := &cp.ListWebhooksInput{MaxResults: new(int32(2))}
	for {
		out, err := h.hooks.ListWebhooks(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range out.Webhooks {
			names = append(names, *w.Definition.Name+*w.Tags[0].Value)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if got := strings.Join(names, " "); got != "hook00 hook11 hook22 hook33 hook44" {
		t.Errorf("listed %s", got)
	}
}

func aWebhookEndsWithItsPipeline(t *testing.T, dsn string) {
	h := openHooked(t, dsn)
	d := definition("hook", cp.WebhookAuthenticationTypeUnauthenticated)
	path := h.put(&d, cp.Tag{Key: new("team"), Value: new("mail")})
	if _, err := h.DeletePipeline(t.Context(), &cp.DeletePipelineInput{Name: new("post")}); err != nil {
		t.Fatal(err)
	}
	if code, said := h.deliver(path, "", `{"box": "in"}`); code != http.StatusNotFound {
		t.Errorf("%d %s", code, said)
	}
	for range 2 { // the second time there is none
		if _, err := h.hooks.DeleteWebhook(t.Context(), &cp.DeleteWebhookInput{Name: new("hook")}); err != nil {
			t.Error(err)
		}
	}
}

func aWebhookIsRegisteredAtGitHub(t *testing.T, dsn string) {
	h := openHooked(t, dsn)
	p := post("shop", "in")
	p.Stages[0].Actions[0].ActionTypeId = &cp.ActionTypeId{Category: cp.ActionCategorySource,
		Owner: cp.ActionOwnerThirdParty, Provider: new("GitHub"), Version: new("1")}
	p.Stages[0].Actions[0].Configuration = map[string]string{"Owner": "octo", "Repo": "shop", "Branch": "main",
		"OAuthToken": "token-of-octo"}
	p.Stages[0].Actions[0].OutputArtifacts = []cp.OutputArtifact{{Name: new("src")}}
	h.create(p)
	d := definition("hook", cp.WebhookAuthenticationTypeGithubHmac)
	d.TargetPipeline, d.Filters = new("shop"), nil
	d.AuthenticationConfiguration.SecretToken = new("secret-of-the-hook")
	path := h.put(&d)
	d.AuthenticationConfiguration.SecretToken = new("a-new-secret")
	for _, want := range []struct{ how, secret string }{
		{"POST /repos/octo/shop/hooks Bearer token-of-octo", "secret-of-the-hook"},
		{"PATCH /repos/octo/shop/hooks/7 Bearer token-of-octo", "a-new-secret"},
	} {
		if _, err := h.hooks.RegisterWebhookWithThirdParty(t.Context(),
			&cp.RegisterWebhookWithThirdPartyInput{WebhookName: new("hook")}); err != nil {
			t.Fatal(err)
		}
		if got := h.github.called(); !strings.HasPrefix(got, want.how) || !strings.Contains(got, want.secret) ||
			!strings.Contains(got, "http://localhost"+path) {
			t.Errorf("called %s", got)
		}
		h.put(&d)
	}
	for _, want := range []string{"DELETE /repos/octo/shop/hooks/7 Bearer token-of-octo ", ""} {
		if _, err := h.hooks.DeregisterWebhookWithThirdParty(t.Context(),
			&cp.DeregisterWebhookWithThirdPartyInput{WebhookName: new("hook")}); err != nil {
			t.Fatal(err)
		}
		if got := h.github.called(); got != want {
			t.Errorf("called %s, want %q", got, want)
		}
	}
	_, err := h.hooks.DeregisterWebhookWithThirdParty(t.Context(),
		&cp.DeregisterWebhookWithThirdPartyInput{WebhookName: new("none")})
	wantError[*cp.WebhookNotFoundException](t, err, "no webhook 'none'")
}

func TestRevisions(t *testing.T) {
	onBoth(t, cases{"a revision starts one execution": aRevisionStartsOneExecution})
}

func aRevisionStartsOneExecution(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	h.create(post("post", "in"))
	in := &cp.PutActionRevisionInput{
		PipelineName: new("post"),
		StageName:    new("Mail"),
		ActionName:   new("Take"),
		ActionRevision: &cp.ActionRevision{
			RevisionId:       new("letter-7"),
			RevisionChangeId: new("change-1"),
			Created:          awsproto.At(time.UnixMilli(1_700_000_000_000)),
		},
	}
	first := ""
	for i := range 2 {
		out, err := h.PutActionRevision(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = *out.PipelineExecutionId
		}
		if *out.NewRevision != (i == 0) || *out.PipelineExecutionId != first || len(h.executions("post")) != 2 {
			t.Errorf("%v %s", *out.NewRevision, *out.PipelineExecutionId)
		}
	}
	if by := h.executions("post")[0].Trigger; by.TriggerType != cp.TriggerTypePutActionRevision {
		t.Errorf("trigger %+v", by)
	}
	in.ActionRevision.RevisionChangeId = new("change-2")
	if out, err := h.PutActionRevision(t.Context(), in); err != nil || !*out.NewRevision {
		t.Errorf("%+v, %v", out, err)
	}
	bad := *in
	bad.ActionName = new("None")
	_, err := h.PutActionRevision(t.Context(), &bad)
	wantError[*cp.ActionNotFoundException](t, err, "'Mail' has no action 'None'")
	bad.StageName, bad.ActionName = new("Robots"), new("Work")
	_, err = h.PutActionRevision(t.Context(), &bad)
	wantError[*cp.ValidationException](t, err, "'Work' is no source")
	bad.StageName = new("None")
	_, err = h.PutActionRevision(t.Context(), &bad)
	wantError[*cp.StageNotFoundException](t, err, "no stage 'None'")
}
