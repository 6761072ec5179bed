package source_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
	"slipway/api/slipway"
)

// A pusher chooses how long a message is, and a pack makes a long one of few bytes.
func TestLongMessagesAreReadInPart(t *testing.T) {
	h := open(t)
	h.create("big")
	dir := h.clone("big")
	message := filepath.Join(t.TempDir(), "message")
	if err := os.WriteFile(message, []byte("Begins\n\n"+strings.Repeat("all the same\n", 2<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	h.git(dir, "commit", "--quiet", "--allow-empty", "-F", message)
	h.git(dir, "commit", "--quiet", "--allow-empty", "-m", "After")
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	id := h.git(dir, "rev-parse", "HEAD~1")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	commits, err := h.ListCommits(h.caller(),
		&slipway.ListCommitsInput{RepositoryName: new("big"), CommitSpecifier: new("main")})
	if err != nil || len(commits.Commits) != 2 || *commits.Commits[0].Message != "After" {
		t.Fatalf("%v: %+v", err, commits)
	}
	if m := *commits.Commits[1].Message; !strings.HasPrefix(m, "Begins\n") || !strings.HasSuffix(m, "…") ||
		len(m) > 3000 {
		t.Errorf("a message of %d bytes is listed: %.30q", len(m), m)
	}
	one, err := h.GetCommit(h.caller(), &cc.GetCommitInput{RepositoryName: new("big"), CommitId: &id})
	if err != nil {
		t.Fatal(err)
	}
	if m := *one.Commit.Message; len(m) > 70_000 || !strings.HasSuffix(m, "[…]") {
		t.Errorf("a message of %d bytes is told: …%q", len(m), m[len(m)-10:])
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 16 {
		t.Errorf("reading took %d MiB of memory, for a message of 26 MiB", used)
	}
}

// What is malformed is said before what is absent.
func TestMalformedNamesBeforeMissingRepositories(t *testing.T) {
	h := open(t)
	for name, call := range map[string]func() error{
		"InvalidBranchNameException": func() error {
			_, err := h.CreateBranch(h.caller(),
				&cc.CreateBranchInput{RepositoryName: new("none"), BranchName: new("a..b"),
					CommitId: new(strings.Repeat("a", 40))})
			return err
		},
		"InvalidCommitIdException": func() error {
			_, err := h.GetCommit(h.caller(), &cc.GetCommitInput{RepositoryName: new("none"), CommitId: new("abc")})
			return err
		},
		"InvalidBlobIdException": func() error {
			_, err := h.GetBlob(h.caller(), &cc.GetBlobInput{RepositoryName: new("none"), BlobId: new("abc")})
			return err
		},
		"InvalidPathException": func() error {
			_, err := h.GetFile(h.caller(), &cc.GetFileInput{RepositoryName: new("none"), FilePath: new("../x")})
			return err
		},
		"InvalidRepositoryNameException": func() error {
			_, err := h.CreateRepository(h.caller(), &cc.CreateRepositoryInput{RepositoryName: new("..")})
			return err
		},
	} {
		if err := call(); err == nil || awsproto.Code(err) != name {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

func TestBranchNamesAreGits(t *testing.T) {
	h := open(t)
	h.create("app")
	for _, name := range []string{"main", "a/b", "a.b", "é", "a..b", "-a", "a b", "a~b", "a.lock", "a.lock/b", "a//b",
		"/a", "a/", "a.", ".a", "a/.b", "@", "a@{b", "a\\b", "a?b", "a\x7fb", "a*", "[a"} {
		_, err := h.try(t.TempDir(), "check-ref-format", "--branch", name)
		_, got := h.GetBranch(h.caller(), &cc.GetBranchInput{RepositoryName: new("app"), BranchName: &name})
		if refused := awsproto.Code(got) == "InvalidBranchNameException"; refused != (err != nil) {
			t.Errorf("%q: git says %v, Slipway %v", name, err, got)
		}
	}
}
