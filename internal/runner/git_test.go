package runner

import (
	"context"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
)

// repository serves a real repository by git http-backend under /v1/repos/web, to those who sign as the runner.
func repository(t *testing.T) (url, first string) {
	t.Helper()
	url, first, _ = repositoryAt(t)
	return url, first
}

// repositoryAt also returns the folder of the bare repository.
func repositoryAt(t *testing.T) (url, first, bare string) {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: no git here. Install it with: apt-get install -y git")
	}
	root := t.TempDir()
	work := filepath.Join(root, "work")
	bare = filepath.Join(root, "v1", "repos", "web")
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(git, args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q", "-b", "main", work)
	commit := func(text string) string {
		if err := os.WriteFile(filepath.Join(work, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run("-C", work, "add", ".")
		run("-C", work, "commit", "-qm", text)
		return run("-C", work, "rev-parse", "HEAD")
	}
	first = commit("one\n")
	run("-C", work, "tag", "v1")
	commit("two\n")
	run("-C", work, "checkout", "-qb", "side")
	commit("side\n")
	run("-C", work, "checkout", "-q", "main")
	run("clone", "-q", "--bare", work, bare)
	run("-C", bare, "config", "http.receivepack", "false")
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		stamp, signature, _ := strings.Cut(password, "Z")
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/repos/"), "/")
		if user != testKey.AccessKeyID ||
			!sigv4.VerifyGitPassword(testKey.SecretAccessKey, stamp, signature, r.Host, "/v1/repos/"+name, "us-east-1",
				time.Now()) {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/repos/web", first, bare
}

func TestGitSources(t *testing.T) {
	url, first := repository(t)
	for name, c := range map[string]struct {
		version string
		depth   int32
		said    string
	}{
		"default":      {"", 0, "two\n2\n"},
		"shallow":      {"", 1, "two\n1\n"},
		"branch":       {"side", 0, "side\n3\n"},
		"branch depth": {"side", 1, "side\n1\n"},
		"tag":          {"v1", 0, "one\n1\n"},
		"ref":          {"refs/heads/side", 0, "side\n3\n"},
		"commit":       {first, 0, "one\n1\n"},
		"commit depth": {first, 1, "one\n1\n"},
		"pinned":       {"refs/heads/main^{" + first + "}", 0, "one\n1\n"},
		"pinned depth": {"refs/heads/main^{" + first + "}", 1, "one\n1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inBoth(t, func(t *testing.T, s Executor) {
				o := order(
					"version: 0.2\nphases: {build: {commands: ['cat file; git rev-list --count HEAD; env | grep -ci " +
						"authorization; cat .git/config | grep -c Basic; true']}}")
				o.Sources = []slipway.Source{{Kind: slipway.SourceGit, URL: url, Here: true, Version: c.version,
					Depth: c.depth}}
				var log watched
				r := runJob(t.Context(),
					Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: s,
						Identity: Fixed(testKey)})
				if r.Status != codebuild.StatusTypeSucceeded || said(log.String()) != c.said+"0\n0\n" ||
					len(r.ResolvedSourceVersion) != 40 {
					t.Error(r.ResolvedSourceVersion, log.String())
				}
			})
		})
	}
}

func TestGitAsksForRepositoriesOfThisServer(t *testing.T) {
	address, _ := repository(t)
	endpoint := strings.TrimSuffix(address, "/v1/repos/web")
	inBoth(t, func(t *testing.T, s Executor) {
		o := order(
			"version: 0.2\nenv: {git-credential-helper: yes}\nphases: {build: {commands: ['git clone -q " + address +
				" one', 'cat one/file', 'git clone -q " + address + " two && cat two/file']}}")
		var log watched
		r := runJob(t.Context(),
			Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: s,
				Identity: Fixed(testKey), Endpoint: endpoint})
		if r.Status != codebuild.StatusTypeSucceeded || said(log.String()) != "two\ntwo\n" {
			t.Error(log.String())
		}
	})
}

func TestGitGetsNoPasswordForOthers(t *testing.T) {
	_, _ = repository(t)
	o := order(
		"version: 0.2\nenv: {git-credential-helper: yes}\nphases: {build: {commands: ['printf " +
			"\"host=elsewhere\\npath=v1/repos/web\\n\\n\" | /codebuild/output/tmp/git-credential get; echo asked', " +
			"'printf \"host=127.0.0.1:1\\npath=other\\n\\n\" | /codebuild/output/tmp/git-credential get; echo " +
			"asked']}}")
	var log watched
	r := runJob(t.Context(),
		Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: sandbox(t),
			Identity: Fixed(testKey), Endpoint: "http://127.0.0.1:1"})
	if r.Status != codebuild.StatusTypeSucceeded || said(log.String()) != "asked\nasked\n" {
		t.Error(log.String())
	}
}

func TestGitSourcesThatAreRefused(t *testing.T) {
	url, _ := repository(t)
	for name, c := range map[string]struct {
		source slipway.Source
		want   string
	}{
		"file": {slipway.Source{URL: "file:///etc"}, "the source's location is no URL of a Git repository"},
		"ext":  {slipway.Source{URL: "ext::sh -c id"}, "the source's location is no URL of a Git repository"},
		"git protocol": {slipway.Source{URL: "git://localhost/x"},
			`a repository is fetched by http, https or ssh, not by "git"`},
		"host option": {slipway.Source{URL: "ssh://-oProxyCommand=id/x"},
			"the source's location is no URL of a Git repository"},
		"user option": {slipway.Source{URL: "ssh://-oProxyCommand=id@localhost/x"},
			"the user in the source's location begins with a dash"},
		"option": {slipway.Source{URL: url, Here: true, Version: "--upload-pack=id"},
			`the source version "--upload-pack=id" is no commit, branch or tag`},
		"refspec": {slipway.Source{URL: url, Here: true, Version: "a:b"},
			`the source version "a:b" is no commit, branch or tag`},
		"unknown": {slipway.Source{URL: url, Here: true, Version: "nothing"},
			"git clone of " + url + " failed: fatal: couldn't find remote ref refs/tags/nothing"},
		"no credential": {slipway.Source{URL: url}, "git clone of " + url + " failed: "},
	} {
		t.Run(name, func(t *testing.T) {
			o := order("version: 0.2\nphases: {build: {commands: ['true']}}")
			c.source.Kind = slipway.SourceGit
			o.Sources = []slipway.Source{c.source}
			var log watched
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			r := runJob(ctx,
				Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: sandbox(t),
					Identity: Fixed(testKey)})
			got := *r.Phases[1].Contexts[0].Message
			if r.Status != codebuild.StatusTypeFailed || !strings.HasPrefix(got, c.want) ||
				strings.Contains(log.String(), testKey.SecretAccessKey) {
				t.Errorf("%s: %q", r.Status, got)
			}
		})
	}
}
