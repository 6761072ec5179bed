package source_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
	"slipway/internal/event"
	"slipway/internal/identity"
	"slipway/internal/quarantine"
	"slipway/internal/source"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

const (
	region  = "eu-central-1"
	account = "123456789012"
)

// house is a server of repositories, with the user alice, who may do everything.
type house struct {
	*source.Service
	t        *testing.T
	db       *store.Store
	identity *identity.Service
	url      string
	key      identity.Key
	name     string // of her static Git credential
	password string
	pushes   chan event.Push
}

// folder is where the repositories are.
func (h *house) folder() string { return h.Home.(source.Folder).Path }

func open(t *testing.T) *house {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skipf("SKIPPED: no git here. Install it with: apt-get install -y git")
	}
	db := storetest.Open(t, source.Migrations(), identity.Migrations())
	s, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, key: identity.NewKey(), pushes: make(chan event.Push, 100)}
	if h.identity, err = identity.New(t.Context(), db,
		identity.Config{Region: region, Account: account, Now: time.Now, Seal: s}); err != nil {
		t.Fatal(err)
	}
	if err := h.identity.EnsureUser(t.Context(), "alice", identity.Administrator); err != nil {
		t.Fatal(err)
	}
	if err := h.identity.AddKey(t.Context(), "alice", h.key); err != nil {
		t.Fatal(err)
	}
	home, err := source.NewFolder(filepath.Join(t.TempDir(), "repositories"),
		quarantine.Place{Dir: t.TempDir(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.Service = source.New(db,
		source.Config{Home: home, Region: region, Account: account, Now: time.Now,
			Log: slog.New(slog.DiscardHandler), Pager: awsproto.Pager{Key: []byte("key")}})
	server := httptest.NewServer(&source.Handler{Source: h.Service, Authenticate: h.identity.Git,
		Authorize: func(ctx context.Context, _, _ string, refs ...string) error {
			if slices.Contains(refs, "refs/heads/forbidden") {
				return &awsproto.Error{Code: "AccessDenied", Message: awsproto.CallerOf(ctx).Name + " may not push there"}
			}
			return nil
		}})
	t.Cleanup(server.Close)
	h.url, h.URL = server.URL, server.URL
	event.Pushed.Subscribe(db, "test", func(_ context.Context, _ string, p event.Push) error {
		h.pushes <- p
		return nil
	})
	storetest.Work(t, db)
	if err := h.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// caller is a context in which alice calls.
func (h *house) caller() context.Context {
	return awsproto.WithCaller(h.t.Context(),
		awsproto.Caller{Name: "alice", Account: account})
}

func (h *house) create(name string) *cc.RepositoryMetadata {
	h.t.Helper()
	out, err := h.CreateRepository(h.caller(), &cc.CreateRepositoryInput{RepositoryName: &name})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.RepositoryMetadata
}

// pushed waits for the next event of a push.
func (h *house) pushed() event.Push {
	h.t.Helper()
	select {
	case p := <-h.pushes:
		return p
	case <-time.After(20 * time.Second):
		h.t.Fatal("no push was told of")
		return event.Push{}
	}
}

// git runs git in a folder as a stranger to this machine's settings.
func (h *house) git(dir string, args ...string) string {
	h.t.Helper()
	out, err := h.try(dir, args...)
	if err != nil {
		h.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(out)
}

func (h *house) try(dir string, args ...string) (string, error) {
	c := exec.CommandContext(h.t.Context(), "git",
		append([]string{"-c", "user.name=Bob", "-c", "user.email=bob@example.org", "-c", "init.defaultBranch=main"},
			args...)...)
	c.Dir = dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.t.TempDir(), "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_TRACE_PACKET=" + os.Getenv("TRACE"), "LC_ALL=C"}
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.String(), err
}

// remote is the URL of a repository with alice's static Git credential in it.
func (h *house) remote(name string) string {
	h.t.Helper()
	if h.name == "" {
		h.credential()
	}
	return strings.Replace(h.url, "http://", "http://"+h.name+":"+h.password+"@", 1) + "/v1/repos/" + name
}

// clone makes a working tree with one commit that it pushed.
func (h *house) clone(name string) string {
	h.t.Helper()
	dir := filepath.Join(h.t.TempDir(), name)
	h.git(h.t.TempDir(), "clone", "--quiet", h.remote(name), dir)
	return dir
}

func (h *house) commit(dir, file, content string) string {
	h.t.Helper()
	path := filepath.Join(dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.git(dir, "add", ".")
	h.git(dir, "commit", "--quiet", "-m", "Change "+file)
	return h.git(dir, "rev-parse", "HEAD")
}
