package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shop is a folder of caches with a directory to fill.
type shop struct {
	t       *testing.T
	dir     string
	folder  *Folder
	allowed int64
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t, dir: t.TempDir(), allowed: 1 << 30}
	s.open()
	return s
}

func (s *shop) open() {
	s.t.Helper()
	f, err := OpenFolder(s.dir, func() int64 { return s.allowed })
	if err != nil {
		s.t.Fatal(err)
	}
	s.folder = f
}

func head(key string, parts ...string) Head {
	h := Head{Scope: "p", Version: "v", Key: key, Project: "greeter", Number: 12, AsOf: time.Now()}
	for _, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		h.Parts = append(h.Parts, Part{name, value})
	}
	return h
}

func (s *shop) save(h Head, tree string) Saved {
	s.t.Helper()
	saved, err := s.try(h, tree)
	if err != nil {
		s.t.Fatal(err)
	}
	return saved
}

func (s *shop) try(h Head, tree string) (Saved, error) {
	root, err := os.OpenRoot(tree)
	if err != nil {
		s.t.Fatal(err)
	}
	defer root.Close()
	at := s.folder.Open()
	defer at.Close()
	return Save(s.t.Context(), at, h, []Dir{{"d", root}})
}

func (s *shop) restore(key string) (string, error) {
	at := s.folder.Open()
	defer at.Close()
	h, err := at.Head(s.t.Context(), "p", "v", key)
	if err != nil {
		return "", err
	}
	into := s.t.TempDir()
	return filepath.Join(into, "out"), Restore(s.t.Context(), at, h, into, -1, func(string) string { return "out" })
}

// fill makes a tree of files; those of the same seed are the same.
func fill(t *testing.T, seed uint64, files, size int) string {
	t.Helper()
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(seed, 0))
	for i := range files {
		d := filepath.Join(dir, fmt.Sprintf("d%d", i%7), fmt.Sprintf("e%d", i%3))
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, r.IntN(size+1))
		for j := range text {
			text[j] = byte(r.Uint32())
		}
		if err := os.WriteFile(filepath.Join(d, fmt.Sprint(i)), text, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// described is all that a tree holds, as text.
func described(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, file)
		fmt.Fprintf(&b, "%s %v", rel, info.Mode())
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %d %x", info.ModTime().UnixNano(), bytes.Clone(text[:min(len(text), 64)]))
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			to, _ := os.Readlink(file)
			b.WriteString(" " + to)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatIsSavedIsRestored(t *testing.T) {
	s := newShop(t)
	tree := fill(t, 1, 300, 100_000)
	for _, err := range []error{
		os.Symlink("d0/e0/0", filepath.Join(tree, "link")), os.Mkdir(filepath.Join(tree, "empty"), 0o750),
		os.WriteFile(filepath.Join(tree, "run"), []byte("#!"), 0o755),
		os.Chmod(filepath.Join(tree, "d1"), 0o555),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(tree, "d1"), 0o755) })
	s.save(head("k"), tree)
	at := s.folder.Heads()
	s.open() // as a process that starts anew
	for h := range at {
		for now := range s.folder.Heads() {
			if !now.AsOf.Equal(h.AsOf) || !now.Saved.Equal(h.Saved) {
				t.Errorf("%v became %v", h.AsOf, now.AsOf)
			}
		}
	}
	out, err := s.restore("k")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Join(out, "d1"), 0o755)
	if got, want := described(t, out), described(t, tree); got != want {
		t.Errorf("restored\n%s\nnot\n%s", got, want)
	}
}

func TestKeysShareWhatTheyHaveInCommon(t *testing.T) {
	s := newShop(t)
	tree := fill(t, 2, 200, 200_000)
	first := s.save(head("one"), tree)
	if err := os.WriteFile(filepath.Join(tree, "d0", "new"), []byte("a few bytes in the middle"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := s.save(head("two"), tree)
	if second.Added*5 > first.Added {
		t.Errorf("the second took %d bytes more, the first %d", second.Added, first.Added)
	}
	used := s.folder.Used()
	at := s.folder.Open()
	defer at.Close()
	if err := at.Remove(first.Head); err != nil {
		t.Fatal(err)
	}
	if now := s.folder.Used(); now >= used || now < first.Added/2 {
		t.Errorf("%d bytes became %d", used, now)
	}
	if _, err := s.restore("two"); err != nil {
		t.Error(err)
	}
}

// Links that lead out of their directory, pipes and devices are not saved; a head that has them all the same, as one in
// a shared bucket may, makes none, and writes nothing outside.
func TestNothingEscapes(t *testing.T) {
	s := newShop(t)
	tree, victim := t.TempDir(), t.TempDir()
	for name, to := range map[string]string{"abs": victim, "up": "../x", "deep/up": "../../x", "in": "deep/../f"} {
		_ = os.Mkdir(filepath.Join(tree, "deep"), 0o755)
		if err := os.Symlink(to, filepath.Join(tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	saved := s.save(head("k"), tree)
	if saved.Left.Links != 3 {
		t.Errorf("%+v", saved.Left)
	}
	for _, c := range [][]entry{
		{{Name: "../x", Kind: file}},
		{{Name: "a/b", Kind: file}},
		{{Name: "l", Kind: link, Target: victim}, {Name: "l/f", Kind: file}},
		{{Name: "l", Kind: link, Target: "x"}, {Name: "l", Kind: folder}},
		{{Name: "/abs", Kind: file}},
		{{Name: ".", Kind: folder}},
		{{Name: "a", Kind: 7}},
		{{Name: "f", Kind: file, Size: 10}},
	} {
		at := t.TempDir()
		into := filepath.Join(at, "in")
		if err := os.Mkdir(into, 0o755); err != nil {
			t.Fatal(err)
		}
		closed := make(chan chan unpacked)
		close(closed)
		err := write(tree0(c), into, -1, &stream{ctx: t.Context(), pieces: closed})
		if err == nil {
			t.Errorf("%+v was written", c)
		}
		for _, d := range []string{at, victim} {
			if left, _ := os.ReadDir(d); len(left) > 1 || d == victim && len(left) > 0 {
				t.Errorf("%+v left %v", c, left)
			}
		}
	}
}

func tree0(rest []entry) tree {
	return tree{Dir: "d", Entries: append([]entry{{Name: ".", Kind: folder, Mode: 0o755}}, rest...)}
}

func TestCachesThatNobodyUsesMakeRoom(t *testing.T) {
	s := newShop(t)
	s.allowed = 3 << 20
	for i, key := range []string{"a", "b"} {
		s.save(head(key), fill(t, uint64(10+i), 20, 100_000))
	}
	at := s.folder.Open()
	a, err := at.Head(t.Context(), "p", "v", "a")
	if err != nil {
		t.Fatal(err)
	}
	at.Touch(a, time.Now().Add(time.Hour))
	at.Close()
	s.save(head("c"), fill(t, 12, 25, 100_000))
	var left []string
	for h := range s.folder.Heads() {
		left = append(left, h.Key)
	}
	slices.Sort(left)
	if got := strings.Join(left, " "); got != "a c" || s.folder.Used() > s.allowed {
		t.Errorf("left are %s with %d bytes", got, s.folder.Used())
	}
	_, err = s.try(head("d"), fill(t, 13, 100, 100_000))
	if _, ok := errors.AsType[*TooLarge](err); !ok {
		t.Errorf("a cache that is too large: %v", err)
	}
	if got := len(s.folder.Heads()); got != 2 {
		t.Errorf("a cache that is too large left %d others", got)
	}
}

// A save that is broken off leaves nothing, and what was there before.
func TestSaveThatIsBrokenOff(t *testing.T) {
	s := newShop(t)
	s.save(head("k"), fill(t, 20, 50, 100_000))
	used := s.folder.Used()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root, err := os.OpenRoot(fill(t, 21, 50, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	at := s.folder.Open()
	if _, err := Save(ctx, at, head("k"), []Dir{{"d", root}}); err == nil {
		t.Error("it was saved")
	}
	at.Close()
	if s.folder.Used() != used {
		t.Errorf("%d bytes became %d", used, s.folder.Used())
	}
	// A process that was killed leaves blobs that no head has, and a head without its blobs.
	half := filepath.Join(s.dir, blobsFolder, "ff")
	_ = os.MkdirAll(half, 0o700)
	for _, name := range []string{".half-1", strings.Repeat("ff", 32)} {
		if err := os.WriteFile(filepath.Join(half, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.open()
	if left, _ := os.ReadDir(half); len(left) > 0 || s.folder.Used() != used {
		t.Errorf("left are %v, %d bytes", left, s.folder.Used())
	}
	if _, err := s.restore("k"); err != nil {
		t.Error(err)
	}
	for b := range s.folder.blobs {
		if err := os.Truncate(s.folder.file(b), 10); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.restore("k"); err == nil {
		t.Error("a damaged cache was restored")
	}
	s.open()
	if n := len(s.folder.Heads()); n > 0 {
		t.Errorf("%d damaged caches are kept", n)
	}
}

func TestFind(t *testing.T) {
	s := newShop(t)
	tree := fill(t, 30, 3, 100)
	s.save(head("go-1", "go.sum=1", "$OS=linux"), tree)
	s.save(head("go-2", "go.sum=2", "$OS=linux"), tree)
	other := head("pr-key")
	other.Scope = "pr"
	s.save(other, tree)
	for _, c := range []struct {
		w    Wanted
		want string
	}{
		{Wanted{Key: "go-1"}, "go-1"},
		{Wanted{Key: "go-3", Parts: []Part{{"go.sum", "3"}, {"$OS", "linux"}}, Fallbacks: []string{"x", "go-"}},
			"go-2 by go- near go-2: go.sum"},
		{Wanted{Key: "go-3", Parts: []Part{{"go.sum", "1"}, {"$OS", "mac"}}}, "none near go-1: $OS"},
		{Wanted{Key: "pr-key", Parts: []Part{{"x", "1"}}}, "none"},
		{Wanted{Key: "pr-key", Scopes: []string{"pr", "p"}}, "pr-key"},
		{Wanted{Key: "go-1", Since: time.Now().Add(time.Hour)}, "none"},
	} {
		c.w.Version = "v"
		if c.w.Scopes == nil {
			c.w.Scopes = []string{"p"}
		}
		at := s.folder.Open()
		a, err := Find(t.Context(), at, c.w)
		at.Close()
		if err != nil {
			t.Fatal(err)
		}
		got := "none"
		if a.Head != nil {
			got = a.Head.Key
		}
		if a.Fallback != "" {
			got += " by " + a.Fallback
		}
		if a.Near != nil {
			got += " near " + a.Near.Key + ": " + strings.Join(a.Changed, ",")
		}
		if got != c.want {
			t.Errorf("%+v: %s, want %s", c.w, got, c.want)
		}
	}
}
