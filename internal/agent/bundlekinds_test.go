package agent

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slipway/api/awsproto/sigv4"
	cmd "slipway/api/codedeploycommand"
)

// madeOn is a zip with the given names, made on a system.
func madeOn(t *testing.T, system uint16, flags uint16, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		h := &zip.FileHeader{Name: name, NonUTF8: true, Flags: flags, CreatorVersion: system << 8, ExternalAttrs: 0x20}
		if strings.HasSuffix(name, `\`) || strings.HasSuffix(name, "/") {
			h.ExternalAttrs = 0x10
		}
		w, err := z.CreateRaw(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(nil)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnpackOfWindows(t *testing.T) {
	dir, err := unpackTo(t, "zip",
		madeOn(t, madeOnFAT, 0, `scripts\`, `scripts\run.sh`, `a\b\c.txt`, "\x81bung.txt", "plain/"))
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"scripts": 0o755, "scripts/run.sh": 0o644, "a/b/c.txt": 0o644,
		"a/b": 0o755, "übung.txt": 0o644, "plain": 0o755} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want the mode %o", name, info, err, mode)
		}
	}
	dir, err = unpackTo(t, "zip", madeOn(t, madeOnUnix, 0, `a\b`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, `a\b`)); err != nil {
		t.Errorf("on Unix a backslash is a character of the name: %v", err)
	}
	if _, err := unpackTo(t, "zip", madeOn(t, madeOnFAT, 0, `..\..\evil`)); err == nil ||
		!strings.Contains(err.Error(), "would lie outside of it") {
		t.Errorf("a name that leads out by backslashes: %v", err)
	}
}

func TestBundlesThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		kind    string
		content []byte
		says    string
	}{
		"encrypted": {"zip", madeOn(t, madeOnUnix, encrypted, "appspec.yml"),
			`the entry "appspec.yml": it is encrypted with a password`},
		"a zip as a tar": {"tar", madeOn(t, madeOnUnix, 0, "appspec.yml"), "it is a zip archive"},
		"xz":             {"tgz", []byte("\xfd7zXZ\x00" + strings.Repeat("x", 600)), "it is compressed with xz"},
		"bzip2":          {"tgz", []byte("BZh9" + strings.Repeat("x", 600)), "it is compressed with bzip2"},
		"zstd":           {"tar", []byte("\x28\xb5\x2f\xfd" + strings.Repeat("x", 600)), "it is compressed with zstd"},
	} {
		if _, err := unpackTo(t, c.kind, c.content); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
}

// TestSparseFiles: tar's sparse files come out whole, and take no more room than they did.
func TestSparseFiles(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("SKIPPED: no tar here, which makes the sparse archive. Install it with: apt-get install -y tar")
	}
	base := t.TempDir()
	f, err := os.Create(filepath.Join(base, "disk"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("end"), 600<<20) // more than what is always allowed
	if cerr := f.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	for _, format := range []string{"gnu", "posix"} {
		bundle := filepath.Join(base, format+".tar")
		if out, err := exec.Command("tar", "--sparse", "--format="+format, "-C", base, "-cf", bundle,
			"disk").CombinedOutput(); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		content, err := os.ReadFile(bundle)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := unpackTo(t, "tar", content)
		if err != nil {
			t.Fatal(format, err)
		}
		info, err := os.Stat(filepath.Join(dir, "disk"))
		if err != nil || info.Size() != 600<<20+3 {
			t.Fatalf("%s: %v, %v", format, info, err)
		}
		if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > 1<<20 {
			t.Errorf("%s: a sparse file takes %d bytes on the disk", format, used)
		}
	}
}

func TestInstallSaysWhatIsInTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		host, spec string
		bundle     map[string]string
		says       string
	}{
		"a folder": {"srv/a/f/inside", "/", map[string]string{"f": "1"},
			"/srv/a/f is a folder on this host, and the bundle has a file there"},
		"a file": {"srv/a/d", "/", map[string]string{"d/g": "1"},
			"/srv/a/d is a file on this host, and the bundle has a folder there"},
		"a wildcard": {"x", "build/*", map[string]string{"build/a": "1"},
			`the source "build/*" (line 5) is not in the bundle. Wildcards are not expanded`},
		"a typo": {"x", "biuld", map[string]string{"build/a": "1"}, `the source "biuld" (line 5) is not in the bundle`},
	} {
		x := newSite(t)
		x.file("/"+c.host, "there")
		c.bundle["appspec.yml"] = "version: 0.0\nos: linux\nfile_exists_behavior: OVERWRITE\nfiles:\n  - source: " +
			c.spec + "\n    destination: /srv/a\n"
		x.revision(c.bundle)
		if err := x.install(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s", name, err, c.says)
		}
	}
}

func TestSystemErrorsAreWorded(t *testing.T) {
	for _, err := range []error{
		&fs.PathError{Op: "openat", Path: "srv/a", Err: syscall.ENOSPC},
		&os.LinkError{Op: "renameat", Old: "srv/.new", New: "srv/a", Err: syscall.EROFS},
	} {
		got := failed(err, "").Message
		if strings.Contains(got, "renameat") || strings.Contains(got, "openat") ||
			!strings.HasPrefix(got, "/srv/a: the ") {
			t.Errorf("%v is told as %q", err, got)
		}
	}
}

func TestScriptLogsAreNotForOthers(t *testing.T) {
	x := newSite(t)
	path := x.real(x.s.dir() + "/logs/scripts.log")
	x.file(x.s.dir()+"/logs/scripts.log", "of an earlier agent\n")
	x.output("AfterInstall").line("a secret")
	for _, path := range []string{path, x.logs.path(0)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}

// leaveResult leaves the record of a command whose result was not reported when the agent ended.
func leaveResult(t *testing.T, root string) {
	t.Helper()
	a := &agent{paths: paths{root}}
	track, err := a.takeUp("d-1",
		&cmd.HostCommandInstance{HostCommandIdentifier: new("i"), CommandName: new("AfterInstall"),
			DeploymentExecutionId: new("d-1")})
	if err != nil {
		t.Fatal(err)
	}
	defer track.file.Close()
	if err := errors.Join(track.start(), track.end(&result{Status: "Succeeded"})); err != nil {
		t.Fatal(err)
	}
}

// TestAWrongKeyEndsTheAgent with the reason, rather than asking for ever.
func TestAWrongKeyEndsTheAgent(t *testing.T) {
	for _, x := range []struct{ known, unreported bool }{{false, false}, {true, false}, {true, true}} {
		known := x.known
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Amz-Target") == "" {
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write(
					[]byte(
						"<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>The security token included " +
							"in the request is invalid.</Message></Error></ErrorResponse>"))
				return
			}
			w.Header().Set("X-Amzn-Errortype", "UnrecognizedClientException")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(
				[]byte(
					`{"__type": "UnrecognizedClientException", ` +
						`"message": "The security token included in the request is invalid."}`))
		}))
		c := Config{Endpoint: server.URL, Region: "us-east-1",
			Credentials: sigv4.Credentials{AccessKeyID: "AKIDWRONG", SecretAccessKey: "x"}, Name: "host-1",
			Root: t.TempDir()}
		if known {
			c.Name, c.HostIdentifier = "", "arn:aws:codedeploy:us-east-1:123456789012:instance/host-1"
		}
		if x.unreported {
			leaveResult(t, c.Root)
		}
		err := Run(t.Context(), c)
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "does not take the access key AKIDWRONG") ||
			!strings.Contains(err.Error(), "CreateHost") {
			t.Errorf("identity known %v: %v", known, err)
		}
	}
}
