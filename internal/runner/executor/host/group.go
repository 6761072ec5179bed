package host

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// group is a build's control group: one folder in version 2, one a controller in version 1. The zero group bounds
// nothing.
type group struct {
	dirs   []string
	folder *os.File // of version 2: a process can be started in it
	memory string   // the file that counts how often memory ran out, "" for none
	limit  int64    // of memory, in bytes
}

// controls are the files of a build's limits, for both versions, by controller.
func controls(memory int64, l room.Limits) map[string][2][2]string {
	files := map[string][2][2]string{}
	if l.MemoryPercent > 0 {
		bytes := strconv.FormatInt(memory, 10)
		files["memory"] = [2][2]string{{"memory.limit_in_bytes", bytes}, {"memory.max", bytes}}
	}
	if l.Processes > 0 {
		number := strconv.Itoa(l.Processes)
		files["pids"] = [2][2]string{{"pids.max", number}, {"pids.max", number}}
	}
	if l.CPUWeight > 0 {
		shares := strconv.Itoa(1024 * l.CPUWeight / 100)
		files["cpu"] = [2][2]string{{"cpu.shares", shares}, {"cpu.weight", strconv.Itoa(l.CPUWeight)}}
	}
	return files
}

// newGroup makes a control group for a build below the runner's own. What the kernel does not give is left out: a
// container or an ordinary user often has none.
func newGroup(name string, l room.Limits) *group {
	g := &group{}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return g
	}
	g.limit = int64(info.Totalram) * int64(info.Unit) / 100 * int64(l.MemoryPercent)
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return g
	}
	wanted := controls(g.limit, l)
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		if f[1] == "" {
			g.makeV2(f[2], name, wanted)
			continue
		}
		for controller := range strings.SplitSeq(f[1], ",") {
			// Each controller costs a build some milliseconds in version 1, and the weight is the least of them.
			if files, ok := wanted[controller]; ok && controller != "cpu" {
				g.makeV1(controller, f[1], f[2], name, files[0])
			}
		}
	}
	return g
}

// makeV1 makes the group of one controller of version 1.
func (g *group) makeV1(controller, mount, own, name string, file [2]string) {
	root := filepath.Join("/sys/fs/cgroup", mount)
	if _, err := os.Stat(filepath.Join(root, own)); err != nil {
		own = "/" // a container sees its own group as the root
	}
	dir := filepath.Join(root, own, name)
	if os.Mkdir(dir, 0o755) != nil {
		return
	}
	if os.WriteFile(filepath.Join(dir, file[0]), []byte(file[1]), 0o644) != nil {
		_ = os.Remove(dir)
		return
	}
	g.dirs = append(g.dirs, dir)
	if controller == "memory" {
		g.memory = filepath.Join(dir, "memory.oom_control")
	}
}

// makeV2 makes the group of version 2, if the group that the runner is in hands a controller down.
func (g *group) makeV2(own, name string, wanted map[string][2][2]string) {
	parent := filepath.Join("/sys/fs/cgroup", own)
	handed, err := os.ReadFile(filepath.Join(parent, "cgroup.subtree_control"))
	if err != nil || strings.TrimSpace(string(handed)) == "" {
		return
	}
	dir := filepath.Join(parent, name)
	if os.Mkdir(dir, 0o755) != nil {
		return
	}
	set := false
	for controller := range strings.FieldsSeq(string(handed)) {
		if files, ok := wanted[controller]; ok {
			set = os.WriteFile(filepath.Join(dir, files[1][0]), []byte(files[1][1]), 0o644) == nil || set
		}
	}
	if !set {
		_ = os.Remove(dir)
		return
	}
	folder, err := os.Open(dir)
	if err != nil {
		_ = os.Remove(dir)
		return
	}
	g.dirs, g.folder, g.memory = append(g.dirs, dir), folder, filepath.Join(dir, "memory.events")
}

// enter lets a command begin in the group where the kernel can start it there (version 2).
func (g *group) enter(cmd *exec.Cmd) {
	if g.folder != nil {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(g.folder.Fd())
	}
}

// adopt moves a process that has just begun, and those that it has started since, into the groups of version 1. A
// process that is started after its parent was moved is in the group already, so that one pass finds all. The kernel
// takes some 15 ms for the first of a while, which is why the process does not do it itself, before it begins.
func (g *group) adopt(pid int) {
	for _, dir := range g.dirs {
		if g.folder == nil || dir != g.folder.Name() {
			_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644)
		}
	}
	for _, child := range children(pid) {
		g.adopt(child)
	}
}

// needsAdoption tells whether there are groups of version 1.
func (g *group) needsAdoption() bool {
	return g.folder == nil && len(g.dirs) > 0 || len(g.dirs) > 1
}

// exhausted tells whether the kernel has killed a process of the group since it had no memory left.
func (g *group) exhausted() bool {
	if g.memory == "" {
		return false
	}
	text, err := os.ReadFile(g.memory)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if name, count, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == "oom_kill" && count != "0" {
			return true
		}
	}
	return false
}

// remove removes the group once its processes are gone; those that are left are killed.
func (g *group) remove() {
	if g.folder != nil {
		defer g.folder.Close()
	}
	for _, dir := range g.dirs {
		for range 100 {
			err := os.Remove(dir)
			if err == nil || os.IsNotExist(err) {
				break
			}
			g.kill(dir)
			<-time.After(5 * time.Millisecond) // the kernel needs a moment to take them down
		}
	}
}

func (g *group) kill(dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return
	}
	for pid := range strings.FieldsSeq(string(text)) {
		if n, err := strconv.Atoi(pid); err == nil && n > 1 && n != os.Getpid() {
			_ = syscall.Kill(n, syscall.SIGKILL)
		}
	}
}

// groupsOf is how the names of the groups begin whose rooms lie in a folder: several runners share a machine.
func groupsOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "slipway-" + hex.EncodeToString(sum[:6]) + "-"
}

// removeGroups removes the groups that a runner whose rooms lie in dir has left when it was killed.
func removeGroups(dir string) {
	for _, above := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/*/*/"} {
		left, _ := filepath.Glob(above + groupsOf(dir) + "*")
		for _, dir := range left {
			if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink == 0 {
				_ = os.Remove(dir) // it fails for one that has processes
			}
		}
	}
}
