package main

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// keepDescriptors marks inherited file descriptors above the standard three as close-on-exec. A build or a script of a
// deployment must not read files that the starter of Slipway had open. Descriptors that are passed to a process on
// purpose are not affected.
func keepDescriptors() {
	if unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	entries, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		return
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
