package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"slipway/internal/fault"
)

// TooLarge is the error of a cache that is not kept for its size.
type TooLarge struct{ Size, Allowed int64 }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("it takes %d bytes; there is room for %d", e.Size, max(e.Allowed, 0))
}

// Session is what one build does with a folder. It implements Store.
type Session struct {
	folder *Folder
	sums   map[Sum]int // that it needs, and how often it said so
	size   int64       // bytes of them
	// Evicted are the caches that were removed to make room, with the times of their last use.
	Evicted map[*Head]time.Time
}

// Open begins a session. What it reads or adds stays until Close.
func (f *Folder) Open() *Session {
	return &Session{folder: f, sums: map[Sum]int{}, Evicted: map[*Head]time.Time{}}
}

// Close ends a session; what it added and put into no head is removed.
func (s *Session) Close() {
	f := s.folder
	f.mu.Lock()
	defer f.mu.Unlock()
	for sum, n := range s.sums {
		if b := f.blobs[sum]; b != nil {
			b.busy -= n
			f.unneeded(sum)
		}
	}
	s.sums = map[Sum]int{}
}

// need keeps a blob until the session ends.
func (s *Session) need(sum Sum, b *blob) {
	if b.busy++; s.sums[sum] == 0 {
		s.size += b.stored
	}
	s.sums[sum]++
}

// List implements Store.
func (s *Session) List(_ context.Context, scope, version, prefix string) (all []Listed, err error) {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	for _, k := range s.folder.heads {
		if k.Scope == scope && k.Version == version && strings.HasPrefix(k.Key, prefix) {
			all = append(all, Listed{k.Key, k.Saved})
		}
	}
	return all, nil
}

// Head implements Store. The blobs of the head stay until the session ends.
func (s *Session) Head(_ context.Context, scope, version, key string) (*Head, error) {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	k := s.folder.heads[Name(scope, version, key)]
	if k == nil {
		return nil, fs.ErrNotExist
	}
	for sum := range k.Sums() {
		s.need(sum, s.folder.blobs[sum])
	}
	return k.Head, nil
}

// Touch notes that a cache was used.
func (s *Session) Touch(h *Head, at time.Time) {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	if k := s.folder.heads[Name(h.Scope, h.Version, h.Key)]; k != nil {
		k.used = at
		_ = os.Chtimes(k.file, at, at)
	}
}

// Remove removes a cache.
func (s *Session) Remove(h *Head) error {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	name := Name(h.Scope, h.Version, h.Key)
	if s.folder.heads[name] == nil {
		return nil
	}
	return s.folder.drop(name)
}

// Has implements Store.
func (s *Session) Has(_ context.Context, sum Sum) (int64, bool, error) {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	b := s.folder.blobs[sum]
	if b == nil {
		return 0, false, nil
	}
	s.need(sum, b)
	return b.stored, true, nil
}

// Get implements Store.
func (s *Session) Get(_ context.Context, sum Sum) ([]byte, error) {
	p, err := os.ReadFile(s.folder.file(sum))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, damaged("the piece %.12s is missing", sum)
	}
	return p, err
}

// Add implements Store. It refuses what would take more than is allowed, whatever were removed.
func (s *Session) Add(_ context.Context, sum Sum, packed []byte) error {
	f := s.folder
	allowed := f.allowed()
	f.mu.Lock()
	size := s.size + int64(len(packed))
	f.mu.Unlock()
	if size > allowed {
		return &TooLarge{size, allowed}
	}
	file := f.file(sum)
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	temporary := filepath.Join(filepath.Dir(file), half+uuid.NewString())
	err := os.WriteFile(temporary, packed, 0o600)
	fault.Point("cache.blob")
	if err == nil {
		err = os.Rename(temporary, file)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.blobs[sum]
	if b == nil {
		b = &blob{stored: int64(len(packed))}
		f.blobs[sum] = b
	}
	s.need(sum, b)
	return nil
}

// Put implements Store: the head is durable, with all its blobs, when it returns. Then the caches that nobody has used
// for longest make room for it.
func (s *Session) Put(_ context.Context, h *Head) error {
	f := s.folder
	allowed := f.allowed()
	f.mu.Lock()
	defer f.mu.Unlock()
	for sum := range h.Sums() {
		if f.blobs[sum] == nil {
			return damaged("the piece %.12s went away while it was saved", sum)
		}
	}
	name := Name(h.Scope, h.Version, h.Key)
	if err := s.makeRoom(h, name, allowed); err != nil {
		return err
	}
	text, err := h.Encode()
	if err != nil {
		return err
	}
	heads := filepath.Join(f.dir, headsFolder)
	file, temporary := filepath.Join(heads, uuid.NewString()), filepath.Join(heads, half+uuid.NewString())
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		_ = os.Remove(temporary)
		return err
	}
	before := f.heads[name]
	if before != nil {
		file = before.file
	}
	if err := syncAll(heads); err != nil {
		return err
	}
	fault.Point("cache.head")
	if err := os.Rename(temporary, file); err != nil {
		return err
	}
	f.hold(h, file, h.Saved)
	if before != nil {
		for sum := range before.Sums() {
			f.blobs[sum].refs--
			f.unneeded(sum)
		}
	}
	fault.Point("cache.saved")
	return nil
}

// makeRoom removes the caches that nobody has used for longest until there is room for a head.
func (s *Session) makeRoom(h *Head, name string, allowed int64) error {
	f := s.folder
	var own int64
	for sum := range h.Sums() {
		own += f.blobs[sum].stored
	}
	if own > allowed {
		return &TooLarge{own, allowed}
	}
	for f.used() > allowed {
		oldest := f.oldest(name)
		if oldest == "" {
			break // what is left is in use by other builds
		}
		k := f.heads[oldest]
		if err := f.drop(oldest); err != nil {
			return err
		}
		s.Evicted[k.Head] = k.used
	}
	return nil
}

// syncAll makes durable all that was written to the file system of a folder.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}
