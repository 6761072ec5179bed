package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Folder keeps caches in a folder of this machine. One process may have it.
type Folder struct {
	dir string
	// allowed is how many bytes all caches together may take, asked anew each time.
	allowed func() int64

	mu    sync.Mutex
	heads map[string]*kept
	blobs map[Sum]*blob
}

// kept is a head of the folder.
type kept struct {
	*Head
	file string
	used time.Time
}

// blob is a file of the folder.
type blob struct {
	stored int64
	refs   int // heads that have it
	busy   int // sessions that need it
}

const (
	headsFolder = "heads"
	blobsFolder = "blobs"
	half        = ".half-" // begins the name of a file that is being written
)

// OpenFolder opens a folder of caches and removes what a process that was killed has left half done.
func OpenFolder(dir string, allowed func() int64) (*Folder, error) {
	f := &Folder{dir: dir, allowed: allowed, heads: map[string]*kept{}, blobs: map[Sum]*blob{}}
	for _, d := range []string{headsFolder, blobsFolder} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	if err := f.readBlobs(); err != nil {
		return nil, err
	}
	if err := f.readHeads(); err != nil {
		return nil, err
	}
	for s, b := range f.blobs {
		if b.refs == 0 {
			f.remove(s)
		}
	}
	return f, nil
}

func (f *Folder) readBlobs() error {
	return filepath.WalkDir(filepath.Join(f.dir, blobsFolder), func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		s, ok := ParseSum(d.Name())
		if !ok {
			return os.Remove(file) //nolint:gosec // the folder is the runner's own
		}
		info, err := d.Info()
		if err == nil {
			f.blobs[s] = &blob{stored: info.Size()}
		}
		return err
	})
}

func (f *Folder) readHeads() error {
	entries, err := os.ReadDir(filepath.Join(f.dir, headsFolder))
	if err != nil {
		return err
	}
	for _, e := range entries {
		file := filepath.Join(f.dir, headsFolder, e.Name())
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		h, err := Decode(text)
		info, ierr := e.Info()
		if strings.HasPrefix(e.Name(), half) || err != nil || ierr != nil || !f.complete(h) {
			if err := os.Remove(file); err != nil {
				return err
			}
			continue
		}
		f.hold(h, file, info.ModTime())
	}
	return nil
}

// complete tells whether all blobs of a head are there, with the sizes that they were written with.
func (f *Folder) complete(h *Head) bool {
	for _, b := range h.blobs() {
		if x := f.blobs[b.Sum]; x == nil || x.stored != b.Stored {
			return false
		}
	}
	return true
}

// hold notes a head.
func (f *Folder) hold(h *Head, file string, used time.Time) {
	f.heads[Name(h.Scope, h.Version, h.Key)] = &kept{h, file, used}
	for s := range h.Sums() {
		f.blobs[s].refs++
	}
}

// drop removes a head, and the blobs that no other needs.
func (f *Folder) drop(name string) error {
	k := f.heads[name]
	if err := os.Remove(k.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	delete(f.heads, name)
	for s := range k.Sums() {
		f.blobs[s].refs--
		f.unneeded(s)
	}
	return nil
}

// unneeded removes a blob that nobody needs.
func (f *Folder) unneeded(s Sum) {
	if b := f.blobs[s]; b != nil && b.refs == 0 && b.busy == 0 {
		f.remove(s)
	}
}

func (f *Folder) remove(s Sum) {
	_ = os.Remove(f.file(s))
	delete(f.blobs, s)
}

func (f *Folder) file(s Sum) string {
	name := s.String()
	return filepath.Join(f.dir, blobsFolder, name[:2], name)
}

// Used is how many bytes the caches take together.
func (f *Folder) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used()
}

func (f *Folder) used() (sum int64) {
	for _, b := range f.blobs {
		sum += b.stored
	}
	return sum
}

// Heads returns all caches with the times of their last use.
func (f *Folder) Heads() map[*Head]time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[*Head]time.Time{}
	for _, k := range f.heads {
		all[k.Head] = k.used
	}
	return all
}

// Oldest returns when the cache was used that nobody has used for longest; the zero time if there is none.
func (f *Folder) Oldest() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if name := f.oldest(""); name != "" {
		return f.heads[name].used
	}
	return time.Time{}
}

// RemoveOldest removes the cache that nobody has used for longest, and returns it.
func (f *Folder) RemoveOldest() *Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := f.oldest("")
	if name == "" {
		return nil
	}
	h := f.heads[name].Head
	if f.drop(name) != nil {
		return nil
	}
	return h
}

// oldest names the head that nobody has used for longest, but for one; "" if there is none.
func (f *Folder) oldest(but string) (name string) {
	for n, k := range f.heads {
		if n != but && (name == "" || k.used.Before(f.heads[name].used)) {
			name = n
		}
	}
	return name
}
