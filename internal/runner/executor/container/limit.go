package container

import (
	"runtime"

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
