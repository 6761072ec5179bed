package runner

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/actions"
)

// maxActionCaches bounds what the caches of actions/cache take of the runner's disk, in bytes; GitHub's are bounded so
// for each repository.
const maxActionCaches = 10 << 30

// actionCaches keeps what actions/cache saves, for each project by itself. Those that were used least recently go first
// when there is too much.
type actionCaches struct {
	dir   string
	limit int64
	mu    sync.Mutex // held while files come and go
}

// savedCache says what a file of a cache is.
type savedCache struct {
	Key, Version string
	Size         int64
	Saved        time.Time
}

func newActionCaches(dir string) *actionCaches {
	return &actionCaches{dir: dir, limit: maxActionCaches}
}

// of returns what answers the builds of a project.
func (c *actionCaches) of(project string) http.Handler {
	sum := sha256.Sum256([]byte(project))
	dir := filepath.Join(c.dir, hex.EncodeToString(sum[:16]))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		key, version := q.Get("key"), q.Get("version")
		switch {
		case r.URL.Path != actions.CachePath || key == "" || version == "":
			http.Error(w, "not found", http.StatusNotFound)
		case r.Method == http.MethodGet:
			c.get(w, dir, key, version, q["restore"], q.Get("look") != "")
		case r.Method == http.MethodPut:
			c.put(w, r.Body, dir, savedCache{Key: key, Version: version})
		default:
			http.Error(w, "not found", http.StatusMethodNotAllowed)
		}
	})
}

func cacheFile(dir, key, version string) string {
	sum := sha256.Sum256([]byte(version + "\n" + key))
	return filepath.Join(dir, hex.EncodeToString(sum[:16]))
}

// find returns the file of the key itself, or of the newest cache whose key begins with one of the others.
func (c *actionCaches) find(dir, key, version string, restore []string) (file, matched string) {
	names, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	var all []savedCache
	for _, name := range names {
		var s savedCache
		if text, err := os.ReadFile(name); err == nil && json.Unmarshal(text, &s) == nil && s.Version == version {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b savedCache) int { return b.Saved.Compare(a.Saved) })
	for _, s := range all {
		if s.Key == key {
			return cacheFile(dir, key, version), key
		}
	}
	for _, prefix := range restore {
		for _, s := range all {
			if strings.HasPrefix(s.Key, prefix) {
				return cacheFile(dir, s.Key, version), s.Key
			}
		}
	}
	return "", ""
}

func (c *actionCaches) get(w http.ResponseWriter, dir, key, version string, restore []string, look bool) {
	c.mu.Lock()
	file, matched := c.find(dir, key, version, restore)
	var f *os.File
	err := os.ErrNotExist
	if file != "" {
		f, err = os.Open(file)
		now := time.Now()
		_ = os.Chtimes(file, now, now) // it was used
	}
	c.mu.Unlock()
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	defer f.Close()
	w.Header().Set(actions.MatchedHeader, matched)
	if !look {
		_, _ = io.Copy(w, f)
	}
}

func (c *actionCaches) put(w http.ResponseWriter, from io.Reader, dir string, s savedCache) {
	file := cacheFile(dir, s.Key, s.Version)
	if _, err := os.Stat(file); err == nil {
		http.Error(w, "there is a cache of that key", http.StatusConflict)
		return
	}
	err := c.write(from, dir, file, s)
	switch {
	case errors.Is(err, errCacheLarge):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}

var errCacheLarge = errors.New("it is larger than all caches of the runner may be together")

func (c *actionCaches) write(from io.Reader, dir, file string, s savedCache) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	s.Size, err = io.Copy(f, io.LimitReader(from, c.limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("the cache cannot be written: %w", err)
	}
	if s.Size > c.limit {
		return errCacheLarge
	}
	s.Saved = time.Now()
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.trim(s.Size); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return err
	}
	return os.WriteFile(file+".json", text, 0o600)
}

// trim makes room for a new cache.
func (c *actionCaches) trim(size int64) error {
	names, err := filepath.Glob(filepath.Join(c.dir, "*", "*.json"))
	if err != nil {
		return err
	}
	type used struct {
		file string
		size int64
		at   time.Time
	}
	var all []used
	total := size
	for _, name := range names {
		file := strings.TrimSuffix(name, ".json")
		info, err := os.Stat(file)
		if err != nil {
			continue
		}
		all = append(all, used{file, info.Size(), info.ModTime()})
		total += info.Size()
	}
	slices.SortFunc(all, func(a, b used) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.file, b.file)) })
	for _, u := range all {
		if total <= c.limit {
			break
		}
		if err := errors.Join(os.Remove(u.file), os.Remove(u.file+".json")); err != nil {
			return err
		}
		total -= u.size
	}
	return nil
}
