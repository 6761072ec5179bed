package container

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// killTries and killPause bound how long it is looked whether they are gone.
	killTries, killPause = 2000, time.Millisecond
)

// killAll kills all processes of the container but its first, and returns when they are gone. While there are several
// the container is paused, so that none starts others meanwhile; what is left of them counts against the limits until
// the container is started anew, which is done when it is used again. A container that cannot be cleared is killed.
func (r *containerRoom) killAll(ctx context.Context) {
	if r.killOnce() <= 1 && r.killOnce() == 0 && r.killOnce() == 0 {
		return // there was nothing but the shell
	}
	r.littered.Store(true)
	if r.engine.api.post(ctx, "/containers/"+r.id+"/pause") == nil {
		r.killOnce()
		_ = r.engine.api.post(ctx, "/containers/"+r.id+"/unpause")
	}
	for range killTries {
		if r.killOnce() == 0 {
			return
		}
		<-time.After(killPause)
	}
	_ = r.engine.api.post(ctx, "/containers/"+r.id+"/kill?signal=KILL")
	<-r.dead
}

// killOnce kills the processes that the container has besides its first, and returns how many there were.
func (r *containerRoom) killOnce() (count int) {
	for _, pid := range r.processes() {
		if pid != r.pid {
			count++
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return count
}

// processes are those of the container, as this machine numbers them: those of its namespace and of its control groups,
// in which also a privileged container's own containers are.
func (r *containerRoom) processes() (all []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	const namespace = "/proc/%d/ns/pid"
	ours, err := os.Readlink(fmt.Sprintf(namespace, r.pid))
	if err != nil {
		return nil // it has ended, and all others with it
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		its, _ := os.Readlink(fmt.Sprintf(namespace, pid)) // a process that is gone has none
		if its == "" || its != ours && !r.inGroup(pid) {
			continue
		}
		if runs(pid) {
			all = append(all, pid)
		}
	}
	return all
}

// runs tells whether a process has not ended. The container's first process reaps those that have, when it next waits
// for a shell.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	name := strings.LastIndexByte(string(text), ')') // the program's name may have spaces and brackets
	return len(text) > name+2 && text[name+2] != 'Z'
}

// inGroup tells whether a process is in one of the container's control groups.
func (r *containerRoom) inGroup(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	return strings.Contains(string(text), r.id)
}
