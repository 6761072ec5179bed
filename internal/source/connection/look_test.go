package connection

import (
	"context"
	"log/slog"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cc "slipway/api/codeconnections"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/forge"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// served is a repository that Git serves, and a folder that pushes to it.
type served struct {
	t    *testing.T
	url  string
	work string
}

func serve(t *testing.T) *served {
	t.Helper()
	path, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: no git here. Install it with: apt-get install -y git")
	}
	root := t.TempDir()
	s := &served{t: t, work: filepath.Join(root, "work")}
	s.git("init", "-q", "--bare", "-b", "main", filepath.Join(root, "team", "app"))
	s.git("init", "-q", "-b", "main", s.work)
	s.git("-C", s.work, "remote", "add", "origin", filepath.Join(root, "team", "app"))
	server := httptest.NewServer(&cgi.Handler{Path: path, Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1",
			"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}})
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *served) git(args ...string) string {
	s.t.Helper()
	c := exec.Command("git", args...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *served) commit(file string) string {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.work, file), []byte(file), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.git("-C", s.work, "add", ".")
	s.git("-C", s.work, "commit", "-q", "-m", file)
	s.git("-C", s.work, "push", "-q", "origin", "main")
	return s.git("-C", s.work, "rev-parse", "HEAD")
}

// A push that no delivery told of is found by a look, once; and one that a delivery told of is not found again.
func TestALookFindsMissedPushes(t *testing.T) {
	t.Parallel()
	repository := serve(t)
	repository.commit("one")
	sealer, err := seal.Open(t.TempDir() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, Migrations())
	var arn string
	s, err := New(t.Context(), db, Config{Region: "eu-north-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Pager: awsproto.Pager{Key: []byte("key")}, Seal: sealer,
		Hints: event.NewHints(nil), Local: true, Look: 50 * time.Millisecond,
		Watched: func(context.Context) ([]Watch, error) {
			return []Watch{{ARN: arn, Repository: "team/app", Pipelines: []string{"p"}}}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	host, err := s.CreateHost(t.Context(), &cc.CreateHostInput{Name: new("git"), ProviderType: "Git",
		ProviderEndpoint: &repository.url})
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.CreateConnection(t.Context(), &cc.CreateConnectionInput{ConnectionName: new("git"),
		HostArn: host.HostArn})
	if err != nil {
		t.Fatal(err)
	}
	arn = *made.ConnectionArn
	if _, err := s.CompleteConnection(t.Context(), &slipway.CompleteConnectionInput{ConnectionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	storetest.Work(t, db)
	in := &slipway.ConnectionInput{ConnectionArn: &arn}
	until(t, "the first look", func() bool {
		out, err := s.GetConnectionDetails(t.Context(), in)
		return err == nil && out.Repositories[0].LookedTime != nil && out.Repositories[0].Message == nil
	})
	second := repository.commit("two")
	taken := func() (commits []string) {
		out, err := s.ListConnectionDeliveries(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range out.Deliveries {
			commits = append(commits, awsproto.Value(d.Outcome)+" "+awsproto.Value(d.Commit))
		}
		return commits
	}
	until(t, "the push is found", func() bool { return len(taken()) > 0 })
	if got := taken(); len(got) != 1 || got[0] != "RECEIVED "+second {
		t.Errorf("got %v", got)
	}
	id := s.idOf("connection", arn)
	late := &arrival{connection: id, event: forge.Event{Kind: forge.Push, Ref: "refs/heads/main", After: second,
		Repository: forge.Repository{ID: "7", Name: "team/app"}}}
	late.describe("1")
	if say, err := s.arrive(t.Context(), late); err != nil || !strings.Contains(say, "has found this push") {
		t.Errorf("its delivery, later: %q, %v", say, err)
	}
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not within a minute: %s", what)
		case <-tick.C:
		}
	}
}
