package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Wait returns when the log has more than after lines, or is complete. It also waits for a log that does not exist yet.
// The kernel tells it of changes, also those of other processes.
func (j *Journal) Wait(ctx context.Context, n Name, after int64) error {
	return j.wait(ctx, n, func(v *view) bool { return v.complete || v.total > after })
}

// wait returns when a log is as it is wanted.
func (j *Journal) wait(ctx context.Context, n Name, wanted func(*view) bool) error {
	dir, err := j.path(n)
	if err != nil {
		return err
	}
	ready := func() (bool, error) {
		v, err := openView(dir)
		if errors.Is(err, ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, fmt.Errorf("wait for log %s: %w", n, err)
		}
		defer v.close()
		return wanted(v), nil
	}
	if ok, err := ready(); ok || err != nil {
		return err
	}
	h, err := j.notices()
	if err != nil {
		return fmt.Errorf("wait for log %s: %w", n, err)
	}
	for {
		folder := j.nearest(dir)
		changed, release, err := h.watch(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was removed in between
		} else if err != nil {
			return fmt.Errorf("wait for log %s: %w", n, err)
		}
		ok, err := ready()
		if !ok && err == nil && j.nearest(dir) != folder {
			release() // a folder appeared before its parent was watched
			continue
		}
		if !ok && err == nil {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-h.done:
				err = fs.ErrClosed
			case <-changed:
				ok, err = ready()
			}
		}
		release()
		if ok || err != nil {
			return err
		}
	}
}

// nearest is dir, or the nearest folder above it that exists.
func (j *Journal) nearest(dir string) string {
	for dir != j.dir {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

func (j *Journal) notices() (*hub, error) {
	j.watch.Lock()
	defer j.watch.Unlock()
	if j.hub == nil {
		w, err := fsnotify.NewWatcher()
		if err != nil {
			return nil, err
		}
		j.hub = &hub{watcher: w, folders: map[string]*folder{}, done: make(chan struct{})}
		go j.hub.run()
	}
	return j.hub, nil
}

// hub shares one of the kernel's few watchers among all that wait.
type hub struct {
	watcher *fsnotify.Watcher
	done    chan struct{}
	mu      sync.Mutex
	folders map[string]*folder
}

type folder struct {
	waiting int
	changed chan struct{} // closed and replaced at each change
}

func (h *hub) run() {
	defer close(h.done)
	wake := func(f *folder) {
		close(f.changed)
		f.changed = make(chan struct{})
	}
	for {
		select {
		case e, ok := <-h.watcher.Events:
			if !ok {
				return
			}
			h.mu.Lock()
			for _, name := range []string{filepath.Dir(e.Name), e.Name} {
				if f := h.folders[name]; f != nil {
					wake(f)
				}
			}
			h.mu.Unlock()
		case _, ok := <-h.watcher.Errors:
			if !ok {
				return
			}
			// Events were lost: all look again.
			h.mu.Lock()
			for _, f := range h.folders {
				wake(f)
			}
			h.mu.Unlock()
		}
	}
}

// watch returns a channel that is closed when something in a folder changes after the call.
func (h *hub) watch(path string) (<-chan struct{}, func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.folders[path]
	if f == nil {
		if err := h.watcher.Add(path); err != nil {
			return nil, nil, err
		}
		f = &folder{changed: make(chan struct{})}
		h.folders[path] = f
	}
	f.waiting++
	return f.changed, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if f.waiting--; f.waiting == 0 {
			delete(h.folders, path)
			_ = h.watcher.Remove(path)
		}
	}, nil
}

func (h *hub) close() error {
	err := h.watcher.Close()
	<-h.done
	return err
}
