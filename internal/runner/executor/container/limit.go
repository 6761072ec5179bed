package container

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// resources are the limits of a container. What the machine does not have is not asked for.
func resources(l room.Limits) container.Resources {
	var r container.Resources
	if r.Memory = memory(l); r.Memory > 0 {
		r.MemorySwap = r.Memory // no swap besides
	}
	if l.CPUs > 0 && l.CPUs < runtime.NumCPU() {
		r.NanoCPUs = int64(l.CPUs) * 1e9
	}
	if l.Processes > 0 {
		r.PidsLimit = new(int64(l.Processes))
	}
	if l.CPUWeight > 0 {
		r.CPUShares = int64(1024 * l.CPUWeight / 100)
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
