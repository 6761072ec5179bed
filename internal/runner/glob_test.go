package runner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

var globPaths = []string{"a", "b", "ab", "a/b", "a/b/c", "a/b/c.txt", ".hidden", "a/.hidden", "x-1/f", "x-2/f",
	"dir/sub/deep/file.go", "[", "{a}", "a,b", "a-b", "a]b", "é/ü.txt", "a b"}

var globPatterns = []string{"a", "*", "**", "**/*", "*/*", "a/*", "a/**", "a/**/*", "**/b", "**/c.txt", "**/*.{txt,go}",
	"x-[12]/f", "x-[!1]/f", "x-[^1]/f", "?", "a?b", "{a,b}", "{a,x-1}/*",
	"dir/**/file.go", "dir/**/deep/**", "**/sub/**", "a**", "a**b", `\[`, `\{a\}`, "a\\,b", "[a-b]", "{a/b,dir/sub}/*",
	"{a,{b,ab}}", "**/.hidden", "*/ü.txt", "a b", "**/**/f", "x-*/f", "[[]"}

// doublestar reads patterns as the world does; what it takes exponential time for is what glob is there for.
func TestGlobsMatchAsDoublestarsDo(t *testing.T) {
	for _, pattern := range globPatterns {
		g, err := newGlob(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for _, name := range globPaths {
			want, err := doublestar.Match(pattern, name)
			if got := g.matches(name); err != nil || got != want {
				t.Errorf("%s on %s: got %v, want %v (%v)", pattern, name, got, want, err)
			}
		}
	}
}

func TestWhatIsNoPattern(t *testing.T) {
	for _, pattern := range []string{"[", "a[", "{a", `a\`, "[]", strings.Repeat("{", 9) + "a" + strings.Repeat("}", 9),
		strings.Repeat("*", maxPattern+1)} {
		if _, err := newGlob(pattern); err == nil {
			t.Errorf("%.40s is taken", pattern)
		}
	}
}

func TestHostileGlobsAreLinear(t *testing.T) {
	name := strings.Repeat("a", 33)
	deep := strings.TrimSuffix(strings.Repeat("a/", 60), "/")
	for _, pattern := range []string{strings.Repeat("{a,aa}", 22) + "b", strings.Repeat("**/a/", 12) + "b",
		strings.Repeat("*a", 200) + "b", strings.Repeat("{*,**}/", 100) + "b"} {
		g, err := newGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 100 {
			if g.matches(name) || g.matches(deep) {
				t.Errorf("%s matches", pattern)
			}
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%.40s took %v for 200 paths", pattern, d)
		}
	}
}

func TestAWalkEndsWithItsContext(t *testing.T) {
	tree := fstest.MapFS{}
	for _, name := range globPaths {
		tree["t/"+name+".x"] = &fstest.MapFile{}
	}
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	g, err := newGlob("**/*.x")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = g.walk(ctx, tree, func(string, fs.DirEntry) error {
		seen++
		stop(stopped)
		return nil
	})
	if !errors.Is(err, stopped) || seen != 1 {
		t.Errorf("%v after %d files", err, seen)
	}
}

func TestAPatternWithoutStarsLooksAtOneFile(t *testing.T) {
	g, err := newGlob("a/b")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	err = g.walk(t.Context(), fstest.MapFS{"a/b": {}, "a/c": {}}, func(name string, _ fs.DirEntry) error {
		seen = append(seen, name)
		return nil
	})
	if err != nil || len(seen) != 1 || seen[0] != "a/b" {
		t.Errorf("%v: %v", seen, err)
	}
}

func TestAPatternThatLeadsOutMatchesNothing(t *testing.T) {
	dir := t.TempDir()
	for link, to := range map[string]string{"up": "..", "etc": "/etc", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, pattern := range []string{"up/*", "etc/*", "etc/host*", "loop/*", "none/*", "none"} {
		g, err := newGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.walk(t.Context(),
			root.FS(), func(name string, _ fs.DirEntry) error { return errors.New("it finds " + name) }); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func FuzzGlob(f *testing.F) {
	for _, pattern := range globPatterns {
		f.Add(pattern, "a/b")
	}
	f.Fuzz(func(_ *testing.T, pattern, name string) {
		if g, err := newGlob(pattern); err == nil {
			g.matches(name)
		}
	})
}
