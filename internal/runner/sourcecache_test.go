package runner

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
)

// commitTo adds an empty commit to a branch of a bare repository.
func commitTo(t *testing.T, bare, branch, message string) {
	t.Helper()
	script := `c=$(git commit-tree "$1^{tree}" -p "$1" -m "$2") && git update-ref "refs/heads/$1" "$c"`
	cmd := exec.Command("/bin/sh", "-c", script, "sh", branch, message)
	cmd.Dir = bare
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// Builds of a project with the mode LOCAL_SOURCE_CACHE fetch what is new alone, have no trace of what was kept in their
// references, and clone anew where it cannot be used.
func TestSourceCache(t *testing.T) {
	url, first, bare := repositoryAt(t)
	inBoth(t, func(t *testing.T, s Executor) {
		c := newCacheTest(t, s)
		build := func(version string, change func(*slipway.Order)) string {
			o := cachedOrder("web", buildspecOf("", "git log -1 --format=%s", "git for-each-ref | grep -c kept || true",
				"git fsck --connectivity-only && echo sound", "echo packs $(ls .git/objects/pack/*.pack | wc -l)",
				"rm -rf .git/objects; mkdir -p .git/objects/info; echo x >.git/objects/info/slipway-kept"))
			o.Build.Cache.Modes = []codebuild.CacheMode{codebuild.CacheModeLocalSourceCache}
			o.Sources = []slipway.Source{{Kind: slipway.SourceGit, URL: url, Here: true, Version: version}}
			if change != nil {
				change(&o)
			}
			var log watched
			runJob(t.Context(), Job{Order: o, Room: room.Spec{Dir: filepath.Join(c.dir, "builds", o.Stream)}, Log: &log,
				Executor: c.sandbox, Name: "test", Caches: c.store, Identity: Fixed(testKey)})
			return log.String()
		}
		wants(t, build("", nil), "source cache: miss", "source cache: saved", "\n0\n", "sound", "packs 1", "SUCCEEDED")
		commitTo(t, bare, "main", "three")
		wants(t, build("", nil), "source cache: hit", "\nthree\n", "\n0\n", "sound", "packs 2", "SUCCEEDED")
		// Another version of the same source, and a commit, which fetches all branches.
		wants(t, build("side", nil), "source cache: hit", "\nside\n", "sound", "SUCCEEDED")
		wants(t, build(first, nil), "source cache: hit", "\none\n", "sound", "SUCCEEDED")
		// A pull request from a fork, and a clone that is not whole, go without.
		for _, change := range []func(*slipway.Order){
			func(o *slipway.Order) { o.Fork = true },
			func(o *slipway.Order) { o.Sources[0].Depth = 1 },
		} {
			if log := build("", change); strings.Contains(log, "source cache: hit") || !strings.Contains(log, "packs 1") {
				t.Error(log)
			}
		}
		damage(t, filepath.Join(c.dir, "cache"))
		log := build("", nil)
		wants(t, log, "\nthree\n", "sound", "packs 1", "SUCCEEDED")
		if strings.Contains(log, "source cache: hit") {
			t.Errorf("a damaged cache is used:\n%s", log)
		}
	})
}

// damage cuts the files of a cache short.
func damage(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Size() < 200 {
			return err
		}
		return os.Truncate(path, info.Size()/2)
	})
	if err != nil {
		t.Fatal(err)
	}
}
