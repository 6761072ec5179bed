package runner

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// sink takes what is read of a pipe. Parts end anywhere, and are not kept.
type sink interface{ output(p []byte) }

// output is the way from a room's pipe into the log.
type output struct {
	read  *os.File
	log   sink
	mu    sync.Mutex // held from reading to writing, so that flush sees all that was read
	ended chan struct{}
	buf   []byte
}

// newOutput reads a pipe into a log until close, which closes the pipe.
func newOutput(read *os.File, log sink) *output {
	o := &output{read: read, log: log, ended: make(chan struct{}), buf: make([]byte, 256<<10)}
	go o.follow()
	return o
}

func (o *output) follow() {
	defer close(o.ended)
	raw, err := o.read.SyscallConn()
	for end := false; !end && err == nil; {
		err = raw.Read(func(fd uintptr) bool {
			n, err := o.take(int(fd), len(o.buf))
			end = n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
			return !errors.Is(err, unix.EAGAIN)
		})
	}
}

func (o *output) take(fd, limit int) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := unix.Read(fd, o.buf[:min(limit, len(o.buf))])
	if n > 0 {
		o.log.output(o.buf[:n])
	}
	return max(n, 0), err
}

// flush brings into the log what had been written before it was called.
func (o *output) flush() {
	raw, err := o.read.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		o.mu.Lock()
		waiting, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		o.mu.Unlock()
		for err == nil && waiting > 0 {
			var n int
			if n, err = o.take(int(fd), waiting); n == 0 {
				return
			}
			waiting -= n
		}
	})
}

// close ends the output; processes that still write to it get SIGPIPE.
func (o *output) close() {
	o.flush()
	_ = o.read.Close()
	<-o.ended
}
