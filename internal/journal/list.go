package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Group is a group of logs. Bytes are those of its complete logs.
type Group struct {
	Name    string
	Created time.Time
	Bytes   int64
}

// Stream is a log of a group. First and Last are the times of its first and last bytes, zero if it has none.
type Stream struct {
	Name                 string
	Created, First, Last time.Time
	Bytes                int64
}

// Groups lists groups whose name begins with prefix, by name, from the first one after the name after, at most limit of
// them.
func (j *Journal) Groups(ctx context.Context, prefix, after string, limit int) ([]Group, error) {
	names, err := j.list(j.dir, prefix, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list log groups: %w", err)
	}
	groups := make([]Group, 0, len(names))
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		path, err := escape(name)
		if err != nil {
			continue
		}
		created, bytes, err := readGroup(filepath.Join(j.dir, path))
		if err != nil {
			continue // it is being made
		}
		groups = append(groups, Group{Name: name, Created: created, Bytes: bytes})
	}
	return groups, nil
}

// Streams lists the logs of a group in the same manner. A group that does not exist is ErrNotExist.
func (j *Journal) Streams(ctx context.Context, group, prefix, after string, limit int) ([]Stream, error) {
	path, err := escape(group)
	if err != nil {
		return nil, fmt.Errorf("%w: group %q: %w", ErrName, group, err)
	}
	names, err := j.list(filepath.Join(j.dir, path), prefix, after, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list logs of %s: %w", group, ErrNotExist)
	} else if err != nil {
		return nil, fmt.Errorf("list logs of %s: %w", group, err)
	}
	streams := make([]Stream, 0, len(names))
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, err := j.stream(Name{group, name})
		if errors.Is(err, ErrNotExist) {
			continue // it is being made or removed
		} else if err != nil {
			return nil, err
		}
		streams = append(streams, s)
	}
	return streams, nil
}

func (j *Journal) stream(n Name) (Stream, error) {
	v, err := j.view(n)
	if err != nil {
		return Stream{}, err
	}
	defer v.close()
	s := Stream{Name: n.Stream, Bytes: v.size}
	if v.n == 0 {
		return Stream{}, ErrNotExist
	}
	first, err := v.at(0)
	if err != nil {
		return Stream{}, err
	}
	s.Created = time.UnixMilli(first.time).UTC()
	if v.size == 0 {
		return s, nil
	}
	c := clock{v: v}
	if s.First, err = c.at(0); err != nil {
		return Stream{}, err
	}
	last, err := v.search(func(e entry) bool { return e.offset < v.size && !e.complete })
	if err != nil {
		return Stream{}, err
	}
	e, err := v.at(max(last-1, 0))
	s.Last = time.UnixMilli(e.time).UTC()
	return s, err
}

// listing is the sorted names of the folders in a folder, as of when it was last changed.
type listing struct {
	changed time.Time
	names   []string
}

// settled is how old a change of a folder must be for its listing to be kept: a later one in the same tick of the clock
// would not be seen.
const settled = time.Second

// list returns names of the folders in dir, sorted, that begin with prefix and come after a name. A folder that has not
// changed since is not read again.
func (j *Journal) list(dir, prefix, after string, limit int) ([]string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	kept, _ := j.listings.Load(dir)
	l, ok := kept.(*listing)
	if !ok || !l.changed.Equal(info.ModTime()) {
		names, err := readNames(dir)
		if err != nil {
			return nil, err
		}
		l = &listing{info.ModTime(), names}
		if time.Since(l.changed) > settled {
			j.listings.Store(dir, l)
		} else {
			j.listings.Delete(dir)
		}
	}
	first, found := slices.BinarySearch(l.names, max(prefix, after))
	if found && after >= prefix {
		first++
	}
	last := first
	for last < len(l.names) && last-first < limit && strings.HasPrefix(l.names[last], prefix) {
		last++
	}
	return l.names[first:last:last], nil
}

// readNames reads the names of the folders in dir, unescaped and sorted.
func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		if strings.HasPrefix(file, ".") {
			continue
		}
		if name, ok := unescape(file); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// groupFile says when a group was made and how many bytes its complete logs have, so that nobody has to add them up.
const groupFile = ".group"

func makeGroup(dir string) error {
	path := filepath.Join(dir, groupFile)
	if info, err := os.Stat(path); err == nil && info.Size() == 16 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return locked(path, func(f *os.File, b []byte) error {
		if binary.LittleEndian.Uint64(b) != 0 {
			return nil
		}
		binary.LittleEndian.PutUint64(b, uint64(time.Now().UnixMilli()))
		_, err := f.WriteAt(b, 0)
		return err
	})
}

func addBytes(dir string, n int64) error {
	if n == 0 {
		return nil
	}
	return locked(filepath.Join(dir, groupFile), func(f *os.File, b []byte) error {
		binary.LittleEndian.PutUint64(b[8:], uint64(max(0, int64(binary.LittleEndian.Uint64(b[8:]))+n)))
		_, err := f.WriteAt(b, 0)
		return err
	})
}

func locked(path string, change func(*os.File, []byte) error) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	b := make([]byte, 16)
	_, _ = f.ReadAt(b, 0) // a file that was just made is empty
	return change(f, b)
}

func readGroup(dir string) (time.Time, int64, error) {
	b, err := os.ReadFile(filepath.Join(dir, groupFile))
	if err != nil || len(b) < 16 {
		return time.Time{}, 0, errors.Join(err, fs.ErrNotExist)
	}
	return time.UnixMilli(int64(binary.LittleEndian.Uint64(b))).UTC(), int64(binary.LittleEndian.Uint64(b[8:])), nil
}
