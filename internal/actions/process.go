package actions

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// How long a program may live after SIGINT, and then after SIGTERM.
const (
	interruptDelay = 7500 * time.Millisecond
	terminateDelay = 2500 * time.Millisecond
)

// drainDelay is how long the output of a program that has ended may be silent: what it left in the background may write
// on.
const drainDelay = 100 * time.Millisecond

// maxLine bounds a line of output, in bytes; a longer one is cut in several.
const maxLine = 1 << 20

// program is what a step starts.
type program struct {
	args []string
	dir  string
	env  map[string]string
}

// exitError says that a program ended with a status other than 0.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run runs a program; what it writes is given line by line. All of its process group is killed when ctx ends.
func (p program) run(ctx context.Context, line func(string)) error {
	name, err := lookPath(p.args[0], p.env["PATH"])
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(name, p.args[1:]...)
	cmd.Dir, cmd.Env = p.dir, list(p.env)
	cmd.Stdout, cmd.Stderr = write, write
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return err
	}
	ended, said := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(said)
		lines(read, line)
	}()
	go kill(ctx, cmd.Process.Pid, ended)
	err = cmd.Wait()
	close(ended)
	_ = read.SetReadDeadline(time.Now().Add(drainDelay))
	<-said
	go drain(read)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code := failed.ExitCode()
		if status, ok := failed.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			code = 128 + int(status.Signal())
		}
		return exitError(code)
	}
	return err
}

// lines gives away a stream line by line.
func lines(from *os.File, line func(string)) {
	r := bufio.NewReaderSize(from, maxLine)
	for {
		text, err := r.ReadSlice('\n')
		if len(text) > 0 {
			line(strings.TrimRight(string(text), "\r\n"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// drain reads on, so that what a program left in the background is not killed by writing.
func drain(from *os.File) {
	_ = from.SetReadDeadline(time.Time{})
	buf := make([]byte, 32<<10)
	for {
		if _, err := from.Read(buf); err != nil {
			_ = from.Close()
			return
		}
	}
}

// kill ends a process group when ctx ends, gently at first.
func kill(ctx context.Context, pid int, ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	for _, s := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, interruptDelay}, {syscall.SIGTERM, terminateDelay}, {syscall.SIGKILL, 0}} {
		_ = syscall.Kill(-pid, s.signal)
		select {
		case <-ended:
			_ = syscall.Kill(-pid, syscall.SIGKILL) // what it left behind
			return
		case <-time.After(s.wait):
		}
	}
}

// lookPath finds a program by the PATH that it will have itself.
func lookPath(name, path string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return name, nil
	}
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			continue
		}
		file := dir + "/" + name
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("the program %s is not in the PATH of the build (%s)", name, path)
}
