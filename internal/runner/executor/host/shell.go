package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Names of the two FIFOs between the runner and a room's shell, in the folder of tools. The shell reads its commands
// from the first, as it would read a script (CodeBuild's own has this name too); it opens the second for as long as it
// takes to answer.
const (
	scriptName = "script.sh"
	answerName = "answer"
)

// supervisor starts the shell, starts another one when a command has ended it, and tells its exit status. It ends once
// the FIFO is gone, as when the runner was killed and its folder removed. Its own errors ("Killed") go nowhere.
const supervisor = `exec 5>&2 2>/dev/null
while [ -p "$1" ]; do
/bin/sh "$1" 2>&5 5>&-
printf '\0X\0%s\0' "$?" >"$0"
done
`

// shell is a shell that reads a FIFO. The runner has both ends of both FIFOs, so that neither side waits for the other
// to open one.
type shell struct {
	room    *hostRoom
	process *process
	script  *os.File
	answers *os.File
	done    chan struct{} // closed when the process has ended
	once    sync.Once
	over    chan struct{} // closed when Stop has begun
}

// startShell starts the room's shell.
func (r *hostRoom) startShell() (*shell, error) {
	script, err := r.fifo(scriptName)
	if err != nil {
		return nil, err
	}
	answers, err := r.fifo(answerName)
	if err != nil {
		_ = script.Close()
		return nil, err
	}
	s := &shell{room: r, script: script, answers: answers, done: make(chan struct{}), over: make(chan struct{})}
	s.process = r.command([]string{"/bin/sh", "-c", supervisor, r.place.Answers, r.place.Script}, environment(r.mark))
	s.process.Stdout, s.process.Stderr = r.output, r.output
	if err := s.process.begin(); err != nil {
		_, _ = script.Close(), answers.Close()
		return nil, err
	}
	go func() {
		_ = s.process.wait()
		close(s.done)
	}()
	return s, nil
}

// environment is what programs get that still have the runner's rights; mark is a further variable.
func environment(mark string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin",
		"LANG=C.UTF-8"}
	if mark != "" {
		env = append(env, mark)
	}
	return env
}

// fifo makes a FIFO in the folder of tools and opens it.
func (r *hostRoom) fifo(name string) (*os.File, error) {
	file := filepath.Join(r.spec.Dir, toolsFolder, name)
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: file, Err: err}
	}
	if err := r.own(file); err != nil {
		return nil, err
	}
	return os.OpenFile(file, os.O_RDWR, 0)
}

// Write implements room.Shell. Nothing of a build runs before the shell is in its group.
func (s *shell) Write(p []byte) (int, error) {
	<-s.process.adopted
	return s.script.Write(p)
}

// Read implements room.Shell.
func (s *shell) Read(p []byte) (int, error) { return s.answers.Read(p) }

// Pending implements room.Shell.
func (s *shell) Pending() (n int, err error) {
	raw, err := s.script.SyscallConn()
	if err != nil {
		return 0, err
	}
	bad := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n, errors.Join(bad, err)
}

// Done implements room.Shell.
func (s *shell) Done() <-chan struct{} { return s.done }

// Stop implements room.Shell.
func (s *shell) Stop() int {
	s.once.Do(func() {
		close(s.over)
		_ = s.script.Close()
		s.process.kill()
		<-s.done
		s.room.killLeft()
		_ = s.answers.Close()
	})
	<-s.done
	if p := s.process.ProcessState; p != nil && p.Exited() && p.ExitCode() > 0 {
		return p.ExitCode()
	}
	return killedStatus
}

// killedStatus is what a shell says of a program that SIGKILL ended.
const killedStatus = 137

func (s *shell) stopped() bool {
	select {
	case <-s.over:
		return true
	case <-s.done:
		return true
	default:
		return false
	}
}
