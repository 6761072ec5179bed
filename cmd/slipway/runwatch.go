package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/fsnotify/fsnotify"

	"slipway/internal/runner"
	"slipway/spec/buildspec"
)

const (
	// settle is how long the files must have been left alone: editors and Git write several at once.
	settle = 200 * time.Millisecond
	// maxEnded is how many builds in a row a file may end before it is taken for one that the build writes.
	maxEnded = 3
	// maxCompared bounds the files whose contents are compared; of larger ones size and time are.
	maxCompared = 16 << 20
)

// watch runs the build, and again whenever a file of the source changes, until ctx ends. A build that runs then is
// ended first.
func (c *runCommand) watch(ctx context.Context, config runner.LocalConfig) error {
	w, err := newSourceWatch(config.Tree, config.Buildspec)
	if err != nil {
		return err
	}
	defer func() { _ = w.notify.Close() }()
	for {
		if err := w.look(ctx); err != nil {
			return err
		}
		run, end := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- c.once(run, config) }()
		changed, over, err := w.next(ctx, done)
		if changed != "" {
			fmt.Fprintf(os.Stdout, "\n%s changed: this build is ended, and another one begins\n", changed)
			w.ended(changed)
		}
		end()
		if !over {
			err = <-done
		}
		if _, failed := errors.AsType[exitError](err); err != nil && !failed || ctx.Err() != nil {
			return err
		}
		if changed != "" {
			continue
		}
		before := w.known
		if err := w.look(ctx); err != nil { // what the build changed is no change
			return err
		}
		for name := range w.known {
			if _, had := before[name]; !had {
				w.made[name] = true
			}
		}
		fmt.Fprintf(os.Stdout, "\nWatching %s for changes; Ctrl-C ends\n", w.tree)
		if changed, _, err = w.next(ctx, nil); err != nil || changed == "" {
			return err
		}
		w.endedBy = map[string]int{}
		fmt.Fprintf(os.Stdout, "%s changed\n\n", changed)
	}
}

// sourceWatch tells which files of a working tree have changed.
type sourceWatch struct {
	tree    string
	results []string // patterns of what builds put out
	notify  *fsnotify.Watcher
	folders map[string]bool
	known   map[string]fileState
	made    map[string]bool // files that appeared while a build ran
	endedBy map[string]int  // how many builds in a row each file has ended
}

// fileState is what a file was when it was looked at.
type fileState struct {
	size    int64
	changed time.Time
	inode   uint64
	sum     [sha256.Size]byte
}

func newSourceWatch(tree, spec string) (*sourceWatch, error) {
	tree, err := filepath.Abs(tree)
	if err != nil {
		return nil, err
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", tree, err)
	}
	return &sourceWatch{
		tree: tree, notify: notify, results: resultsOf(tree, spec), folders: map[string]bool{}, made: map[string]bool{},
		endedBy: map[string]int{},
	}, nil
}

// resultsOf are the patterns of artifacts, reports and caches. One that takes in the whole source is none.
func resultsOf(tree, name string) (all []string) {
	if name == "" {
		name = "buildspec.yml"
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(tree, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil // the build says so
	}
	s, err := buildspec.Parse(name, text)
	if err != nil {
		return nil
	}
	add := func(base string, files []string) {
		for _, f := range files {
			p := strings.TrimPrefix(path.Join(base, f), "./")
			if strings.Trim(p, "*/.") != "" && doublestar.ValidatePattern(p) {
				all = append(all, p)
			}
		}
	}
	if a := s.Artifacts; a != nil {
		for _, x := range append([]buildspec.Artifact{a.Artifact}, a.Secondary...) {
			add(x.BaseDirectory, x.Files)
		}
	}
	for _, r := range s.Reports {
		add(r.BaseDirectory, r.Files)
	}
	if s.Cache != nil {
		add("", s.Cache.Paths)
	}
	return all
}

// look takes the files as they are now, and watches their folders.
func (w *sourceWatch) look(ctx context.Context) error {
	files, err := sourceFiles(ctx, w.tree)
	if err != nil {
		return err
	}
	before := w.known
	w.known = make(map[string]fileState, len(files))
	for _, name := range files {
		if w.put(name) {
			continue
		}
		now, err := w.state(name, before[name])
		if err != nil {
			continue // it is gone
		}
		w.known[name] = now
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			if err := w.follow(dir); err != nil {
				return err
			}
			if dir == "." {
				break
			}
		}
	}
	return w.follow(".")
}

// put tells whether a build puts out a file of this name.
func (w *sourceWatch) put(name string) bool {
	return slices.ContainsFunc(w.results, func(p string) bool { return doublestar.MatchUnvalidated(p, name) })
}

// follow watches a folder of the tree.
func (w *sourceWatch) follow(dir string) error {
	if w.folders[dir] {
		return nil
	}
	err := w.notify.Add(filepath.Join(w.tree, dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s has more folders than this user may watch: raise fs.inotify.max_user_watches (sysctl)",
			w.tree)
	case err != nil:
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	w.folders[dir] = true
	return nil
}

// state looks at a file. What it was before saves reading it once more.
func (w *sourceWatch) state(name string, before fileState) (fileState, error) {
	file := filepath.Join(w.tree, name)
	info, err := os.Lstat(file)
	if err != nil {
		return fileState{}, err
	}
	now := fileState{size: info.Size(), changed: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		now.inode = st.Ino
	}
	same := now
	same.sum = before.sum
	if same == before {
		return before, nil
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(file)
		now.sum = sha256.Sum256([]byte(target))
		return now, err
	case !info.Mode().IsRegular() || info.Size() > maxCompared:
		now.sum = sha256.Sum256(fmt.Append(nil, now.size, now.changed.UnixNano()))
		return now, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return now, err
	}
	defer f.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, io.LimitReader(f, maxCompared))
	sum.Sum(now.sum[:0])
	return now, err
}

// next returns the first file that has changed, "" once ctx or the build has ended. If the build is over, err is its
// own. While a build runs (done is not nil) files that are new are its own.
func (w *sourceWatch) next(ctx context.Context, done <-chan error) (changed string, over bool, err error) {
	touched := map[string]bool{}
	quiet := time.NewTimer(settle)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case err := <-done:
			return w.changed(ctx, touched, true), true, err // what changed as it ended is not lost
		case <-ctx.Done():
			return "", false, nil
		case err := <-w.notify.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return "", false, fmt.Errorf("watch %s: %w", w.tree, err)
			}
			for name := range w.known { // some events are lost
				touched[name] = true
			}
			quiet.Reset(settle)
		case e := <-w.notify.Events:
			name, err := filepath.Rel(w.tree, e.Name)
			if err == nil && !e.Has(fsnotify.Chmod) {
				touched[name] = true
				quiet.Reset(settle)
			}
		case <-quiet.C:
			if name := w.changed(ctx, touched, done != nil); name != "" {
				return name, false, nil
			}
			clear(touched)
		}
	}
}

// changed returns the first of the touched files whose content is another one now.
func (w *sourceWatch) changed(ctx context.Context, touched map[string]bool, building bool) string {
	fresh := false
	for name := range touched {
		was, known := w.known[name]
		if !known {
			fresh = true
			continue
		}
		if building && (w.made[name] || w.endedBy[name] >= maxEnded) {
			continue
		}
		if now, err := w.state(name, was); err != nil || now.sum != was.sum {
			return name
		}
	}
	if !fresh || building {
		return ""
	}
	before := w.known
	if err := w.look(ctx); err != nil { // Git knows which of the new ones are ignored
		return ""
	}
	for name := range w.known {
		if _, had := before[name]; !had {
			return name
		}
	}
	return ""
}

// ended notes which file ended a build.
func (w *sourceWatch) ended(name string) {
	w.endedBy = map[string]int{name: w.endedBy[name] + 1}
	if w.endedBy[name] == maxEnded {
		fmt.Fprintf(os.Stdout, "%s changed in %d builds in a row. The build may write it itself: it is looked at only "+
			"between builds from now on\n", name, maxEnded)
	}
}
