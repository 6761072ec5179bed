package runner

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// standings keeps how builds of working trees stood when they failed. It has the variables of their shells, in which
// secrets may be: so it is a folder of this user alone, in memory and not on a disk, which ends with the session or the
// machine.
type standings struct{ dir string }

// Bounds of what is kept.
const (
	maxStanding    = 8 << 20 // bytes
	maxStandings   = 64
	standingsLimit = 7 * 24 * time.Hour
)

// openStandings opens the folder: in XDG_RUNTIME_DIR, or else in /dev/shm, whichever is in memory.
func openStandings() (standings, error) {
	user := strconv.Itoa(os.Geteuid())
	for _, base := range []string{os.Getenv("XDG_RUNTIME_DIR"), "/dev/shm"} {
		var st unix.Statfs_t
		if base == "" || unix.Statfs(base, &st) != nil || st.Type != unix.TMPFS_MAGIC {
			continue
		}
		dir := filepath.Join(base, "slipway-"+user)
		if err := ownFolder(dir); err != nil {
			return standings{}, err
		}
		return standings{dir}, nil
	}
	return standings{}, errors.New("there is no folder in memory (XDG_RUNTIME_DIR or /dev/shm), and variables, in " +
		"which secrets may be, are not written to a disk")
}

// ownFolder makes a folder that nobody else can enter, or makes sure that it is one: anybody may make it first in a
// folder of all users.
func ownFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(st.Uid) != os.Geteuid() || info.Mode().Perm() != 0o700 {
		return fmt.Errorf("%s is not a folder of this user alone (mode 0700): remove it", dir)
	}
	return nil
}

// file is where the standing of a tree's builds with a buildspec lies.
func (s standings) file(tree, buildspec string) string {
	return filepath.Join(s.dir, "run-"+cacheKey(tree+"\x00"+cmp.Or(buildspec, "buildspec.yml"))+".json")
}

// read returns how the last build stood.
func (s standings) read(tree, buildspec string) (*standing, error) {
	text, err := os.ReadFile(s.file(tree, buildspec))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is nothing to go on from: no run of %s in %s has failed at a command since the "+
			"last one that succeeded", cmp.Or(buildspec, "buildspec.yml"), tree)
	}
	if err != nil {
		return nil, err
	}
	var of standing
	if err := json.Unmarshal(text, &of); err != nil {
		return nil, fmt.Errorf("%s cannot be read: remove it", s.file(tree, buildspec))
	}
	return &of, nil
}

// write keeps a standing. A later one takes its place.
func (s standings) write(tree, buildspec string, of *standing) error {
	text, err := json.Marshal(of)
	if err != nil {
		return err
	}
	if len(text) > maxStanding {
		return fmt.Errorf("the shell has variables and functions of %s; %s are kept", bytesText(int64(len(text))),
			bytesText(maxStanding))
	}
	f, err := os.CreateTemp(s.dir, "new-") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.file(tree, buildspec))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	s.tidy()
	return nil
}

// forget removes the standing of a tree's builds.
func (s standings) forget(tree, buildspec string) {
	_ = os.Remove(s.file(tree, buildspec)) // a build that succeeds has mostly left none
}

// tidy removes what is old, or too much.
func (s standings) tidy() {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	var left []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			left = append(left, info)
		}
	}
	slices.SortFunc(left, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, info := range left {
		if i >= maxStandings || time.Since(info.ModTime()) > standingsLimit {
			_ = os.Remove(filepath.Join(s.dir, info.Name()))
		}
	}
}
