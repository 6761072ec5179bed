package source_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
	"slipway/internal/quarantine"
	"slipway/internal/source"
)

// TestForeignFolders starts beside folders that the database does not know: none is deleted, and those of before
// yesterday are set aside.
func TestForeignFolders(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("mine")
	foreign := filepath.Join(h.folder(), "00000000-0000-4000-8000-000000000000.git")
	if err := os.MkdirAll(filepath.Join(foreign, "objects"), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	aside := quarantine.Place{Dir: t.TempDir(), Now: func() time.Time { return now },
		Log: slog.New(slog.DiscardHandler)}
	h.Home = source.Folder{Path: h.folder(), Aside: aside}
	for range 2 {
		if err := h.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(foreign); err != nil {
			t.Fatalf("a folder of today: %v", err)
		}
	}
	now = now.Add(25 * time.Hour)
	if err := h.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(filepath.Join(aside.Dir, "repositories", "*.git", "objects"))
	if err != nil || len(kept) != 1 {
		t.Errorf("in the quarantine: %v, %v; want the folder with all that it held", kept, err)
	}
	if entries, err := os.ReadDir(h.folder()); err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v; want the repository that is known", entries, err)
	}
}

// TestDamagedRepository breaks one repository of two: the other is served, and it says why it is not.
func TestDamagedRepository(t *testing.T) {
	t.Parallel()
	h := open(t)
	broken := h.create("broken")
	h.create("good")
	if err := os.RemoveAll(filepath.Join(h.folder(), *broken.RepositoryId+".git", "objects")); err != nil {
		t.Fatal(err)
	}
	if err := h.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := func(name string) error {
		_, err := h.ListBranches(h.caller(), &cc.ListBranchesInput{RepositoryName: &name})
		return err
	}
	if err := list("good"); err != nil {
		t.Errorf("the whole one: %v", err)
	}
	if err := list("broken"); awsproto.Code(err) != "RepositoryDamagedException" ||
		!strings.Contains(err.Error(), "objects is missing") {
		t.Errorf("the broken one: %v", err)
	}
	if all := h.Damaged(); len(all) != 1 || all[*broken.RepositoryId] == "" {
		t.Errorf("damaged: %v", all)
	}
}
