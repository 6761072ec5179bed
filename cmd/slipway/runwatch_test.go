package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// said reads a program's lines, and tells when one has a text.
type said struct {
	t     *testing.T
	lines chan string
	all   strings.Builder
}

func saidBy(t *testing.T, f *os.File) *said {
	s := &said{t: t, lines: make(chan string, 1000)}
	go func() {
		defer close(s.lines)
		for in := bufio.NewScanner(f); in.Scan(); {
			s.lines <- in.Text()
		}
	}()
	return s
}

// until waits for a line with a text.
func (s *said) until(text string) {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-s.lines:
			s.all.WriteString(line + "\n")
			if strings.Contains(line, text) {
				return
			}
			if !ok {
				s.t.Fatalf("it ended and did not say %q:\n%s", text, &s.all)
			}
		case <-late:
			s.t.Fatalf("it did not say %q:\n%s", text, &s.all)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startSlipway starts the command line in a folder, in a terminal.
func startSlipway(t *testing.T, dir string, args ...string) (*exec.Cmd, *said) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"slipway"}, args...), Dir: dir, Env: os.Environ()} // see TestMain
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = f.Close() })
	return cmd, saidBy(t, f)
}

// A watched build runs again when a file of the source changes, and not when the build writes; one that runs is ended.
func TestWatchRunsAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("buildspec.yml"), "version: 0.2\nphases:\n  build:\n    commands:\n"+
		"      - echo run of $(cat input); date +%N >new; date +%N >out.txt\n      - . ./next.sh\n"+
		"artifacts: {files: [out.txt]}\n")
	write(t, at("input"), "first")
	write(t, at("out.txt"), "")
	write(t, at("next.sh"), "")
	cmd, out := startSlipway(t, dir, "run", "--watch")
	out.until("run of first")
	out.until("Watching")
	write(t, at("input"), "first") // the same content
	write(t, at("next.sh"), "echo now it is endless; tail -f /dev/null")
	out.until("next.sh changed")
	out.until("now it is endless")
	write(t, at("input"), "second")
	out.until("input changed: this build is ended, and another one begins")
	out.until("STOPPED in")
	out.until("run of second")
	write(t, at("next.sh"), "")
	out.until("next.sh changed: this build is ended")
	out.until("Watching")
	write(t, at("fresh"), "a new file")
	out.until("fresh changed")
	out.until("Watching")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for range out.lines { // until the program has closed its terminal
	}
	_ = cmd.Wait()
	if strings.Contains(out.all.String(), "out.txt changed") || strings.Contains(out.all.String(), "new changed") {
		t.Errorf("what the build wrote has started one:\n%s", &out.all)
	}
}

// In a terminal a batch is a tree that is drawn again; what a build wrote is in its log.
func TestBatchIsATree(t *testing.T) {
	dir := t.TempDir()
	gate := filepath.Join(t.TempDir(), "gate") // is there once the tree was drawn again, and builds end
	write(t, filepath.Join(dir, "buildspec.yml"), "version: 0.2\nbatch:\n  build-graph:\n"+
		"    - {identifier: lint}\n    - {identifier: test, depend-on: [lint], env: {variables: {BAD: 1}}}\n"+
		"phases: {build: {commands: ['echo output of one', "+
		"'until [ -e "+gate+" ]; do sleep 0.02; done', '[ -z \"$BAD\" ]']}}\n")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	cmd, out := startSlipway(t, dir, "run", "--batch")
	out.until("\x1b[2A\x1b[J")
	write(t, gate, "")
	out.until("FAILED in")
	out.until("log: ")
	for range out.lines {
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a batch that failed ended with 0")
	}
	got := out.all.String()
	if !strings.Contains(got, "\x1b[2A\x1b[J") || !strings.Contains(got, "  test") || strings.Contains(got, "[lint]") {
		t.Errorf("shown was %q", got)
	}
	logs, _ := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "slipway", "batches", "*", "test.log"))
	if len(logs) != 1 {
		t.Fatalf("logs: %q", logs)
	}
	if text, err := os.ReadFile(logs[0]); err != nil || !strings.Contains(string(text), "output of one\n") {
		t.Errorf("the log is %q, %v", text, err)
	}
}
