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
	room    *hostRoom
	adopted chan struct{} // closed when the process is in its control group
	// info is what bubblewrap says of the sandbox's first process; nil before the start, and without a sandbox.
	info *os.File
}

// command makes a process of the room, in a process group of its own.
func (r *hostRoom) command(argv, env []string) *process {
	argv = slices.Concat(r.prefix, argv)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Dir = r.start
	return &process{Cmd: cmd, room: r, adopted: make(chan struct{})}
}

// begin starts the process; wait must follow.
func (p *process) begin() error {
	start := p.Start
	if p.room.prefix != nil {
		start = p.startSandboxed
	}
	p.room.group.enter(p.Cmd)
	if err := start(); err != nil {
		close(p.adopted)
		return err
	}
	if !p.room.group.needsAdoption() {
		close(p.adopted)
		return nil
	}
	go func() {
		defer close(p.adopted)
		p.room.group.adopt(p.Process.Pid)
	}()
	return nil
}

// Descriptors of bubblewrap.
const (
	infoFD   = 3 + iota // to which it writes what it has started
	filterFD            // from which it reads the filter of system calls
	passwdFD
	groupFD
)

// startSandboxed starts bubblewrap with its descriptors.
func (p *process) startSandboxed() error {
	info, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	p.ExtraFiles = []*os.File{w}
	filter, err := seccompProgram()
	if err != nil {
		_ = info.Close()
		return err
	}
	for _, text := range [][]byte{filter, p.room.passwd, p.room.groups} {
		file, err := inMemory(text)
		if err != nil {
			_ = info.Close()
			return err
		}
		defer file.Close()
		p.ExtraFiles = append(p.ExtraFiles, file)
	}
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
