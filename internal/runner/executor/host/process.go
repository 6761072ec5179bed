package host

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
)

// process is a program in a room, with all processes that it starts.
type process struct {
	*exec.Cmd
	sandboxed bool
	group     *group
	adopted   chan struct{} // closed when the process is in its control group
	// what bubblewrap says of the sandbox's first process; nil before the start, and without a sandbox
	info *os.File
}

// command makes a process of the room, in a process group of its own.
func (r *hostRoom) command(argv, env []string) *process {
	argv = slices.Concat(r.prefix, argv)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = r.start
	return &process{Cmd: cmd, sandboxed: r.prefix != nil, group: r.group, adopted: make(chan struct{})}
}

// begin starts the process; wait must follow.
func (p *process) begin() error {
	start := p.Start
	if p.sandboxed {
		start = p.startFiltered
	}
	p.group.enter(p.Cmd)
	if err := start(); err != nil {
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

// startFiltered starts bubblewrap with the filter of system calls and a pipe for what it says of the sandbox.
func (p *process) startFiltered() error {
	info, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	filter, err := seccompFile()
	if err != nil {
		_ = info.Close()
		return err
	}
	defer filter.Close()
	infoFD, filterFD := 3+len(p.ExtraFiles), 4+len(p.ExtraFiles)
	p.ExtraFiles = append(p.ExtraFiles, w, filter)
	p.Args = slices.Insert(p.Args, 1, "--info-fd", strconv.Itoa(infoFD), "--seccomp", strconv.Itoa(filterFD))
	if err := p.Start(); err != nil {
		_ = info.Close()
		return err
	}
	p.info = info
	return nil
}

// wait waits for the process's end. When it returns, no process of a sandbox is left, not even a dead one: bubblewrap
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

// kill ends the process and all that it started.
func (p *process) kill() {
	if p.Process != nil {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		_ = p.Process.Kill()
	}
}
