package build_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
)

func TestCredentialsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	for name, c := range map[string]struct {
		in   cb.ImportSourceCredentialsInput
		want string
	}{
		"OAUTH": {cb.ImportSourceCredentialsInput{ServerType: cb.ServerTypeGithub, AuthType: cb.AuthTypeOauth}, "OAUTH"},
		"a connection": {cb.ImportSourceCredentialsInput{ServerType: cb.ServerTypeGithub,
			AuthType: cb.AuthTypeCodeconnections}, "CODECONNECTIONS"},
		"a password of GitHub": {cb.ImportSourceCredentialsInput{ServerType: cb.ServerTypeGithub,
			AuthType: cb.AuthTypeBasicAuth, Username: new("ada")}, "BITBUCKET"},
		"no name": {cb.ImportSourceCredentialsInput{ServerType: cb.ServerTypeBitbucket, AuthType: cb.AuthTypeBasicAuth},
			"username"},
		"no secret": {cb.ImportSourceCredentialsInput{ServerType: cb.ServerTypeGithub,
			AuthType: cb.AuthTypeSecretsManager}, "ARN"},
	} {
		c.in.Token = new("token")
		if _, err := s.api.ImportSourceCredentials(s.ctx(), &c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := &cb.ImportSourceCredentialsInput{ServerType: cb.ServerTypeGithub, Token: new("token"),
		AuthType: cb.AuthTypePersonalAccessToken}
	for range 2 {
		if _, err := s.api.ImportSourceCredentials(s.ctx(), in); err != nil {
			t.Fatal(err)
		}
	}
	in.ShouldOverwrite = new(false)
	if _, err := s.api.ImportSourceCredentials(s.ctx(), in); err == nil {
		t.Error("a credential was overwritten")
	}
}

// A credential goes to the runner of a build alone, to its own forge, and not to the repository of a fork.
func TestWhoGetsACredential(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) {
		c.ReadSecret = func(_ context.Context, role, arn string) (string, error) {
			return `{"ServerType":"GITLAB","AuthType":"PERSONAL_ACCESS_TOKEN","Token":"of ` + arn + `"}`, nil
		}
	})
	for server, token := range map[cb.ServerType]string{cb.ServerTypeGithub: "hub", cb.ServerTypeBitbucket: "bucket"} {
		if _, err := s.api.ImportSourceCredentials(s.ctx(), &cb.ImportSourceCredentialsInput{ServerType: server,
			Token: &token, AuthType: cb.AuthTypePersonalAccessToken}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		source cb.ProjectSource
		want   string
	}{
		"github":    {cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("https://github.com/o/r")}, "x-access-token:hub"},
		"elsewhere": {cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("https://example.com/o/r")}, ""},
		"in clear":  {cb.ProjectSource{Type: cb.SourceTypeGithub, Location: new("http://github.com/o/r")}, ""},
		"bitbucket": {cb.ProjectSource{Type: cb.SourceTypeBitbucket, Location: new("https://bitbucket.org/o/r")},
			"x-token-auth:bucket"},
		"none": {cb.ProjectSource{Type: cb.SourceTypeGitlabSelfManaged, Location: new("https://lab.example/o/r")}, ""},
		"own": {cb.ProjectSource{Type: cb.SourceTypeGitlab, Location: new("https://gitlab.com/o/r"),
			Auth: &cb.SourceAuth{Type: cb.SourceAuthTypeSecretsManager, Resource: new("arn:x")}}, "oauth2:of arn:x"},
	} {
		in := project("p-" + strings.ReplaceAll(name, " ", "-"))
		in.Source = &c.source
		s.create(in)
		b := s.start(&cb.StartBuildInput{ProjectName: in.Name})
		s.order(s.poll("r1", 1))
		s.acknowledge("r1", *b.Id)
		out, err := s.GetSourceCredential(s.ctx(), &slipway.GetSourceCredentialInput{Id: b.Id, Runner: new("r1")})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if out.Password != nil {
			got = *out.Username + ":" + *out.Password
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		if _, err := s.GetSourceCredential(s.ctx(), &slipway.GetSourceCredentialInput{Id: b.Id,
			Runner: new("r2")}); err == nil {
			t.Errorf("%s: another runner got it", name)
		}
		s.complete("r1", *b.Id, slipway.Result{Status: cb.StatusTypeSucceeded})
	}
}

// lab answers as GitLab's API of webhooks.
type lab struct {
	mu    sync.Mutex
	calls []string
}

func (l *lab) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, r.Method+" "+r.URL.EscapedPath()+" "+r.Header.Get("Private-Token"))
	if strings.Contains(r.URL.Path, "denied") {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"message":"403 Forbidden"}`))
		return
	}
	if r.Method == http.MethodPost {
		w.WriteHeader(http.StatusCreated)
	}
	_, _ = w.Write([]byte(`{"id":5}`))
}

func TestWebhooksAreMadeAtGitLab(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) { c.Local = true })
	forge := &lab{}
	server := httptest.NewServer(forge)
	t.Cleanup(server.Close)
	if _, err := s.api.ImportSourceCredentials(s.ctx(), &cb.ImportSourceCredentialsInput{Token: new("tok"),
		ServerType: cb.ServerTypeGitlabSelfManaged, AuthType: cb.AuthTypePersonalAccessToken}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lab", "denied"} {
		in := project(name)
		in.Source = &cb.ProjectSource{Type: cb.SourceTypeGitlabSelfManaged, Location: new(server.URL + "/g/" + name + ".git")}
		s.create(in)
	}
	w, err := s.api.CreateWebhook(s.ctx(), &cb.CreateWebhookInput{ProjectName: new("lab")})
	if err != nil || *w.Webhook.Url != server.URL+"/api/v4/projects/g%2Flab/hooks/5" {
		t.Fatalf("%+v, %v", w, err)
	}
	if _, err := s.api.UpdateWebhook(s.ctx(), &cb.UpdateWebhookInput{ProjectName: new("lab"),
		RotateSecret: new(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.DeleteWebhook(s.ctx(), &cb.DeleteWebhookInput{ProjectName: new("lab")}); err != nil {
		t.Fatal(err)
	}
	_, err = s.api.CreateWebhook(s.ctx(), &cb.CreateWebhookInput{ProjectName: new("denied")})
	if _, ok := err.(*cb.OAuthProviderException); !ok || !strings.Contains(err.Error(), "403 Forbidden") {
		t.Errorf("a refusal of the forge is %v", err)
	}
	at := "/api/v4/projects/g%2Flab/hooks"
	want := []string{"POST " + at + " tok", "PUT " + at + "/5 tok", "DELETE " + at + "/5 tok"}
	if got := strings.Join(forge.calls[:3], "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the forge was asked\n%s", got)
	}
}

// What a delivery does not list the forge is asked for.
func TestTheForgeComparesCommits(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *build.Config) { c.Local = true })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v3/repos/o/r/compare/"+oldCommit+"..."+newCommit {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(`{"files":[{"filename":"docs/a.md"}]}`))
	}))
	t.Cleanup(server.Close)
	if _, err := s.api.ImportSourceCredentials(s.ctx(), &cb.ImportSourceCredentialsInput{Token: new("tok"),
		ServerType: cb.ServerTypeGithubEnterprise, AuthType: cb.AuthTypePersonalAccessToken}); err != nil {
		t.Fatal(err)
	}
	in := project("web")
	in.Source = &cb.ProjectSource{Type: cb.SourceTypeGithubEnterprise, Location: new(server.URL + "/o/r.git")}
	s.create(in)
	out, err := s.api.CreateWebhook(s.ctx(), &cb.CreateWebhookInput{ProjectName: new("web"), ManualCreation: new(true),
		FilterGroups: [][]cb.WebhookFilter{{{Type: cb.WebhookFilterTypeEvent, Pattern: new("PULL_REQUEST_CREATED")},
			{Type: cb.WebhookFilterTypeFilePath, Pattern: new("^src/")}}}})
	if err != nil {
		t.Fatal(err)
	}
	h := &hooked{s, build.NewWebhooks(s.Service), out.Webhook}
	h.want(http.StatusOK, "FILE_PATH ^src/: none of the 1 changed files matches (docs/a.md)", "1", "pull_request",
		pulled("opened", 7))
}
