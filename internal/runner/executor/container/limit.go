package container

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// limitsOf are the limits of a container. What the machine does not have is not asked for.
func limitsOf(l room.Limits) limits {
	r := limits{Memory: memory(l), PidsLimit: int64(l.Processes), CpuShares: int64(1024 * l.CPUWeight / 100)}
	r.MemorySwap = r.Memory // no swap besides
	if l.CPUs > 0 && l.CPUs < runtime.NumCPU() {
		r.NanoCpus = int64(l.CPUs) * 1e9
	}
	return r
}

// memory is the limit of memory in bytes, 0 for none.
func memory(l room.Limits) int64 {
	limit := l.Memory
	var info unix.Sysinfo_t
	if l.MemoryPercent > 0 && unix.Sysinfo(&info) == nil {
		part := int64(info.Totalram) * int64(info.Unit) / 100 * int64(l.MemoryPercent)
		if limit == 0 || part < limit {
			limit = part
		}
	}
	return limit
}

// oomCounter is the file that counts how often the kernel killed a process of the container that a process is the first
// of, since there was no memory left; "" if this machine shows none.
func oomCounter(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	const groups = "/sys/fs/cgroup"
	for line := range strings.Lines(string(text)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		file := ""
		switch {
		case slices.Contains(strings.Split(f[1], ","), "memory"):
			file = filepath.Join(groups, f[1], f[2], "memory.oom_control")
		case f[1] == "":
			file = filepath.Join(groups, f[2], "memory.events")
		}
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// exhausted tells whether a counter of oomCounter has counted.
func exhausted(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if name, count, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == "oom_kill" {
			return count != "0"
		}
	}
	return false
}
