package host

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// hangUpLimit is how long the processes of a terminal may take to end by themselves once it is hung up.
const hangUpLimit = 500 * time.Millisecond

// terminal is a terminal of this machine, whose program runs in a room: in a sandbox of its own, with the room's
// folders, where rooms are sandboxes.
type terminal struct {
	process *process
	master  *os.File
	done    chan struct{} // closed when the program has ended
	err     error         // of the program, once done is closed
	closing sync.Once
}

// Terminal implements room.Terminals.
func (r *hostRoom) Terminal(_ context.Context, c room.Command, size room.Size) (room.Terminal, error) {
	master, tty, err := openTerminal()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	t := &terminal{master: master, done: make(chan struct{})}
	if err := t.Resize(size); err != nil {
		_ = master.Close()
		return nil, err
	}
	env := c.Env
	if r.mark != "" {
		env = append([]string{r.mark}, env...)
	}
	args, inside := r.ownSession(c.Args)
	t.process = r.command(args, env)
	t.process.Stdin, t.process.Stdout, t.process.Stderr = tty, tty, tty
	t.process.SysProcAttr.Setctty = !inside
	if err := r.terminals.start(t); err != nil {
		_ = master.Close()
		return nil, err
	}
	go func() {
		defer close(t.done)
		t.err = t.process.wait()
	}()
	return t, nil
}

// openTerminal opens both ends of a terminal. To close the first one ends a Read of it, and hangs the terminal up at
// once: the one that the library opens waits for the Read, since it asks for its descriptor.
func openTerminal() (master, tty *os.File, err error) {
	opened, tty, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	defer opened.Close()
	fd, err := unix.FcntlInt(opened.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = tty.Close()
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), opened.Name()), tty, nil
}

// ownSession has a program in a sandbox begin a session there, which takes the terminal. In the session of bubblewrap,
// whose group a process of the sandbox cannot name, dash ends with an error when it gives the terminal back. Without
// the program setsid the session is bubblewrap's.
func (r *hostRoom) ownSession(args []string) (_ []string, inside bool) {
	if r.prefix == nil {
		return args, false
	}
	setsid, err := exec.LookPath("setsid")
	if err != nil {
		return args, false
	}
	return append([]string{setsid, "--ctty"}, args...), true
}

// Read implements room.Terminal. Linux answers EIO once nobody has the terminal any more.
func (t *terminal) Read(p []byte) (int, error) {
	n, err := t.master.Read(p)
	if errors.Is(err, syscall.EIO) || errors.Is(err, os.ErrClosed) {
		err = io.EOF
	}
	return n, err
}

// Write implements room.Terminal.
func (t *terminal) Write(p []byte) (int, error) { return t.master.Write(p) }

// Resize implements room.Terminal.
func (t *terminal) Resize(s room.Size) error {
	c, err := t.master.SyscallConn() // not Fd, after which Close would not end Read
	if err != nil {
		return err
	}
	bad := c.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Col: s.Cols, Row: s.Rows})
	})
	return errors.Join(bad, err)
}

// Wait implements room.Terminal.
func (t *terminal) Wait() (int, error) {
	<-t.done
	if failed, ok := errors.AsType[*exec.ExitError](t.err); ok {
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return 128 + int(status.Signal()), nil
		}
		return failed.ExitCode(), nil
	}
	return 0, t.err
}

// Close implements room.Terminal.
func (t *terminal) Close() error {
	t.closing.Do(func() {
		_ = t.master.Close() // SIGHUP to the session
		late := time.NewTimer(hangUpLimit)
		defer late.Stop()
		select {
		case <-t.done:
		case <-late.C:
		}
		t.process.kill()
		<-t.done
		t.process.room.terminals.forget(t)
	})
	return nil
}

// terminals are those of a room that were not closed.
type terminals struct {
	mu     sync.Mutex
	open   map[*terminal]bool
	closed bool
}

// start starts the program of a terminal, unless the room is closed.
func (a *terminals) start(t *terminal) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return errors.New("the build's room is closed")
	}
	if err := t.process.begin(); err != nil {
		return err
	}
	if a.open == nil {
		a.open = map[*terminal]bool{}
	}
	a.open[t] = true
	return nil
}

func (a *terminals) forget(t *terminal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, t)
}

// close closes all of them, and lets no other one start.
func (a *terminals) close() {
	a.mu.Lock()
	a.closed = true
	left := slices.Collect(maps.Keys(a.open))
	a.mu.Unlock()
	var all sync.WaitGroup
	for _, t := range left {
		all.Go(func() { _ = t.Close() })
	}
	all.Wait()
}
