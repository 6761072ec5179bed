package agent

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type entry struct {
	name, content string
	mode          fs.FileMode
	link          string
	kind          byte // of a tar
}

func zipped(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		content := e.content
		if e.link != "" {
			h.SetMode(fs.ModeSymlink | 0o777)
			content = e.link
		}
		f, err := z.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, content)
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

func tarred(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: int64(e.mode.Perm()), Linkname: e.link,
			Size: int64(len(e.content))}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = io.WriteString(w, e.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpackTo unpacks a bundle into a folder beside which nothing may appear.
func unpackTo(t testing.TB, kind string, content []byte) (dir string, err error) {
	t.Helper()
	base := t.TempDir()
	bundle := filepath.Join(base, "bundle.tar")
	if err := os.WriteFile(bundle, content, 0o600); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(base, "archive")
	_, err = unpack(bundle, kind, dir, int64(len(content)))
	beside, rerr := os.ReadDir(base)
	if rerr != nil || len(beside) > 2 {
		t.Fatalf("something was written beside the archive: %v %v", beside, rerr)
	}
	return dir, err
}

func TestUnpack(t *testing.T) {
	files := []entry{{name: "a/run.sh", content: "#!/bin/sh", mode: 0o755},
		{name: "a/b/data", content: "x", mode: 0o640}}
	link := entry{name: "a/link", link: "b/data", kind: tar.TypeSymlink}
	for kind, content := range map[string][]byte{"zip": zipped(t, append(files, link)...),
		"tar": tarred(t, append(files, link)...), "tgz": gzipped(t, tarred(t, append(files, link)...))} {
		t.Run(kind, func(t *testing.T) {
			dir, err := unpackTo(t, kind, content)
			if err != nil {
				t.Fatal(err)
			}
			for name, mode := range map[string]fs.FileMode{"a/run.sh": 0o755, "a/b/data": 0o640} {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
					t.Errorf("%s: %v %v", name, info, err)
				}
			}
			if content, err := os.ReadFile(filepath.Join(dir, "a/link")); err != nil || string(content) != "x" {
				t.Errorf("%q %v", content, err)
			}
		})
	}
}

func TestHostileBundles(t *testing.T) {
	zeros := strings.Repeat("\x00", 300<<20)
	for name, c := range map[string]struct {
		kind    string
		content []byte
		says    string
	}{
		"up": {"zip", zipped(t, entry{name: "../evil"}),
			`the entry "../evil" would lie outside of it`},
		"up, inside": {"tar", tarred(t, entry{name: "a/../../evil"}),
			`the entry "a/../../evil" would lie outside of it`},
		"absolute": {"tar", tarred(t, entry{name: "/etc/evil"}),
			`the entry "/etc/evil" would lie outside of it`},
		"through a link": {"tar",
			tarred(t, entry{name: "out", link: "..", kind: tar.TypeSymlink}, entry{name: "out/evil"}),
			"through a link that leads out of it"},
		"through a link in zip": {"zip", zipped(t, entry{name: "out", link: "/tmp"}, entry{name: "out/evil"}),
			"through a link that leads out of it"},
		"hard link out of it": {"tar", tarred(t, entry{name: "evil", link: "../bundle.tar", kind: tar.TypeLink}),
			"leads out of it"},
		"device":                 {"tar", tarred(t, entry{name: "null", kind: tar.TypeChar}), "is a device"},
		"pipe":                   {"tar", tarred(t, entry{name: "pipe", kind: tar.TypeFifo}), "is a device"},
		"name with a line break": {"zip", zipped(t, entry{name: "a\nb"}), "can't be written to lists"},
		"bomb": {"zip", zipped(t, entry{name: "zeros", content: zeros}),
			"grows to more than 200 times its size"},
		"no zip":    {"zip", []byte("hello"), "it is no zip archive"},
		"no tar":    {"tar", []byte("hello"), "it is cut off after 0 entries"},
		"empty tar": {"tar", tarred(t), "it is empty"},
		"cut off":   {"tgz", gzipped(t, tarred(t, entry{name: "a", content: zeros[:1000]}))[:40], "it is cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := unpackTo(t, c.kind, c.content); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v; want %s", err, c.says)
			}
		})
	}
}

func TestAFileThatComesAsALinkFirst(t *testing.T) {
	dir, err := unpackTo(t, "tar",
		tarred(t, entry{name: "a", link: "../bundle.tar", kind: tar.TypeSymlink}, entry{name: "a", content: "new"}))
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(content) != "new" {
		t.Fatalf("%q %v", content, err)
	}
}

func TestStripped(t *testing.T) {
	for name, c := range map[string]struct {
		files []entry
		want  string
	}{
		"one folder with an appspec":    {[]entry{{name: "top/AppSpec.yml"}, {name: "top/a"}}, "top"},
		"one folder without":            {[]entry{{name: "top/a"}}, ""},
		"something beside the folder":   {[]entry{{name: "top/appspec.yml"}, {name: "a"}}, ""},
		"an appspec further down alone": {[]entry{{name: "top/conf/appspec.yml"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := unpackTo(t, "zip", zipped(t, c.files...))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := stripped(dir); err != nil || got != filepath.Join(dir, c.want) {
				t.Fatalf("%s %v", got, err)
			}
		})
	}
}

func FuzzUnpackZip(f *testing.F) {
	f.Add(zipped(f, entry{name: "a/b", content: "x", mode: 0o755}, entry{name: "l", link: "../.."}))
	f.Add(zipped(f, entry{name: "../evil"}))
	f.Fuzz(func(t *testing.T, content []byte) { _, _ = unpackTo(t, "zip", content) })
}

func FuzzUnpackTar(f *testing.F) {
	f.Add(tarred(f, entry{name: "a/b", content: "x", mode: 0o755},
		entry{name: "l", link: "../..", kind: tar.TypeSymlink}, entry{name: "l/x", content: "y"}))
	f.Add(gzipped(f, tarred(f, entry{name: "a"})))
	f.Fuzz(func(t *testing.T, content []byte) { _, _ = unpackTo(t, "tar", content) })
}
