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
	if ok, err := look(dir, wanted); ok || err != nil {
		return waited(n, err)
	}
	h, err := j.notices()
	if err != nil {
		return waited(n, err)
	}
	for {
		ok, err := j.waitOnce(ctx, h, dir, wanted)
		if ok || err != nil {
			return waited(n, err)
		}
	}
}

func waited(n Name, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("wait for log %s: %w", n, err)
}

// look tells whether a log is as it is wanted. One that does not exist is not.
func look(dir string, wanted func(*view) bool) (bool, error) {
	v, err := openView(dir)
	if errors.Is(err, ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer v.close()
	return wanted(v), nil
}

// waitOnce waits for one change of a log's folder, or of the nearest one above it that exists.
func (j *Journal) waitOnce(ctx context.Context, h *hub, dir string, wanted func(*view) bool) (ok bool, err error) {
	folder := j.nearest(dir)
	changed, release, err := h.watch(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it was removed in between
	}
	if err != nil {
		return false, err
	}
	defer release()
	if ok, err := look(dir, wanted); ok || err != nil {
		return ok, err
	}
	if j.nearest(dir) != folder {
		return false, nil // a folder appeared before its parent was watched
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-h.done:
		return false, fs.ErrClosed
	case <-changed:
		return look(dir, wanted)
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
