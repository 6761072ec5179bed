// Package spectest is what tests of the readers of file formats share.
package spectest

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// times is by how much the large input is larger than the small one.
	times = 10
	// most is by how much it may cost more. What is quadratic costs times² = 100 times as much.
	most = 40
	// noise is added for what is too short to be measured.
	noise = 2 * time.Millisecond
)

// Linear fails a test if ten times the input costs more than forty times as much. work makes input of a size, and
// returns what is to be done with it. The processor's time of the thread counts, so that other work on the machine does
// not.
func Linear(t testing.TB, size int, work func(size int) func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	small, large := cost(t, work(size)), cost(t, work(times*size))
	if large > most*(small+noise) {
		t.Errorf("input of the size %d takes %s, of %d it takes %s", size, small, times*size, large)
	}
}

// cost is the least of three runs.
func cost(t testing.TB, do func()) time.Duration {
	best := time.Duration(1 << 62)
	for range 3 {
		before := spent(t)
		do()
		best = min(best, spent(t)-before)
	}
	return best
}

// spent is the time that the processor has given to this thread.
func spent(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
