package runner

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
)

// process is a command in a box, with all processes that it starts.
type process struct {
	*exec.Cmd
	sandboxed bool
	group     *group
	adopted   chan struct{} // closed when the process is in its control group
	// what bubblewrap says of the sandbox's first process; nil before the start, and without a sandbox
	info *os.File
}

// command makes a command that runs in the box, in a process group of its own. env must not have anything that a build
// chose: it is the environment of programs that still have the runner's rights.
func (b *box) command(argv, env []string) *process {
	if b.sandbox != nil {
		b.once.Do(func() { b.fixed = b.arguments() })
		argv = append(append([]string{b.sandbox.bwrap}, b.fixed...), argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = "/"
	if b.sandbox == nil {
		cmd.Dir = b.hostSource()
	}
	return &process{Cmd: cmd, sandboxed: b.sandbox != nil, group: b.group}
}

// start starts the command; wait must follow.
func (p *process) start() error {
	p.adopted = make(chan struct{})
	if err := p.begin(); err != nil {
		close(p.adopted)
		return err
	}
	if !p.group.needsAdoption() {
		close(p.adopted)
		return nil
	}
	go func() {
		defer close(p.adopted)
		p.group.adopt(p.Process.Pid)
	}()
	return nil
}

func (p *process) begin() error {
	if !p.sandboxed {
		p.group.enter(p.Cmd)
		return p.Start()
	}
	info, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	p.Args = slices.Insert(p.Args, 1, "--info-fd", strconv.Itoa(3+len(p.ExtraFiles)))
	p.ExtraFiles = append(p.ExtraFiles, w)
	filter, err := seccompFile()
	if err != nil {
		_ = info.Close()
		return err
	}
	defer filter.Close()
	p.Args = slices.Insert(p.Args, 1, "--seccomp", strconv.Itoa(3+len(p.ExtraFiles)))
	p.ExtraFiles = append(p.ExtraFiles, filter)
	p.group.enter(p.Cmd)
	if err := p.Start(); err != nil {
		_ = info.Close()
		return err
	}
	p.info = info
	return nil
}

// wait waits for the command's end. When it returns, no process of a sandbox is left, not even a dead one: bubblewrap
// ends before the first process of its sandbox does, which the kernel lets end after all the others.
func (p *process) wait() error {
	<-p.adopted // its number is nobody else's until it has been waited for
	err := p.Wait()
	if p.info == nil {
		return err
	}
	defer p.info.Close()
	var first struct {
		PID int `json:"child-pid"`
	}
	if bad := json.NewDecoder(p.info).Decode(&first); bad != nil || first.PID <= 1 {
		return err // bubblewrap failed before it started one
	}
	// Orphans are this process's children (see adoptOrphans); if they are not, or bubblewrap has waited itself, this
	// returns at once.
	for {
		var status syscall.WaitStatus
		if _, bad := syscall.Wait4(first.PID, &status, 0, nil); !errors.Is(bad, syscall.EINTR) {
			return err
		}
	}
}

// kill ends the command and all processes that it started.
func (p *process) kill() {
	if p.Process != nil {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		_ = p.Process.Kill()
	}
}
