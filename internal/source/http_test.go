package source_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cc "slipway/api/codecommit"
	"slipway/api/iam"
	"slipway/internal/event"
)

func (h *house) credential() {
	h.t.Helper()
	out, err := h.identity.CreateServiceSpecificCredential(h.caller(),
		&iam.CreateServiceSpecificCredentialInput{UserName: new("alice"), ServiceName: new("codecommit.amazonaws.com")})
	if err != nil {
		h.t.Fatal(err)
	}
	h.name, h.password = *out.ServiceSpecificCredential.ServiceUserName, *out.ServiceSpecificCredential.ServicePassword
}

func TestPushCloneFetch(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	dir := h.clone("app")
	first := h.commit(dir, "a/hello.txt", "hello\n")
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	if p := h.pushed(); p != (event.Push{Repository: "app", Ref: "refs/heads/main", New: first}) {
		t.Errorf("push = %+v", p)
	}
	second := h.commit(dir, "b.txt", "b")
	h.git(dir, "tag", "v1")
	h.git(dir, "push", "--quiet", "origin", "HEAD:main", "v1")
	refs := map[string]event.Push{}
	for range 2 {
		p := h.pushed()
		refs[p.Ref] = p
	}
	if p := refs["refs/heads/main"]; p.Old != first || p.New != second || refs["refs/tags/v1"].New != second {
		t.Errorf("pushes = %+v", refs)
	}
	m, err := h.Find(t.Context(), "app")
	if err != nil || m.DefaultBranch == nil || *m.DefaultBranch != "main" {
		t.Errorf("default branch %v, %v", m.DefaultBranch, err)
	}
	other := h.clone("app")
	if got := h.git(other, "log", "--format=%H"); got != second+"\n"+first {
		t.Errorf("log = %s", got)
	}
	third := h.commit(dir, "c.txt", "c")
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	h.git(other, "fetch", "--quiet", "origin")
	if got := h.git(other, "rev-parse", "origin/main"); got != third {
		t.Errorf("fetched %s, want %s", got, third)
	}
	// A push that git refuses changes nothing and is told of to nobody.
	h.git(other, "commit", "--quiet", "--allow-empty", "-m", "aside")
	if out, err := h.try(other, "push", "origin", "HEAD:main"); err == nil || !strings.Contains(out, "rejected") {
		t.Errorf("a push beside the branch: %v %s", err, out)
	}
	h.git(dir, "push", "--quiet", "origin", ":refs/tags/v1")
	h.pushed() // of the third commit
	if p := h.pushed(); p.Ref != "refs/tags/v1" || p.New != "" || p.Old != second {
		t.Errorf("push = %+v", p)
	}
}

func TestFirstBranchIsTheDefault(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	dir := h.clone("app")
	h.git(dir, "checkout", "--quiet", "-b", "trunk")
	h.commit(dir, "a", "a")
	h.git(dir, "push", "--quiet", "origin", "trunk")
	if got := h.git(h.clone("app"), "branch", "--show-current"); got != "trunk" {
		t.Errorf("a clone checks out %q", got)
	}
}

func TestProtocolAndPartsOfAHistory(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	dir := h.clone("app")
	for _, n := range []string{"1", "2", "3", "4"} {
		h.commit(dir, "big.bin", strings.Repeat(n, 100_000))
	}
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	for _, version := range []string{"0", "1", "2"} {
		to := filepath.Join(t.TempDir(), "v"+version)
		h.git(t.TempDir(), "-c", "protocol.version="+version, "clone", "--quiet", h.remote("app"), to)
		if n := h.git(to, "rev-list", "--count", "HEAD"); n != "4" {
			t.Errorf("protocol %s: %s commits", version, n)
		}
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	h.git(t.TempDir(), "clone", "--quiet", "--depth=1", h.remote("app"), shallow)
	if n := h.git(shallow, "rev-list", "--count", "HEAD"); n != "1" {
		t.Errorf("shallow: %s commits", n)
	}
	h.git(shallow, "fetch", "--quiet", "--unshallow")
	if n := h.git(shallow, "rev-list", "--count", "HEAD"); n != "4" {
		t.Errorf("unshallowed: %s commits", n)
	}
	partial := filepath.Join(t.TempDir(), "partial")
	h.git(t.TempDir(), "clone", "--quiet", "--filter=blob:none", "--no-checkout", h.remote("app"), partial)
	if out := h.git(partial, "rev-list", "--objects", "--missing=print", "HEAD"); !strings.Contains(out, "\n?") {
		t.Errorf("partial: every blob was sent:\n%s", out)
	}
	// One commit by its ID, as builds fetch it.
	id := h.git(dir, "rev-parse", "HEAD~1")
	one := t.TempDir()
	h.git(one, "init", "--quiet")
	h.git(one, "fetch", "--quiet", "--depth=1", h.remote("app"), id)
	if got := h.git(one, "rev-parse", "FETCH_HEAD"); got != id {
		t.Errorf("fetched %s, want %s", got, id)
	}
	// What the server speaks of protocol 2 to a client that asks for it.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		h.url+"/v1/repos/app/info/refs?service=git-upload-pack", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(h.name, h.password)
	r.Header.Set("Git-Protocol", "version=2")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if head, err := io.ReadAll(io.LimitReader(resp.Body, 14)); err != nil || string(head) != "000eversion 2\n" {
		t.Errorf("answered %q, %v", head, err)
	}
}

// signature makes a password as the documented algorithm does, written apart from the code under test.
func signature(secret, region, host, path, stamp string) string {
	sum := sha256.Sum256([]byte("GIT\n" + path + "\n\nhost:" + host + "\n\nhost\n"))
	toSign := "AWS4-HMAC-SHA256\n" + stamp + "\n" + stamp[:8] + "/" + region + "/codecommit/aws4_request\n" +
		hex.EncodeToString(sum[:])
	key := []byte("AWS4" + secret)
	for _, s := range []string{stamp[:8], region, "codecommit", "aws4_request", toSign} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		key = m.Sum(nil)
	}
	return stamp + "Z" + hex.EncodeToString(key)
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	h.credential()
	u, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	const path = "/v1/repos/app"
	now := time.Now().UTC()
	stamp := now.Format("20060102T150405")
	for name, c := range map[string]struct {
		user, password string
		ok             bool
	}{
		"static":                     {h.name, h.password, true},
		"static, wrong":              {h.name, h.password + "x", false},
		"helper, host without port":  {h.key.ID, signature(h.key.Secret, region, u.Hostname(), path, stamp), true},
		"git-remote, host with port": {h.key.ID, signature(h.key.Secret, region, u.Host, path, stamp), true},
		"another path": {h.key.ID, signature(h.key.Secret, region, u.Host, "/v1/repos/other", stamp),
			false},
		"another secret": {h.key.ID, signature("x", region, u.Host, path, stamp), false},
		"another region": {h.key.ID, signature(h.key.Secret, "us-east-1", u.Host, path, stamp), false},
		"too old": {h.key.ID,
			signature(h.key.Secret, region, u.Host, path, now.Add(-16*time.Minute).Format("20060102T150405")), false},
		"a token nobody gave": {h.key.ID + "%token", signature(h.key.Secret, region, u.Host, path, stamp), false},
		"nobody":              {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
				h.url+path+"/info/refs?service=git-upload-pack", nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.user != "" {
				r.SetBasicAuth(c.user, c.password)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			want := http.StatusUnauthorized
			if c.ok {
				want = http.StatusOK
			}
			if resp.StatusCode != want {
				t.Errorf("status %d, want %d", resp.StatusCode, want)
			}
			if !c.ok && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Basic") {
				t.Errorf("challenge %q", resp.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

// TestHelper drives the credential helper of the real aws CLI.
func TestHelper(t *testing.T) {
	t.Parallel()
	aws, err := exec.LookPath("aws")
	if err != nil {
		t.Skipf("SKIPPED: no aws CLI here. Install it with: pip install awscli")
	}
	h := open(t)
	h.create("app")
	dir := t.TempDir()
	helper := `!f(){ [ "$1" = get ] && AWS_ACCESS_KEY_ID=` + h.key.ID + ` AWS_SECRET_ACCESS_KEY='` + h.key.Secret +
		`' AWS_DEFAULT_REGION=` + region +
		` HOME='` + os.Getenv("HOME") + `' ` + aws + ` codecommit credential-helper get --ignore-host-check; }; f`
	h.git(dir, "init", "--quiet")
	id := h.commit(dir, "a", "a")
	h.git(dir, "-c", "credential.helper="+helper, "-c", "credential.UseHttpPath=true", "push", "--quiet",
		h.url+"/v1/repos/app", "HEAD:main")
	if b, err := h.GetBranch(t.Context(),
		&cc.GetBranchInput{RepositoryName: new("app"), BranchName: new("main")}); err != nil ||
		*b.Branch.CommitId != id {
		t.Errorf("%+v, %v", b, err)
	}
}

// TestRecover has a server die between a push and its recording: the next start tells of it, once.
func TestRecover(t *testing.T) {
	t.Parallel()
	h := open(t)
	m := h.create("app")
	dir := t.TempDir()
	h.git(dir, "init", "--quiet", "-b", "dev")
	id := h.commit(dir, "a", "a")
	bare := filepath.Join(h.folder(), *m.RepositoryId+".git")
	h.git(dir, "push", "--quiet", bare, "dev") // git received it; nobody recorded it
	h.git(dir, "--git-dir="+bare, "update-ref", "refs/slipway/commit/left", id)
	if err := os.Mkdir(filepath.Join(h.folder(), "half-made.git"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := h.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if p := h.pushed(); p != (event.Push{Repository: "app", Ref: "refs/heads/dev", New: id}) {
		t.Errorf("push = %+v", p)
	}
	// Another push after it: had the first been told of twice, it would come first.
	second := h.commit(dir, "b", "b")
	h.git(dir, "push", "--quiet", h.remote("app"), "dev")
	if p := h.pushed(); p.Old != id || p.New != second {
		t.Errorf("push = %+v", p)
	}
	if out := h.git(dir, "--git-dir="+bare, "for-each-ref", "refs/slipway"); out != "" {
		t.Errorf("left: %s", out)
	}
	if out := h.git(dir, "--git-dir="+bare, "symbolic-ref", "HEAD"); out != "refs/heads/dev" {
		t.Errorf("HEAD is %s", out)
	}
	if _, err := os.Stat(filepath.Join(h.folder(), "half-made.git")); err != nil {
		t.Errorf("half-made.git, which may be another server's: %v", err)
	}
}

func TestHostilePaths(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	h.credential()
	for path, want := range map[string]int{
		"/v1/repos/none/info/refs?service=git-upload-pack":          404,
		"/v1/repos/app/info/refs":                                   403,
		"/v1/repos/app/HEAD":                                        404,
		"/v1/repos/app/../../etc/info/refs?service=git-upload-pack": 404,
		"/v1/repos/%2e%2e/info/refs?service=git-upload-pack":        404,
		"/v1/repos/app": 404,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth(h.name, h.password)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}
