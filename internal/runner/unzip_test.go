package runner

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type entry struct {
	name, text string
	mode       fs.FileMode
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte(e.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpackTo(t testing.TB, dir string, b []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return unzip(t.Context(), bytes.NewReader(b), int64(len(b)), root, func(string) error { return nil })
}

func TestUnzip(t *testing.T) {
	dir := t.TempDir()
	err := unpackTo(t, dir,
		archive(t, entry{"a/b/run.sh", "#!/bin/sh\n", 0o4755}, entry{"a/link", "b/run.sh", fs.ModeSymlink | 0o777},
			entry{"./c.txt", "c", 0o600}, entry{`d\e.txt`, "e", 0o644}, entry{"empty/", "", fs.ModeDir | 0o755}))
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"a/b/run.sh": 0o755, "c.txt": 0o644, "d/e.txt": 0o644,
		"empty": fs.ModeDir | 0o755, "a/link": fs.ModeSymlink | 0o777} {
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestHostileArchives(t *testing.T) {
	lying := archive(t, entry{"x", strings.Repeat("a", 100), 0o644})
	binary.LittleEndian.PutUint32(lying[bytes.LastIndex(lying, []byte("PK\x01\x02"))+24:], 1)
	for name, b := range map[string][]byte{
		"up":             archive(t, entry{"../evil", "x", 0o644}),
		"up inside":      archive(t, entry{"a/../../evil", "x", 0o644}),
		"absolute":       archive(t, entry{"/evil", "x", 0o644}),
		"backslashes":    archive(t, entry{`..\evil`, "x", 0o644}),
		"link out":       archive(t, entry{"l", "../..", fs.ModeSymlink | 0o777}),
		"absolute link":  archive(t, entry{"l", "/etc", fs.ModeSymlink | 0o777}),
		"through a link": archive(t, entry{"l", "..", fs.ModeSymlink | 0o777}, entry{"l/evil", "x", 0o644}),
		"device":         archive(t, entry{"d", "", fs.ModeDevice | 0o644}),
		"long name":      archive(t, entry{strings.Repeat("a", 5000), "x", 0o644}),
		"long part":      archive(t, entry{strings.Repeat("a", 300), "x", 0o644}),
		"zero":           archive(t, entry{"a\x00b", "x", 0o644}),
		"file as folder": archive(t, entry{"a", "x", 0o644}, entry{"a/b", "x", 0o644}),
		"no zip":         []byte("hello"),
		"empty":          nil,
		"lying":          lying,
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "a", "root")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := unpackTo(t, dir, b); err == nil {
				t.Error("accepted")
			} else if testing.Verbose() {
				t.Log(err)
			}
			_ = filepath.WalkDir(parent, func(p string, d fs.DirEntry, err error) error {
				if d.Name() == "evil" && !strings.HasPrefix(p, dir+"/") {
					t.Errorf("%s was written", p)
				}
				return err
			})
		})
	}
}

func FuzzUnzip(f *testing.F) {
	f.Add(archive(f, entry{"a/b", "x", 0o644}, entry{"l", "a/b", fs.ModeSymlink | 0o777}, entry{"../x", "x", 0o644}))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "root")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = unpackTo(t, dir, b)
		if left, err := os.ReadDir(parent); err != nil || len(left) != 1 {
			t.Fatal("something was written outside", left, err)
		}
	})
}
