package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"slipway/internal/runner/cache"
	"slipway/internal/runner/room"
)

// Bounds of what a runner keeps in local caches.
const (
	// DefaultCacheSize is how much the caches of all projects may hold, in bytes; on a small disk it is a tenth of it.
	DefaultCacheSize = 10 << 30
	// maxCachedFiles is how many files and folders one project's cache may hold.
	maxCachedFiles = 1_000_000
)

// Names in the folder of the caches. A project's folder is named after the hash of its ARN.
const (
	cacheRecordFile = "record.json"
	cacheBootFile   = "boot"
	cacheTrash      = "trash-"
	cacheStored     = "stored"  // the folder of the caches that go by a key
	cacheSources    = "sources" // the folder of what is kept of Git repositories
)

// cacheStore keeps the directories that the builds of a project hand on to the next build of that project on this
// runner: CodeBuild's local custom cache. A directory is in the store, or in the workspace of one build: it is renamed
// from one to the other, never copied. So a crash loses the cache of a project that builds, and nothing else.
type cacheStore struct {
	dir   string
	limit int64 // bytes of all projects together

	// stored has the caches that go by a key. It has locks of its own.
	stored *cache.Folder

	mu       sync.Mutex
	held     map[string]bool         // by key: a build has the project's cache
	projects map[string]*cacheRecord // by key
	removing sync.WaitGroup
}

// cacheRecord says what the store has of a project. Its file is missing while a build has the cache.
type cacheRecord struct {
	Project string            `json:"project"` // ARN
	Build   string            `json:"build"`   // ID of the build that left it
	Name    string            `json:"name"`    // of that build's project
	Number  int64             `json:"number"`  // of that build
	AsOf    int64             `json:"asOf"`    // when that build was submitted, in milliseconds since 1970
	Kept    time.Time         `json:"kept"`
	User    int               `json:"user"` // owner of the files, -1 for the runner's own user
	Size    int64             `json:"size"` // bytes on disk
	Paths   map[string]string `json:"paths"`
}

// openCaches opens the store in a folder and removes what a runner that was killed has left half done. After a crash of
// the machine the store is emptied: files whose names had reached the disk may not have their contents.
func openCaches(dir string, limit int64) (*cacheStore, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &cacheStore{dir: dir, limit: limit, held: map[string]bool{}, projects: map[string]*cacheRecord{}}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte(uuid.NewString()) // it cannot be told whether the machine crashed
	}
	last, err := os.ReadFile(filepath.Join(dir, cacheBootFile))
	crashed := err == nil && string(last) != string(boot)
	if err := writeDurably(filepath.Join(dir, cacheBootFile), boot); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == cacheStored || e.Name() == cacheSources {
			continue
		}
		r := readCacheRecord(filepath.Join(dir, e.Name()))
		if crashed || r == nil || strings.HasPrefix(e.Name(), cacheTrash) {
			c.discard(filepath.Join(dir, e.Name()))
			continue
		}
		c.projects[e.Name()] = r
	}
	c.stored, err = cache.OpenFolder(filepath.Join(dir, cacheStored), c.room)
	return c, err
}

// close makes the store durable, so that it is used after the machine has been started anew.
func (c *cacheStore) close() {
	f, err := os.Open(c.dir)
	if err != nil {
		return
	}
	defer f.Close()
	if unix.Syncfs(int(f.Fd())) == nil {
		_ = os.Remove(filepath.Join(c.dir, cacheBootFile))
	}
}

// writeDurably writes a file that is there after a crash of the machine once this returns.
func writeDurably(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

func readCacheRecord(dir string) *cacheRecord {
	text, err := os.ReadFile(filepath.Join(dir, cacheRecordFile))
	if err != nil {
		return nil
	}
	var r cacheRecord
	if json.Unmarshal(text, &r) != nil {
		return nil
	}
	return &r
}

// cacheKey names a project's folder, or a directory's folder in it.
func cacheKey(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// take lends the cache of a project to a build, with the record of what it holds, nil for nothing. It returns no cache
// if another build has it.
func (c *cacheStore) take(project string) (*heldCache, *cacheRecord, error) {
	key := cacheKey(project)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[key] {
		return nil, nil, nil
	}
	h := &heldCache{store: c, key: key, project: project, dir: filepath.Join(c.dir, key)}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, nil, err
	}
	// From here to the next record the folder is worth nothing after a crash.
	if err := os.Remove(filepath.Join(h.dir, cacheRecordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	c.held[key] = true
	r := c.projects[key]
	delete(c.projects, key)
	return h, r, nil
}

// heldCache is the cache of a project while a build has it.
type heldCache struct {
	store        *cacheStore
	key, project string
	dir          string
}

// give returns the cache to the store with a record of what is in its folder. It returns the reason why nothing was
// kept, or "", and what was removed to make room.
func (h *heldCache) give(r *cacheRecord) (reason string, gone []evicted, err error) {
	h.clear(r)
	size, files := sizeOf(h.dir)
	r.Size, r.Project = size, h.project
	c := h.store
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, h.key)
	allowed := c.allowed(size + c.stored.Used())
	switch {
	case len(r.Paths) == 0:
		c.discard(h.dir)
		return "", nil, nil
	case files > maxCachedFiles:
		c.discard(h.dir)
		return fmt.Sprintf("it has more than %d files", maxCachedFiles), nil, nil
	case size > allowed:
		c.discard(h.dir)
		return fmt.Sprintf("it takes %s of disk; there is room for %s", bytesText(size),
			bytesText(max(allowed, 0))), nil, nil
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(filepath.Join(h.dir, cacheRecordFile), text, 0o600)
	}
	if err != nil {
		c.discard(h.dir)
		return "", nil, err
	}
	c.projects[h.key] = r
	return "", c.evict(allowed), nil
}

// clear removes from the project's folder what the record does not name: directories that the last build did not leave.
func (h *heldCache) clear(r *cacheRecord) {
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if _, kept := r.Paths[e.Name()]; !kept {
			h.store.discard(filepath.Join(h.dir, e.Name()))
		}
	}
}

// room is how many bytes the caches of all projects may have on disk: no more than the limit, a tenth of the disk, and
// what leaves the disk's reserve free twice over.
func (c *cacheStore) room() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.allowed(c.stored.Used())
}

// allowed is the same, with size bytes in the folder that the records do not count.
func (c *cacheStore) allowed(size int64) int64 {
	var st unix.Statfs_t
	if unix.Statfs(c.dir, &st) != nil {
		return c.limit
	}
	disk, free := int64(st.Blocks)*st.Bsize, int64(st.Bavail)*st.Bsize
	return min(c.limit, disk/10, c.total()+size+free-2*min(maxReserve, disk/20))
}

func (c *cacheStore) total() (sum int64) {
	for _, r := range c.projects {
		sum += r.Size
	}
	return sum
}

// evict removes those caches, of whatever kind, that nobody has used for longest, until the rest has no more than
// allowed. It returns what it removed.
func (c *cacheStore) evict(allowed int64) (gone []evicted) {
	for c.total()+c.stored.Used() > allowed {
		oldest := ""
		for key, r := range c.projects {
			if oldest == "" || r.Kept.Before(c.projects[oldest].Kept) {
				oldest = key
			}
		}
		keyed := c.stored.Oldest()
		if oldest == "" || !keyed.IsZero() && keyed.Before(c.projects[oldest].Kept) {
			h := c.stored.RemoveOldest()
			if h == nil {
				break // what is left is in use
			}
			gone = append(gone, evicted{h, keyed})
			continue
		}
		r := c.projects[oldest]
		delete(c.projects, oldest)
		c.discard(filepath.Join(c.dir, oldest))
		gone = append(gone, evicted{r.head(), r.Kept})
	}
	return gone
}

// evicted is a cache that was removed to make room, with the time of its last use.
type evicted struct {
	*cache.Head
	used time.Time
}

// makeRoom removes what is too much after a cache that goes by a key was saved.
func (c *cacheStore) makeRoom() []evicted {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.evict(c.allowed(c.stored.Used()))
}

// head describes the cache of a project that goes by no key.
func (r *cacheRecord) head() *cache.Head {
	h := &cache.Head{Scope: r.Project, Build: r.Build, Number: r.Number, Project: r.Name, Saved: r.Kept, Size: r.Size}
	h.Dirs = slices.Sorted(maps.Values(r.Paths))
	return h
}

// discard takes a folder out of the store at once, and removes it in its own time.
func (c *cacheStore) discard(dir string) {
	trash := filepath.Join(c.dir, cacheTrash+uuid.NewString())
	if os.Rename(dir, trash) != nil {
		trash = dir
	}
	c.removing.Go(func() { _ = room.RemoveAll(trash) })
}

// sizeOf is what the files below a folder take on disk, in bytes, and their number. It stops counting above
// maxCachedFiles.
func sizeOf(dir string) (size int64, files int) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read counts for nothing
		}
		if files++; files > maxCachedFiles {
			return fs.SkipAll
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				size += st.Blocks * 512
			}
		}
		return nil
	})
	return size, files
}
