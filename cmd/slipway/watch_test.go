package main

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// seen is what a terminal shows: all that was written to it since the last picture began.
type seen struct {
	mu      sync.Mutex
	all     bytes.Buffer
	changed chan struct{}
}

func (s *seen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return s.all.Write(b)
}

// picture is the last whole one.
func (s *seen) picture() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all.String()
	if end := strings.LastIndex(all, "\x1b[J"); end >= 0 {
		all = all[:end]
	}
	return all[max(0, strings.LastIndex(all, "\x1b[H")):]
}

// TestWatch looks at the live board in a terminal: it shows what is created, fits itself to the terminal,
// outlives the server, and ends on q.
func TestWatch(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := l.Addr().String()
	l.Close()
	data := filepath.Join(t.TempDir(), "data")
	env := append(
		os.Environ(),
		"SLIPWAY_DATA="+data,
		"SLIPWAY_LISTEN="+listen,
		"SLIPWAY_ENDPOINT=http://"+listen,
		"SLIPWAY_ACCESS_KEY_ID=AKIASCRIPT0000000000",
		"SLIPWAY_SECRET_ACCESS_KEY=secret-of-scripts",
		"SLIPWAY_REGION=us-east-1",
		"TERM=xterm-256color",
		"NO_COLOR=",
	)
	server := func() *exec.Cmd {
		c := exec.Command("slipway", "server")
		c.Env = env
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		late := time.After(patience)
		for {
			if resp, err := http.Get("http://" + listen + "/readyz"); err == nil {
				resp.Body.Close()
				return c
			}
			select {
			case <-late:
				t.Fatal("the server does not answer")
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	first := server()
	defer func() { _ = first.Process.Kill() }()
	create := func(name string) {
		t.Helper()
		c := exec.Command("slipway", "api", "codepipeline", "create-pipeline",
			strings.ReplaceAll(watched, "NAME", name))
		c.Env = env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}

	watch := exec.Command("slipway", "watch")
	watch.Env = env
	terminal, err := pty.StartWithSize(watch, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	screen, ended := &seen{changed: make(chan struct{}, 1)}, make(chan error, 1)
	go func() {
		_, _ = screen.ReadFrom(terminal)
		ended <- watch.Wait()
	}()
	shows := func(pattern string) string {
		t.Helper()
		want, late := regexp.MustCompile(pattern), time.After(patience)
		for {
			if p := screen.picture(); want.MatchString(p) {
				return p
			}
			select {
			case <-screen.changed:
			case err := <-ended:
				t.Fatalf("watch ended (%v) and showed no %s, but %q", err, pattern, screen.picture())
			case <-late:
				t.Fatalf("no %s is shown, but %q", pattern, screen.picture())
			}
		}
	}
	shows("No pipelines yet")
	began := time.Now()
	create("first")
	shows(`first.*failed`) // its repository does not exist
	t.Logf(
		"a new pipeline and its failure were on the screen %s after they were asked for",
		time.Since(began).Round(time.Millisecond),
	)
	shows(`\x1b\[1;31m✗ Source\x1b\[m`)

	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 4, Cols: 30}); err != nil {
		t.Fatal(err)
	}
	shows(`j and k scroll`)
	if _, err := terminal.WriteString("jjj"); err != nil {
		t.Fatal(err)
	}
	shows(`(?s)\x1b\[H  Source .*Get: `)
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	shows("live from " + regexp.QuoteMeta(listen))

	if err := first.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	shows(`The board is as it was .*the server is away \(connection refused\)`)
	second := server()
	defer func() { _ = second.Process.Kill(); _ = second.Wait() }()
	shows("q quits  live from ")
	create("second")
	shows("second")

	if _, err := terminal.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("watch ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("q does not end it")
	}
	if all := screen.all.String(); !strings.HasSuffix(all, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("the terminal is not as it was: %q", all[max(0, len(all)-40):])
	}
}

// ReadFrom copies until the terminal is closed, which is an error there.
func (s *seen) ReadFrom(terminal *os.File) (int64, error) {
	b := make([]byte, 4096)
	for {
		n, err := terminal.Read(b)
		if n > 0 {
			_, _ = s.Write(b[:n])
		}
		if err != nil {
			return 0, errors.Unwrap(err)
		}
	}
}

const watched = `{"pipeline": {"name": "NAME", "roleArn": "arn:aws:iam::123456789012:role/slipway", "artifactStore": {"type": "S3", "location": "artifacts"}, "stages": [
  {"name": "Source", "actions": [{"name": "Get", "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "CodeCommit", "version": "1"},
    "configuration": {"RepositoryName": "web", "BranchName": "main"}, "outputArtifacts": [{"name": "src"}]}]},
  {"name": "Approve", "actions": [{"name": "Ask", "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}}]}
]}}`
