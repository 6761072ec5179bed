package runner

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"slipway/api/codebuild"
	"slipway/internal/runner/room"
)

// counting is an executor of its own: its rooms are folders, and it counts what is asked of it. It shows all that has
// to be written to add one.
type counting struct{ opened, closed int }

func (e *counting) Labels() []string { return []string{"counting"} }

func (e *counting) Recover(string) error { return nil }

func (e *counting) Open(_ context.Context, s room.Spec) (room.Room, error) {
	if err := os.MkdirAll(filepath.Join(s.Dir, "source"), 0o700); err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	e.opened++
	r := &countedRoom{executor: e, dir: s.Dir, read: read, write: write}
	r.shell, err = r.start()
	return r, err
}

type countedRoom struct {
	executor    *counting
	dir         string
	read, write *os.File
	shell       *countedShell
}

func (r *countedRoom) Place() room.Place {
	return room.Place{
		Source: filepath.Join(r.dir, "source"), Secondary: "/others", Home: r.dir, Temporary: r.dir, Tools: r.dir,
		Dir: r.dir, Script: filepath.Join(r.dir, "script"),
		Answers: filepath.Join(r.dir, "answers"), User: -1, Warning: "This room counts.", Output: r.read,
	}
}

func (r *countedRoom) Files(path string) (dir, rest string, err error) {
	rest, err = filepath.Rel(r.dir, path)
	return r.dir, rest, err
}

func (r *countedRoom) Run(ctx context.Context, c room.Command) error {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.Env, c.Stdout, c.Stderr
	return cmd.Run()
}

func (r *countedRoom) OutOfMemory() int64 { return 0 }

func (r *countedRoom) Close() error {
	r.executor.closed++
	r.shell.Stop()
	_, _ = r.read.Close(), r.write.Close()
	return os.RemoveAll(r.dir)
}

func (r *countedRoom) Shell() (room.Shell, error) { return r.shell, nil }

func (r *countedRoom) start() (*countedShell, error) {
	s := &countedShell{done: make(chan struct{})}
	var pipes [2]*os.File
	for i, name := range []string{r.Place().Script, r.Place().Answers} {
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return nil, err
		}
		pipes[i] = f
	}
	s.script, s.answers = pipes[0], pipes[1]
	const again = `while :; do /bin/sh "$0"; printf '\0X\0%s\0' $? >"$1"; done`
	s.cmd = exec.Command("/bin/sh", "-c", again, r.Place().Script, r.Place().Answers)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.SysProcAttr = r.write, r.write, &syscall.SysProcAttr{Setsid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	return s, nil
}

type countedShell struct {
	cmd             *exec.Cmd
	script, answers *os.File
	done            chan struct{}
}

func (s *countedShell) Write(p []byte) (int, error) { return s.script.Write(p) }
func (s *countedShell) Read(p []byte) (int, error)  { return s.answers.Read(p) }
func (s *countedShell) Pending() (int, error)       { return 0, nil }
func (s *countedShell) Done() <-chan struct{}       { return s.done }

func (s *countedShell) Stop() int {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
	_, _ = s.script.Close(), s.answers.Close()
	return 137
}

func TestABuildRunsWithAnExecutorOfItsOwn(t *testing.T) {
	m, url := newMaster(t)
	e := &counting{}
	c := config(url, t.TempDir())
	c.Executor, c.Concurrency = e, 1
	stop := serve(t, c)
	spec := "version: 0.2\nphases:\n  build:\n    commands: ['V=1; echo $CODEBUILD_SRC_DIR', 'echo $V >f; cat f', " +
		"'exit 4']\n"
	o := order(spec)
	m.start(o)
	r := m.result(t, *o.Build.Id)
	if r.Status != codebuild.StatusTypeFailed || r.Cause == nil || r.Cause.Command != "exit 4" {
		t.Errorf("%s, %+v", r.Status, r.Cause)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if e.opened == 0 || e.opened != e.closed {
		t.Errorf("%d rooms were opened and %d closed", e.opened, e.closed)
	}
}
