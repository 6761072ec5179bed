package host

import (
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// markName is the variable of a room's processes that names the room's folder.
const markName = "CODEBUILD_ROOM="

func mark(dir string) string { return markName + dir }

// killLeft kills the processes of the room that left the shell's process group, and reaps them. They are found among
// the descendants of this process, which adopts orphans. In a sandbox the kernel has ended all processes already.
func (r *hostRoom) killLeft() {
	if r.mark == "" {
		return
	}
	kill(func(pid string) bool { return strings.Contains(words(pid, "environ"), "\x00"+r.mark+"\x00") }, descendants)
}

// killEverywhere kills the processes of all rooms below a folder, whoever their parent is. Those of a sandbox that was
// being made when its runner died have the folder among their arguments, and would wait for ever.
func killEverywhere(dir string) {
	kill(func(pid string) bool {
		if strings.Contains(words(pid, "environ"), "\x00"+mark(dir)+"/") {
			return true
		}
		args := words(pid, "cmdline")
		program, _, _ := strings.Cut(args[1:], "\x00")
		return path.Base(program) == "bwrap" && strings.Contains(args, "\x00"+dir+"/")
	}, allProcesses)
}

// words are the variables or the arguments of a process, with a NUL before and after each.
func words(pid, file string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/" + file) // a process that is gone has none
	return "\x00" + string(text) + "\x00"
}

// kill kills the processes among candidates that are wanted, until there are none.
func kill(wanted func(pid string) bool, candidates func() []int) {
	const tries = 20 // a process can start another while it is looked for
	for range tries {
		left := false
		for _, pid := range candidates() {
			if !wanted(strconv.Itoa(pid)) {
				continue
			}
			left = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
			reap(pid)
		}
		if !left {
			return
		}
	}
}

// reap waits until a killed process is gone, for a tenth of a second at most.
func reap(pid int) {
	const tries, pause = 100, time.Millisecond
	for range tries {
		var status syscall.WaitStatus
		done, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		if done == pid || err != nil && syscall.Kill(pid, 0) != nil {
			return // it was ours, or has gone to whoever is its parent
		}
		<-time.After(pause)
	}
}

// descendants are the processes below this one; all processes where the kernel does not tell whose child each is.
func descendants() []int {
	self := strconv.Itoa(os.Getpid())
	if _, err := os.Stat("/proc/self/task/" + self + "/children"); err != nil {
		return allProcesses()
	}
	var all []int
	var walk func(pid int)
	walk = func(pid int) {
		for _, child := range children(pid) {
			all = append(all, child)
			walk(child)
		}
	}
	walk(os.Getpid())
	return all
}

// allProcesses are the processes of this machine but for this one.
func allProcesses() (all []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != os.Getpid() {
			all = append(all, pid)
		}
	}
	return all
}

// children are the processes that a process has started and that have not ended.
func children(pid int) (all []int) {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, task := range tasks {
		text, err := os.ReadFile(dir + "/" + task.Name() + "/children")
		if err != nil {
			continue
		}
		for child := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}
