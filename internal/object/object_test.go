package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/internal/event"
	"slipway/internal/quarantine"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

func open(t *testing.T, db *store.Store, dir string) *Store {
	t.Helper()
	return openAt(t, db, dir, time.Now)
}

func openAt(t *testing.T, db *store.Store, dir string, now func() time.Time) *Store {
	t.Helper()
	blobs, err := NewFolder(dir, quarantine.Place{Dir: dir + "-quarantine", Now: now,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), db, Config{Blobs: blobs, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asFolder(s *Store) Folder { return s.blobs.(Folder) }

func fresh(t *testing.T) (*Store, *store.Store, string) {
	t.Helper()
	db, dir := storetest.Open(t, Migrations()), t.TempDir()
	s := open(t, db, dir)
	if err := s.CreateBucket(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	return s, db, dir
}

func put(t *testing.T, s *Store, key, content string) Object {
	t.Helper()
	o, err := s.Put(t.Context(), "b", key, strings.NewReader(content), &Meta{}, Condition{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func read(t *testing.T, s *Store, key string) string {
	t.Helper()
	_, f, err := s.Get(t.Context(), "b", key, "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are all files below a folder, by name.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestCrashes has the process die at each point between the first byte and the settled file.
func TestCrashes(t *testing.T) {
	t.Parallel()
	s, db, dir := fresh(t)
	kept := put(t, s, "kept", "kept")
	// Died after the commit, before the file was in its place.
	if err := os.Rename(asFolder(s).settled(kept.blob), asFolder(s).incoming(kept.blob)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, s, "kept"); got != "kept" {
		t.Errorf("before the restart: %q", got)
	}
	// A part of an upload, likewise.
	u, err := s.StartUpload(t.Context(), "b", "up", Meta{})
	if err != nil {
		t.Fatal(err)
	}
	part, err := s.PutPart(t.Context(), u, 1, strings.NewReader("part"), noSums)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(asFolder(s).settled(part.blob), asFolder(s).incoming(part.blob)); err != nil {
		t.Fatal(err)
	}
	// Died while a body came, and before the commit.
	lost, err := s.blobs.Stage(strings.NewReader("lost"))
	if err != nil {
		t.Fatal(err)
	}
	again := open(t, db, dir)
	if got := read(t, again, "kept"); got != "kept" {
		t.Errorf("after the restart: %q", got)
	}
	if left := files(t, filepath.Join(dir, "incoming")); len(left) != 1 || filepath.Base(left[0]) != lost.ID {
		t.Errorf("left in incoming: %v; want what may be another server's", left)
	}
	tomorrow := func() time.Time { return time.Now().Add(25 * time.Hour) }
	if left := files(t, filepath.Join(asFolder(openAt(t, db, dir, tomorrow)).Dir, "incoming")); len(left) != 0 {
		t.Errorf("left in incoming a day later: %v", left)
	}
	if aside := files(t, dir+"-quarantine/objects"); len(aside) != 2 {
		t.Errorf("in the quarantine: %v; want the file and its note", aside)
	}
	if _, err := os.Stat(asFolder(again).settled(lost.ID)); !os.IsNotExist(err) {
		t.Errorf("what nobody committed is there: %v", err)
	}
	chosen, err := again.Choose(t.Context(), u, []Part{{Number: 1, ETag: part.ETag}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.FinishUpload(t.Context(), u, chosen, func(r io.Reader) io.Reader { return r }, &u.Meta,
		Condition{}); err != nil {
		t.Errorf("the upload cannot be finished: %v", err)
	}
	if got := read(t, again, "up"); got != "part" {
		t.Errorf("uploaded %q", got)
	}
}

func noSums() map[string]string { return nil }

type failing struct{ after int }

func (f *failing) Read(p []byte) (int, error) {
	if f.after == 0 {
		return 0, errors.New("the connection broke")
	}
	n := min(len(p), f.after)
	f.after -= n
	return n, nil
}

// TestNothingIsLeft has writes fail and objects go: no file outlives its row.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	s, db, dir := fresh(t)
	if _, err := s.Put(t.Context(), "b", "k", &failing{100_000}, &Meta{}, Condition{}); err == nil {
		t.Error("a body that broke off was taken")
	}
	if _, _, err := s.Get(t.Context(), "b", "k", ""); !errors.Is(err, ErrNoKey) {
		t.Errorf("half an object is there: %v", err)
	}
	if _, err := s.Put(t.Context(), "none", "k", strings.NewReader("x"), &Meta{}, Condition{}); !errors.Is(err,
		ErrNoBucket) {
		t.Errorf("no bucket: %v", err)
	}
	put(t, s, "k", "1")
	put(t, s, "k", "2") // replaces
	if _, err := s.Put(t.Context(), "b", "k", strings.NewReader("3"), &Meta{},
		Condition{IfNoneMatch: true}); !errors.Is(err, ErrPrecondition) {
		t.Errorf("condition: %v", err)
	}
	u, err := s.StartUpload(t.Context(), "b", "up", Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if _, err := s.PutPart(t.Context(), u, n+1, strings.NewReader("x"), noSums); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AbortUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	put(t, s, "gone", "gone")
	if _, err := s.Delete(t.Context(), "b", "gone", ""); err != nil {
		t.Fatal(err)
	}
	storetest.Work(t, db)
	deadline := time.Now().Add(20 * time.Second)
	for len(files(t, dir)) != 1 { // jobs remove what is not needed
		if time.Now().After(deadline) {
			t.Fatalf("left: %v", files(t, dir))
		}
	}
	if got := read(t, s, "k"); got != "2" {
		t.Errorf("%q", got)
	}
}

// TestOneWins has writers race for a key under a condition.
func TestOneWins(t *testing.T) {
	t.Parallel()
	s, _, _ := fresh(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 16 {
		all.Go(func() {
			_, err := s.Put(context.Background(), "b", "k", strings.NewReader(fmt.Sprint(i)), &Meta{},
				Condition{IfNoneMatch: true})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errors.Is(err, ErrPrecondition) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

// TestHostileKeys has keys that would be paths.
func TestHostileKeys(t *testing.T) {
	t.Parallel()
	s, _, dir := fresh(t)
	outside := filepath.Join(dir, "..", "outside")
	for _, key := range []string{"../../outside", "/etc/passwd", "a/../../b", "..", ".", "a\x00b",
		strings.Repeat("x", 1024), "é\n'\"; DROP TABLE objects"} {
		put(t, s, key, key)
		if got := read(t, s, key); got != key {
			t.Errorf("%q holds %q", key, got)
		}
	}
	if _, err := os.Stat(outside); !os.IsNotExist(err) {
		t.Errorf("a key became a path: %v", err)
	}
	for _, id := range []string{"", "../x"} {
		if _, err := s.FindUpload(t.Context(), "b", "k", id); !errors.Is(err, ErrNoUpload) {
			t.Errorf("upload %q: %v", id, err)
		}
	}
}

// A version that is written is told to those who want it, with the write.
func TestObjectsAreTold(t *testing.T) {
	t.Parallel()
	s, db, _ := fresh(t)
	heard, refuse := make(chan event.Object, 10), errors.New("refused")
	event.ObjectWritten.SubscribeTo(db, "test",
		func(_ context.Context, _ store.Queryer, o event.Object) (bool, error) {
			if o.Key == "refused" {
				return false, refuse
			}
			return o.Key == "a", nil
		},
		func(_ context.Context, _ string, o event.Object) error { heard <- o; return nil })
	storetest.Work(t, db)
	put(t, s, "b", "b")
	put(t, s, "a", "a")
	if _, err := s.Put(t.Context(), "b", "refused", bytes.NewReader(nil), &Meta{}, Condition{}); !errors.Is(err,
		refuse) {
		t.Errorf("%v", err)
	}
	if _, _, err := s.Get(t.Context(), "b", "refused", ""); !errors.Is(err, ErrNoKey) {
		t.Errorf("a write whose telling failed is there: %v", err)
	}
	if o := <-heard; o != (event.Object{Bucket: "b", Key: "a", Version: "null"}) {
		t.Errorf("heard %+v", o)
	}
}
