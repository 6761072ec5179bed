package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// forge is a server like GitHub Enterprise: the repository o/r behind a token, over HTTP, and the API of its webhooks.
type forge struct {
	t     testing.TB
	url   string // of the repository
	token string // "" lets everybody in
	bare  string
	heads map[string]string // commits by branch

	mu       sync.Mutex
	hooks    map[string]map[string]any // by path
	statuses []string                  // COMMIT CONTEXT STATE, as they were set
	// runners are the labels of the runners of GitHub Actions that were registered.
	runners [][]string
	roles   map[string]string // of people
}

// newForge makes one whose branches have a buildspec each.
func newForge(t testing.TB, token string, specs map[string]string) *forge {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: no git here. Install it with: apt-get install -y git")
	}
	root := t.TempDir()
	work := filepath.Join(root, "work")
	f := &forge{t: t, token: token, bare: filepath.Join(root, "served", "o", "r.git"), heads: map[string]string{},
		hooks: map[string]map[string]any{}}
	f.git("init", "-q", "-b", "main", work)
	for _, branch := range []string{"main", "fork"} {
		f.git("-C", work, "checkout", "-q", "-B", branch)
		must(0, os.WriteFile(filepath.Join(work, "buildspec.yml"), []byte(specs[branch]), 0o600))(t)
		f.git("-C", work, "add", ".")
		f.git("-C", work, "commit", "-q", "--allow-empty", "-m", "Change "+branch)
		f.heads[branch] = f.git("-C", work, "rev-parse", "HEAD")
	}
	f.git("clone", "-q", "--bare", work, f.bare)
	f.git("-C", f.bare, "update-ref", "refs/pull/3/head", f.heads["fork"])
	f.git("-C", f.bare, "update-ref", "-d", "refs/heads/fork")
	f.git("-C", f.bare, "symbolic-ref", "HEAD", "refs/heads/main")
	backend := &cgi.Handler{Path: git, Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Join(root, "served"), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory",
			"GIT_CONFIG_VALUE_0=*", "GIT_CONFIG_KEY_1=uploadpack.allowFilter", "GIT_CONFIG_VALUE_1=true"}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/v3/") {
			f.api(w, r)
			return
		}
		if _, password, _ := r.BasicAuth(); password != f.token {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL + "/o/r.git"
	return f
}

func (f *forge) git(args ...string) string {
	f.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// api answers as "REST API endpoints for repository webhooks" says.
func (f *forge) api(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+f.token {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"message":"Bad credentials"}`)
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/api/v3")
	switch {
	case r.Method == http.MethodPost && path == "/repos/o/r/hooks":
		hook := map[string]any{}
		must(0, json.NewDecoder(r.Body).Decode(&hook))(f.t)
		f.hooks["/repos/o/r/hooks/17"] = hook
		hook["id"], hook["url"] = 17, "http://"+r.Host+"/api/v3/repos/o/r/hooks/17"
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(hook)
	case path == "/user":
		_, _ = io.WriteString(w, `{"id":9,"login":"ada"}`)
	case r.Method == http.MethodPost && strings.HasPrefix(path, "/repos/o/r/statuses/"):
		var status struct{ State, Context, TargetURL string }
		must(0, json.NewDecoder(r.Body).Decode(&status))(f.t)
		f.statuses = append(f.statuses, strings.TrimPrefix(path, "/repos/o/r/statuses/")+" "+status.Context+" "+status.State)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{}`)
	case r.Method == http.MethodPost && path == "/repos/o/r/actions/runners/generate-jitconfig":
		f.newRunner(w, r)
	case r.Method == http.MethodGet && path == "/repos/o/r/pulls/3":
		_, _ = io.WriteString(w, strings.Replace(f.pull(), `{`, `{"state":"open",`, 1))
	case r.Method == http.MethodGet && strings.HasSuffix(path, "/permission"):
		name := strings.TrimSuffix(strings.TrimPrefix(path, "/repos/o/r/collaborators/"), "/permission")
		_, _ = io.WriteString(w, `{"permission":"write","role_name":"`+f.roles[name]+`"}`)
	case f.hooks[path] == nil:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"Not Found"}`)
	case r.Method == http.MethodPatch:
		change := map[string]any{}
		must(0, json.NewDecoder(r.Body).Decode(&change))(f.t)
		f.hooks[path]["config"] = change["config"]
		_ = json.NewEncoder(w).Encode(f.hooks[path])
	case r.Method == http.MethodDelete:
		delete(f.hooks, path)
		w.WriteHeader(http.StatusNoContent)
	}
}

// jitConfig is the configuration of the runners of the forge.
const jitConfig = "eyIucnVubmVyIjoiand0LXNlY3JldC00NzExIn0="

// newRunner answers as "Create configuration for a just-in-time runner for a repository" says.
func (f *forge) newRunner(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name   string   `json:"name"`
		Group  int      `json:"runner_group_id"`
		Labels []string `json:"labels"`
	}
	must(0, json.NewDecoder(r.Body).Decode(&in))(f.t)
	if in.Name == "" || len(in.Name) > 64 || in.Group == 0 || len(in.Labels) == 0 {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"message":"Validation Failed"}`)
		return
	}
	f.runners = append(f.runners, in.Labels)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{"runner": map[string]any{"id": 23, "name": in.Name},
		"encoded_jit_config": jitConfig})
}

// job is a job of a workflow that waits for a runner.
func (f *forge) job(id string, labels ...string) string {
	return `{"action":"queued","workflow_job":{"id":` + id + `,"run_id":4711,"workflow_name":"CI","head_branch":"main",` +
		`"head_sha":"` + f.heads["main"] + `","labels":` + string(must(json.Marshal(labels))(f.t)) + `},` +
		forgeRepository + `}`
}

// hook is the only webhook at the forge.
func (f *forge) hook() (url, secret string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hooks {
		config, _ := h["config"].(map[string]any)
		url, _ = config["url"].(string)
		secret, _ = config["secret"].(string)
	}
	return url, secret
}

// deliver sends an event to a payload URL and returns the answer.
func (f *forge) deliver(url, secret, id, event, body string) string {
	f.t.Helper()
	r := must(http.NewRequestWithContext(f.t.Context(), http.MethodPost, url, strings.NewReader(body)))(f.t)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(body))
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	r.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
	out := must(http.DefaultClient.Do(r))(f.t)
	defer out.Body.Close()
	text := string(must(io.ReadAll(out.Body))(f.t))
	if out.StatusCode != http.StatusOK {
		f.t.Errorf("%s: %s %s", event, out.Status, text)
	}
	return text
}

const forgeRepository = `"repository":{"id":7,"full_name":"o/r"},"sender":{"id":9,"login":"ada"}`

func (f *forge) push() string {
	return `{"ref":"refs/heads/main","before":"` + strings.Repeat("0", 40) + `","after":"` + f.heads["main"] +
		`","created":true,"head_commit":{"id":"` + f.heads["main"] + `","message":"Change main"},"commits":[],` +
		forgeRepository + `}`
}

func (f *forge) forkPull() string {
	return `{"action":"opened","pull_request":` + f.pull() + `,` + forgeRepository + `}`
}

// pull is the pull request of a fork, by somebody called eve.
func (f *forge) pull() string {
	return `{"number":3,"user":{"id":12,"login":"eve"},"head":{"ref":"main","sha":"` + f.heads["fork"] +
		`","repo":{"id":8}},"base":{"ref":"main","sha":"` + f.heads["main"] + `","repo":{"id":7}}}`
}

// comment is a comment below the pull request.
func (f *forge) comment(by, text string) string {
	return `{"action":"created","issue":{"number":3,"pull_request":{"url":"x"}},"comment":{"id":5,"body":` +
		string(must(json.Marshal(text))(f.t)) + `,"user":{"id":9,"login":"` + by + `"}},` + forgeRepository + `}`
}
