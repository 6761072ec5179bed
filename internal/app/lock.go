package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// holder is the process that holds a lock, as written in the lock's file.
type holder struct {
	PID    int    `json:"pid"`
	Listen string `json:"listen,omitempty"`
}

// ErrLocked says that a living process holds a lock.
var ErrLocked = errors.New("another process holds the lock")

// Lock is held until its process ends. The kernel then releases it.
type Lock struct{ f *os.File }

// lockPatience is how long Lock waits for a lock that no living process seems to hold. Another process may be checking
// the lock, or the kernel has not yet ended its holder.
const lockPatience = 2 * time.Second

// Lock takes the lock of a name in a data folder, and writes who holds it. If a living process holds it, the error is
// ErrLocked.
func (d Data) Lock(name, listen string) (*Lock, error) {
	f, err := os.OpenFile(d.lock(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := d.take(f, name); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			h, _ := d.holder(name)
			return nil, fmt.Errorf("%s %s (process %d): %w", d, name, h.PID, ErrLocked)
		}
		return nil, err
	}
	text, err := json.Marshal(holder{os.Getpid(), listen})
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Lock{f}, nil
}

// take locks the file of a lock.
func (d Data) take(f *os.File, name string) error {
	for over := time.After(lockPatience); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if h, _ := d.holder(name); h.PID > 0 && syscall.Kill(h.PID, 0) == nil {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-over:
			return err
		}
	}
}

// lockServer takes the lock of a server. On SQLite a folder has one server. On PostgreSQL it may have several, which
// listen at different addresses. The locks of all but the first have the address in their names.
func (d Data) lockServer(listen string, shared bool) (*Lock, error) {
	lock, err := d.Lock("server", listen)
	if h, _ := d.holder("server"); !errors.Is(err, ErrLocked) || !shared || h.Listen == listen {
		return lock, err
	}
	return d.Lock("server-"+strings.NewReplacer(":", "_", "/", "_").Replace(listen), listen)
}

// Release gives the lock up.
func (l *Lock) Release() { _ = l.f.Close() }

// holder reads the holder of a lock, which may have ended.
func (d Data) holder(name string) (holder, error) {
	var h holder
	text, err := os.ReadFile(d.lock(name))
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(text, &h)
}

// held returns the present holder of a lock. It returns false if there is none.
func (d Data) held(name string) (h holder, ok bool) {
	f, err := os.OpenFile(d.lock(name), os.O_RDWR, 0o600)
	if err != nil {
		return h, false
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == nil {
		return h, false
	}
	h, err = d.holder(name)
	return h, err == nil && h.PID > 0
}

// released waits until the lock is free. If ctx ends first, the goroutine that waits in the kernel is left behind.
func (d Data) released(ctx context.Context, name string) error {
	f, err := os.OpenFile(d.lock(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH)
		_ = f.Close()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
