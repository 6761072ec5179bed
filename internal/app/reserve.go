package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// maxReserve is the size of the reserve in bytes. On a small disk the reserve is a twentieth of the disk.
const maxReserve = 64 << 20

// reserve is a file that reserves disk space for the database. While it cannot be held, builds and uploads are refused.
// If the disk is full all the same, the file is emptied, so that the server's decisions can still be committed.
type reserve struct {
	path string
	size int64
	log  *slog.Logger

	mu   sync.Mutex
	held bool
}

// newReserve takes the reserve of a data folder, if there is room for it.
func newReserve(d Data, log *slog.Logger) *reserve {
	r := &reserve{path: filepath.Join(string(d), "reserve"), size: maxReserve, log: log}
	var s unix.Statfs_t
	if unix.Statfs(string(d), &s) == nil {
		r.size = min(r.size, int64(s.Blocks)*s.Bsize/20)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	return r
}

// take allocates the file, if as much again stays free beside it.
func (r *reserve) take() {
	if r.held || r.free() < 2*r.size {
		return
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	err = unix.Fallocate(int(f.Fd()), 0, 0, r.size)
	if errors.Is(err, unix.EOPNOTSUPP) { // a file system that can't: what is free then is all there is
		err = nil
	}
	r.held = err == nil
}

// free is how much of the disk is free, in bytes.
func (r *reserve) free() int64 {
	var s unix.Statfs_t
	if unix.Statfs(filepath.Dir(r.path), &s) != nil {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}

// room returns an error if there is no room for builds and uploads. The error says what to do.
func (r *reserve) room() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.take()
	if r.held && r.free() >= r.size {
		return nil
	}
	return fmt.Errorf(
		"the server's disk is nearly full: %d MB are free below %s. Free some, or shorten what is kept with --keep",
		r.free()>>20,
		filepath.Dir(r.path),
	)
}

// release gives the reserve to the database, whose disk is full. It reports whether there was something to give.
func (r *reserve) release() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held {
		return false
	}
	r.held = false
	err := os.Truncate(r.path, 0)
	r.log.Error(
		"the disk is full: the database gets its reserve; builds and uploads wait until there is room",
		"error",
		err,
	)
	return err == nil
}
