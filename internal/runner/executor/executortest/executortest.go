// Package executortest holds what every executor of the runner must do, as tests.
package executortest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"slipway/internal/runner/room"
)

// Executor is what is tested; it is runner.Executor without what only the runner needs.
type Executor interface {
	Open(ctx context.Context, s room.Spec) (room.Room, error)
	Recover(dir string) error
	Labels() []string
}

// patience is how long a shell may take for a command of a test.
const patience = 20 * time.Second

// Run tests that an executor does what the runner relies on, with rooms of an image, "" for an executor without any.
// limited says that it can limit processes here.
func Run(t *testing.T, e Executor, limited bool, image string) {
	for name, test := range map[string]func(*testing.T, *session){
		"exit status":                 testStatus,
		"environment":                 testEnvironment,
		"files in and out":            testFiles,
		"order of output":             testOrder,
		"signals":                     testSignals,
		"the process group is killed": testKill,
		"programs beside the shell":   testRun,
		"the shell ends and goes on":  testRestart,
		"paths that are no files":     testOutside,
		"terminals":                   testTerminal,
		"the end of terminals":        testTerminalEnd,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t, e, room.Spec{Image: image})) })
	}
	t.Run("the end leaves nothing", func(t *testing.T) { testEnd(t, e, image) })
	t.Run("recovery", func(t *testing.T) { testRecover(t, e) })
	t.Run("labels", func(t *testing.T) {
		if len(e.Labels()) == 0 {
			t.Error("the executor does not say what it can")
		}
	})
	t.Run("an image that it does not have", func(t *testing.T) {
		spec := room.Spec{Dir: filepath.Join(t.TempDir(), "room"), Image: "no.such.registry/image:1"}
		if r, err := e.Open(t.Context(), spec); err == nil {
			_ = r.Close()
			t.Error("a room of an image that does not exist is open")
		}
		if _, err := os.Stat(spec.Dir); err == nil {
			t.Error("a room that could not be opened has left its folder")
		}
	})
	if limited {
		t.Run("limits", func(t *testing.T) {
			testLimits(t, open(t, e, room.Spec{Image: image, Limits: room.Limits{Processes: 30}}))
		})
	}
}

// session is a room with its shell, as a test uses it.
type session struct {
	t      *testing.T
	room   room.Room
	shell  room.Shell
	reader *bufio.Reader
}

// open opens a room that is closed at the test's end.
func open(t *testing.T, e Executor, spec room.Spec) *session {
	t.Helper()
	spec.Dir = filepath.Join(t.TempDir(), "room")
	r, err := e.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	sh, err := r.Shell()
	if err != nil {
		t.Fatal(err)
	}
	return &session{t, r, sh, bufio.NewReader(sh)}
}

// do runs commands and returns what they answered, up to a NUL byte. They write to the file $A.
func (s *session) do(commands string) string {
	s.t.Helper()
	s.write(commands)
	return s.field()
}

func (s *session) write(commands string) {
	s.t.Helper()
	text := "A=" + s.room.Place().Answers + "; cd " + s.room.Place().Source + "; " + commands + "\n"
	if _, err := io.WriteString(s.shell, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) field() string {
	s.t.Helper()
	got := make(chan string, 1)
	go func() {
		text, err := s.reader.ReadString(0)
		if err != nil {
			text = "ERROR " + err.Error() + "\x00"
		}
		got <- text
	}()
	select {
	case text := <-got:
		return strings.TrimSuffix(text, "\x00")
	case <-time.After(patience):
		s.t.Fatal("the shell does not answer")
		return ""
	}
}

// wants compares what commands answer.
func (s *session) wants(commands, want string) {
	s.t.Helper()
	if got := s.do(commands); got != want {
		s.t.Errorf("%s\ngot  %q\nwant %q", commands, got, want)
	}
}

func testStatus(_ *testing.T, s *session) {
	s.wants(`true; printf '%s\0' $? >$A`, "0")
	s.wants(`sh -c 'exit 7'; printf '%s\0' $? >$A`, "7")
	s.wants(`no-such-program-at-all 2>/dev/null; printf '%s\0' $? >$A`, "127")
}

func testEnvironment(t *testing.T, s *session) {
	t.Setenv("A_SECRET_OF_THE_RUNNER", "seen")
	s.wants(`printf '%s\0' "${A_SECRET_OF_THE_RUNNER-none}" >$A`, "none")
	s.wants(`printf '%s\0' "${PATH:+set}" >$A`, "set")
	s.wants(`printf '%s\0' "$(umask)" >$A`, "0022")
	// No program has a descriptor of the shell's script or answers.
	s.wants(`ls -l /proc/self/fd >fds; printf '%s\0' $(grep -c -e /script -e /answer fds) >$A; rm fds`, "0")
}

func testFiles(t *testing.T, s *session) {
	p := s.room.Place()
	for _, dir := range []string{p.Source, p.Secondary, p.Home, p.Tools} {
		name := path.Join(dir, "from-the-runner")
		host, rest, err := s.room.Files(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(host, rest), []byte("in"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.wants(fmt.Sprintf(`cat %s >$A; printf '\0' >$A`, name), "in")
		s.wants(fmt.Sprintf(`echo out >%s/from-the-build; printf 'done\0' >$A`, dir), "done")
		host, rest, err = s.room.Files(path.Join(dir, "from-the-build"))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(host, rest)); string(text) != "out\n" {
			t.Errorf("%s: %q, %v", dir, text, err)
		}
		_ = os.Remove(filepath.Join(host, rest))
		_ = os.Remove(filepath.Join(host, "from-the-runner"))
	}
}

func testOrder(t *testing.T, s *session) {
	s.wants(`for i in 1 2 3 4; do echo out$i; echo err$i >&2; done; sh -c 'printf end'; printf 'done\0' >$A`, "done")
	var want strings.Builder
	for i := 1; i <= 4; i++ {
		fmt.Fprintf(&want, "out%d\nerr%d\n", i, i)
	}
	want.WriteString("end")
	// All of it is in the pipe by now.
	got := make([]byte, want.Len()+100)
	n, err := s.room.Place().Output.Read(got)
	if err != nil || string(got[:n]) != want.String() {
		t.Errorf("got  %q, %v\nwant %q", got[:n], err, want.String())
	}
}

func testSignals(_ *testing.T, s *session) {
	s.wants(`sh -c 'kill -TERM $$' 2>/dev/null; printf '%s\0' $? >$A`, "143")
	s.wants(`trap 'printf "caught\0" >$A' TERM; kill -TERM $$; trap - TERM`, "caught")
}

func testKill(t *testing.T, s *session) {
	s.wants(`trap '' TERM INT HUP; (sleep 1000 & sleep 1000) & printf 'begun\0' >$A`, "begun")
	s.write(`setsid sh -c 'sleep 1000' & sleep 1000`)
	done := make(chan int)
	go func() { done <- s.shell.Stop() }()
	select {
	case status := <-done:
		if status == 0 {
			t.Error("a killed shell has the status 0")
		}
	case <-time.After(patience):
		t.Fatal("the shell does not stop")
	}
	if left := processes(s.room.Place(), t); left != "" {
		t.Errorf("processes are left: %s", left)
	}
}

func testRun(t *testing.T, s *session) {
	var out, said bytes.Buffer
	c := room.Command{
		Args:   []string{"/bin/sh", "-c", `echo "$V"; echo bad >&2; exit 3`},
		Env:    []string{"PATH=/usr/bin:/bin", "V=value"},
		Stdout: &out, Stderr: &said,
	}
	err := s.room.Run(t.Context(), c)
	failed, ok := errors.AsType[*room.ExitError](err)
	if !ok || failed.Status != 3 || out.String() != "value\n" || said.String() != "bad\n" {
		t.Errorf("%v, %q, %q", err, out.String(), said.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	c.Args = []string{"/bin/sh", "-c", "trap '' TERM; sleep 1000"}
	if err := s.room.Run(ctx, c); err == nil || time.Since(began) > patience {
		t.Errorf("it took %s to be killed: %v", time.Since(began), err)
	}
}

func testRestart(t *testing.T, s *session) {
	s.write(`exit 5`)
	if mark, x, status := s.field(), s.field(), s.field(); mark != "" || x != "X" || status != "5" {
		t.Errorf("the stream says %q %q %q", mark, x, status)
	}
	s.wants(`printf 'goes on\0' >$A`, "goes on")
	s.shell.Stop()
	fresh, err := s.room.Shell()
	if err != nil {
		t.Fatal(err)
	}
	s.shell, s.reader = fresh, bufio.NewReader(fresh)
	s.wants(`printf 'anew\0' >$A`, "anew")
	if n, err := s.shell.Pending(); n != 0 || err != nil {
		t.Errorf("%d bytes of the script are left: %v", n, err)
	}
}

func testOutside(t *testing.T, s *session) {
	p := s.room.Place()
	if _, rest, err := s.room.Files(p.Source + "/./a/../b"); err != nil || rest != "b" {
		t.Errorf("%q, %v", rest, err)
	}
	if _, rest, err := s.room.Files(p.Source); err != nil || rest != "." {
		t.Errorf("%q, %v", rest, err)
	}
}

func testEnd(t *testing.T, e Executor, image string) {
	s := open(t, e, room.Spec{Image: image})
	s.wants(`mkdir -p d/e; echo x >d/e/f; chmod 500 d/e d; setsid sleep 1000 & printf 'done\0' >$A`, "done")
	p := s.room.Place()
	dir := p.Dir
	if err := s.room.Close(); err != nil {
		t.Error(err)
	}
	if err := s.room.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder is left")
	}
	if left := processes(p, t); left != "" {
		t.Errorf("processes are left: %s", left)
	}
}

func testRecover(t *testing.T, e Executor) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "left", "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := e.Recover(dir); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left: %v", left, err)
	}
}

func testLimits(_ *testing.T, s *session) {
	s.wants(`(i=0; while [ $i -lt 60 ]; do sleep 1000 & i=$((i+1)); done) 2>/dev/null || printf 'limited\0' >$A`,
		"limited")
}

// processes are those that have the room's folder in their environment, or a folder of the room as their own.
func processes(p room.Place, t *testing.T) string {
	t.Helper()
	dir := p.Dir
	var left []string
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, proc := range all {
		env, _ := os.ReadFile(filepath.Join(proc, "environ"))
		line, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		if pid, _ := strconv.Atoi(filepath.Base(proc)); pid != os.Getpid() &&
			strings.Contains(string(env)+string(line), dir) {
			left = append(left, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return strings.Join(left, "; ")
}
