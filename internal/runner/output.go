package runner

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// pipeSize is how much a pipe holds, so that a build that writes much is not slowed; 1 MiB is what the kernel allows
// anyone.
const pipeSize = 1 << 20

// output is the pipe that the commands write to, and its way into the log.
type output struct {
	write *os.File // the commands' end
	read  *os.File
	log   *logbook
	mu    sync.Mutex // held from reading to writing, so that flush sees all that was read
	ended chan struct{}
	buf   []byte
}

func newOutput(log *logbook) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{write: w, read: r, log: log, ended: make(chan struct{}), buf: make([]byte, 256<<10)}
	raw, err := r.SyscallConn()
	if err != nil {
		_, _ = r.Close(), w.Close()
		return nil, err
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	go func() {
		defer close(o.ended)
		end := false
		for !end {
			if err := raw.Read(func(fd uintptr) bool {
				n, err := o.take(int(fd), len(o.buf))
				end = n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
				return !errors.Is(err, unix.EAGAIN)
			}); err != nil {
				return
			}
		}
	}()
	return o, nil
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
	_ = o.write.Close()
	o.flush()
	_ = o.read.Close()
	<-o.ended
}
