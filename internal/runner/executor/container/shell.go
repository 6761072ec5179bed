package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// Names of the FIFOs in the folder of tools. The shell reads its commands from the script, and opens the answer for as
// long as it takes to answer.
const (
	controlName  = "control"
	answeredName = "answered"
	outputName   = "output"
	scriptName   = "script.sh"
	answerName   = "answer"
)

// supervisor is the container's first process. It is told a number when a shell is wanted ($1), says it again when
// the shell before is over ($2), and begins when it is told once more. Then it starts the shell on its script ($4), and
// another one when a command has ended it, as long as there is the script; it tells each exit status ($5). Orphans of
// the container are its children, which it reaps while it waits. The brackets keep its own "Killed" out of the output.
const supervisor = `exec >"$3" 2>&1
exec 5>&2 2>/dev/null
while read -r n; do
printf '%s\n' "$n" >"$2"
read -r n || exit
while [ -p "$4" ]; do
(exec /bin/sh "$4" 2>&5 5>&- </dev/null)
s=$?
[ -p "$4" ] && printf '\0X\0%s\0' "$s" >"$5"
done
done <"$1"
`

// killedStatus is what a shell says of a program that SIGKILL ended.
const killedStatus = 137

// handshakeLimit is how long the container's first process may take to be ready for a new shell.
const handshakeLimit = 30 * time.Second

// shell is a shell of a container.
type shell struct {
	room            *containerRoom
	script, answers *os.File
	done            chan struct{} // closed when the shell has been killed, or its container has ended
	ending          sync.Once
	stopping        sync.Once
	over            chan struct{} // closed when Stop has begun
}

// Shell implements room.Room.
func (r *containerRoom) Shell() (room.Shell, error) {
	if r.shell != nil && !r.shell.stopped() {
		return r.shell, nil
	}
	select {
	case <-r.dead:
		if r.lost != nil {
			return nil, fmt.Errorf("the container engine tells nothing of the build's container any more: %w", r.lost)
		}
		return nil, errors.New("the build's container has ended")
	default:
	}
	if r.littered.Load() {
		err := r.restart(context.Background())
		return r.shell, err
	}
	if err := r.settle(); err != nil {
		return nil, err
	}
	if err := r.newShell(); err != nil {
		return nil, err
	}
	if err := r.order(); err != nil {
		return nil, err
	}
	r.shell.follow()
	return r.shell, nil
}

// begin makes the first shell, before the container has started.
func (r *containerRoom) begin() error {
	if err := r.newShell(); err != nil {
		return err
	}
	r.serial++
	return errors.Join(r.order(), r.order())
}

// order tells the first process the shell's number.
func (r *containerRoom) order() error {
	_, err := fmt.Fprintf(r.control, "%d\n", r.serial)
	return err
}

// settle waits until the first process has done with the shell before. It still looks for the script of that one, so
// that there must be no other until then.
func (r *containerRoom) settle() error {
	r.serial++
	if err := r.order(); err != nil {
		return err
	}
	if err := r.answered.SetReadDeadline(time.Now().Add(handshakeLimit)); err != nil {
		return err
	}
	for in := bufio.NewReader(r.answered); ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the build's container does not answer: %w", err)
		}
		if strings.TrimSpace(line) == strconv.Itoa(r.serial) {
			return nil
		}
	}
}

func (r *containerRoom) newShell() error {
	script, err := r.fifo(scriptName)
	if err != nil {
		return err
	}
	answers, err := r.fifo(answerName)
	if err != nil {
		_ = script.Close()
		return err
	}
	r.shell = &shell{room: r, script: script, answers: answers, done: make(chan struct{}), over: make(chan struct{})}
	return nil
}

// follow ends the shell with its container.
func (s *shell) follow() {
	dead := s.room.dead // a container that is started anew has another
	go func() {
		select {
		case <-dead:
			s.end()
		case <-s.done:
		}
	}()
}

func (s *shell) end() { s.ending.Do(func() { close(s.done) }) }

// Write implements room.Shell.
func (s *shell) Write(p []byte) (int, error) { return s.script.Write(p) }

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
	s.stopping.Do(func() {
		close(s.over)
		_ = os.Remove(filepath.Join(s.room.outside(tools), scriptName)) // so that no other shell is started
		_ = s.script.Close()
		ctx, cancel := context.WithTimeout(context.Background(), engineLimit)
		defer cancel()
		s.room.killAll(ctx)
		s.end()
		_ = s.answers.Close()
	})
	<-s.done
	return killedStatus
}

// abandon closes the shell's streams; its container is about to be killed.
func (s *shell) abandon() {
	s.stopping.Do(func() {
		close(s.over)
		_, _ = s.script.Close(), s.answers.Close()
		s.end()
	})
}

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
