package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"slipway/spec/appspec"
)

// killAfter is how long a script's process group has between TERM and KILL.
const killAfter = 5 * time.Second

// script runs one script to its end.
func (h *hook) script(ctx context.Context, script appspec.Script, file string, o *output) error {
	who := "Script at specified location: " + script.Location
	if script.RunAs != "" {
		who += " run as user " + script.RunAs
	}
	fail := func(code int, format string, args ...any) error {
		return &failure{code, script.Location, who + " " + fmt.Sprintf(format, args...)}
	}
	c, err := h.process(script, file)
	if err != nil {
		return fail(scriptFailed, "failed: %v", err)
	}
	stdout, stderr, read, err := pipes(c, o)
	if err != nil {
		return fail(scriptFailed, "failed: %v", err)
	}
	defer stdout.Close()
	defer stderr.Close()
	c, err = start(c, file)
	_ = c.Stdout.(*os.File).Close()
	_ = c.Stderr.(*os.File).Close()
	if err != nil {
		return fail(scriptFailed, "could not be started: %s", whyNotStarted(file, err))
	}
	timeout := time.NewTimer(time.Duration(script.Timeout) * time.Second)
	defer timeout.Stop()
	exited := make(chan error, 1)
	go func() { exited <- c.Wait() }()
	select {
	case err = <-exited:
	case <-timeout.C:
		end(c, exited)
		settle(read, time.Second)
		return fail(timedOut, "failed to complete in %d seconds", script.Timeout)
	case <-ctx.Done():
		end(c, exited)
		settle(read, time.Second)
		return fail(afterRestart, "was ended because the agent was stopped")
	}
	if err != nil { // known as failed, whoever still holds its output
		settle(read, time.Second)
		return exitError(err, file, fail)
	}
	return closed(ctx, read, timeout, script, fail)
}

// closed waits until nobody holds the output of a script that has ended any more.
func closed(ctx context.Context, read [2]<-chan struct{}, timeout *time.Timer, script appspec.Script,
	fail func(code int, format string, args ...any) error) error {
	for name, closed := range map[string]<-chan struct{}{"STDOUT": read[0], "STDERR": read[1]} {
		select {
		case <-closed:
		case <-timeout.C:
			return fail(outputLeftOpen,
				"failed to close %s: it ended with exit code 0, but a program that it started still holds its output "+
					"open after %d seconds. "+
					"Start such programs with their output elsewhere: program >/dev/null 2>&1 &", name, script.Timeout)
		case <-ctx.Done():
			return fail(afterRestart, "has ended, but its output was still open when the agent was stopped")
		}
	}
	return nil
}

// start starts a script. One without a #! line is read by a shell, as execvp has it: then that is the command returned.
func start(c *exec.Cmd, file string) (*exec.Cmd, error) {
	err := c.Start()
	if !errors.Is(err, syscall.ENOEXEC) {
		return c, err
	}
	c = &exec.Cmd{
		Path:        "/bin/sh",
		Args:        []string{"/bin/sh", file},
		Env:         c.Env,
		Dir:         c.Dir,
		SysProcAttr: c.SysProcAttr,
		Stdout:      c.Stdout,
		Stderr:      c.Stderr,
	}
	return c, c.Start()
}

// firstLine is the beginning of a script's first line, as the kernel reads it.
func firstLine(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	start := make([]byte, 256)
	n, _ := io.ReadFull(f, start) // a shorter file is as good
	line, _, _ := strings.Cut(string(start[:n]), "\n")
	return line
}

const windowsLines = "the script has Windows line ends (CRLF); save it with Unix line ends, as `dos2unix` or git's " +
	"core.autocrlf=input do"

// whyNotStarted says why the system did not start a script that is there.
func whyNotStarted(file string, err error) string {
	interpreter, isScript := strings.CutPrefix(firstLine(file), "#!")
	switch {
	case errors.Is(err, fs.ErrNotExist) && isScript && strings.HasSuffix(interpreter, "\r"):
		return fmt.Sprintf("its first line names the interpreter %q: %s", strings.TrimSpace(interpreter)+"\r",
			windowsLines)
	case errors.Is(err, fs.ErrNotExist) && isScript:
		return fmt.Sprintf("its first line names the interpreter %q, which is not on this host",
			strings.TrimSpace(interpreter))
	case errors.Is(err, fs.ErrNotExist):
		return "it is a program for another system, or one whose loader is not on this host"
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf(
			"permission denied; is it on a file system that is mounted noexec? The agent runs as the user ID %d",
			os.Getuid())
	}
	return worded(err).Error()
}

func exitError(err error, file string, fail func(int, string, ...any) error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fail(scriptFailed, "failed: %v", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fail(scriptFailed, "failed: it was ended by the signal %s", status.Signal())
	}
	if code := exit.ExitCode(); (code == 126 || code == 127) && strings.HasSuffix(firstLine(file), "\r") {
		return fail(scriptFailed, "failed with exit code %d: %s", code, windowsLines)
	}
	return fail(scriptFailed, "failed with exit code %d", exit.ExitCode())
}

// end ends a script's process group: TERM, and KILL if it is not gone then.
func end(c *exec.Cmd, exited <-chan error) {
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
	select {
	case <-exited: //nolint:errcheck // how it ended is of no interest any more
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // what its children left
	case <-time.After(killAfter):
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		<-exited //nolint:errcheck // as above
	}
}

// settle gives the readers a moment to take what was written last.
func settle(read [2]<-chan struct{}, d time.Duration) {
	moment := time.After(d)
	for _, r := range read {
		select {
		case <-r:
		case <-moment:
			return
		}
	}
}

// pipes connects a script's output with o. read is closed when all of it was read.
func pipes(c *exec.Cmd, o *output) (stdout, stderr *os.File, read [2]<-chan struct{}, err error) {
	stdout, outW, err := os.Pipe()
	if err != nil {
		return nil, nil, read, err
	}
	stderr, errW, err := os.Pipe()
	if err != nil {
		_ = stdout.Close()
		_ = outW.Close()
		return nil, nil, read, err
	}
	c.Stdout, c.Stderr = outW, errW
	read = [2]<-chan struct{}{lines(stdout, "[stdout]", o), lines(stderr, "[stderr]", o)}
	return stdout, stderr, read, nil
}

// maxLine is where a line without an end is cut.
const maxLine = 64 << 10

func lines(from io.Reader, prefix string, o *output) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := bufio.NewReaderSize(from, maxLine)
		for {
			line, err := r.ReadSlice('\n')
			if len(line) > 0 {
				o.line("%s", prefix+strings.TrimSuffix(string(line), "\n"))
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	}()
	return done
}

// process makes the process of a script: its own group, the environment of the event, the user that it is for. No shell
// takes part.
func (h *hook) process(script appspec.Script, file string) (*exec.Cmd, error) {
	args := []string{file}
	environment := h.environment()
	attr := &syscall.SysProcAttr{Setpgid: true}
	switch {
	case script.RunAs != "":
		u, err := user.Lookup(script.RunAs)
		if err != nil {
			return nil, fmt.Errorf("there is no user %s on this host", script.RunAs)
		}
		if strconv.Itoa(os.Getuid()) != u.Uid {
			if os.Getuid() == 0 {
				if attr.Credential, err = credential(u); err != nil {
					return nil, err
				}
			} else if script.Sudo {
				args = append([]string{"sudo", "-n", "--preserve-env", "-u", u.Username, "--"}, args...)
			} else {
				return nil, fmt.Errorf(
					"the agent runs as the user ID %d and can't become %s; run it as root, or leave out runas",
					os.Getuid(), u.Username)
			}
			environment = append(environment, "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
		}
	case script.Sudo && os.Getuid() != 0:
		args = append([]string{"sudo", "-n", "--preserve-env", "--"}, args...)
	}
	c := exec.Command(args[0], args[1:]...)
	c.SysProcAttr, c.Env, c.Dir = attr, environment, h.a.real("/")
	return c, nil
}

func credential(u *user.User) (*syscall.Credential, error) {
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		id, err := strconv.ParseUint(g, 10, 32)
		if err != nil {
			return nil, err
		}
		c.Groups = append(c.Groups, uint32(id))
	}
	return c, nil
}

// secrets are what a script must not learn of the agent.
var secrets = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_SECURITY_TOKEN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_CREDENTIAL_FILE",
		"AWS_SHARED_CREDENTIALS_FILE", "SLIPWAY_ACCESS_KEY_ID", "SLIPWAY_SECRET_ACCESS_KEY"} {
		all[name] = true
	}
	return all
})

// environment is the agent's own without its secrets, with what CodeDeploy adds, and SLIPWAY_ROOT: "" or the folder
// that stands for /.
func (h *hook) environment() []string {
	var all []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !secrets()[name] {
			all = append(all, entry)
		}
	}
	return append(append(all, h.s.environment(h.event)...), "SLIPWAY_ROOT="+h.a.Root)
}
