package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// imageHome is the home folder in CodeBuild's images, which buildspecs name.
const imageHome = "/root"

// cachePlace is a directory of a build's that its local cache keeps.
type cachePlace struct {
	shown string // as the buildspec names it, without the pattern's end
	key   string // of its folder in the project's
	root  string // folder of the build on this machine that it lies in
	rest  string // path in root
}

// cachePlaces reads the paths of a buildspec's cache. Each must be a whole directory in one of the build's folders;
// what is not is returned as refused, with the reason. A directory inside another one goes with it.
func (w *workspace) cachePlaces(patterns []string) (places []cachePlace, refused []string) {
	for _, pattern := range patterns {
		place, err := w.cachePlace(pattern)
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s is not kept: %v", pattern, err))
			continue
		}
		places = append(places, place)
	}
	var outer []cachePlace
	for i, p := range places {
		inside := false
		for j, q := range places {
			same := p.root == q.root && p.rest == q.rest
			inside = inside || same && j < i || p.root == q.root && strings.HasPrefix(p.rest, q.rest+"/")
		}
		if !inside {
			outer = append(outer, p)
		}
	}
	return outer, refused
}

// cachePlace reads one path: DIR, DIR/*, DIR/**, DIR/**/*, relative to the source or absolute.
func (w *workspace) cachePlace(pattern string) (cachePlace, error) {
	dir := pattern
	for trimmed := ""; trimmed != dir; {
		trimmed = dir
		for _, end := range []string{"/", "/*", "/**"} {
			dir = strings.TrimSuffix(dir, end)
		}
	}
	if strings.ContainsAny(dir, `*?[{\`+"\x00") {
		return cachePlace{}, errors.New("a local cache keeps whole directories: name one, as in DIR/**/*")
	}
	place := dir
	if rest, ok := strings.CutPrefix(dir, imageHome+"/"); ok { // HOME in CodeBuild's images
		place = path.Join(w.place.Home, rest)
	} else if !path.IsAbs(dir) {
		place = path.Join(w.place.Source, dir)
	}
	root, rest, err := w.room.Files(place)
	switch {
	case err != nil:
		return cachePlace{}, fmt.Errorf("it is not below the source (%s) or the home folder (%s)", w.place.Source,
			w.place.Home)
	case rest == ".":
		return cachePlace{}, errors.New("it is a whole folder of the build: name a directory in it")
	}
	return cachePlace{shown: dir, key: cacheKey(filepath.Base(root) + "/" + rest), root: root, rest: rest}, nil
}

// errTaken is that something lies already where a directory of the cache belongs.
var errTaken = errors.New("the source has it already")

// moveIn moves a directory of the cache to its place in the build. It returns fs.ErrNotExist if the cache does not have
// it.
func (w *workspace) moveIn(from string, p cachePlace) error {
	if _, err := os.Lstat(filepath.Join(from, p.key)); err != nil {
		return err
	}
	store, err := openFolder(from)
	if err != nil {
		return err
	}
	defer store.Close()
	parent, err := w.parentOf(p, true)
	if err != nil {
		return err
	}
	defer parent.Close()
	err = unix.Renameat(int(store.Fd()), p.key, int(parent.Fd()), path.Base(p.rest))
	switch {
	case errors.Is(err, unix.ENOTEMPTY), errors.Is(err, unix.EEXIST), errors.Is(err, unix.ENOTDIR):
		return errTaken
	case err != nil:
		return &os.PathError{Op: "rename", Path: p.shown, Err: err}
	}
	return nil
}

// moveOut moves a directory of the build into the cache; one that is there goes to the trash. It returns fs.ErrNotExist
// if the build has none. Nothing but a real directory ever stays in the cache, whatever the build puts in its place
// meanwhile.
func (w *workspace) moveOut(h *heldCache, p cachePlace) error {
	parent, err := w.parentOf(p, false)
	if err != nil {
		return err
	}
	defer parent.Close()
	name := path.Base(p.rest)
	if err := makeMovable(parent, name); err != nil {
		return err
	}
	store, err := openFolder(h.dir)
	if err != nil {
		return err
	}
	defer store.Close()
	if kept := filepath.Join(h.dir, p.key); exists(kept) {
		h.store.discard(kept)
	}
	if err := unix.Renameat(int(parent.Fd()), name, int(store.Fd()), p.key); err != nil {
		return &os.PathError{Op: "rename", Path: p.shown, Err: err}
	}
	if info, err := os.Lstat(filepath.Join(h.dir, p.key)); err != nil || !info.IsDir() {
		_ = os.Remove(filepath.Join(h.dir, p.key))
		return errNoDirectory
	}
	return nil
}

var errNoDirectory = errors.New("it is no directory")

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// parentOf opens the folder that a place lies in, component by component, and follows no symbolic link. With create,
// folders that are missing are made, for the build's user.
func (w *workspace) parentOf(p cachePlace, create bool) (*os.File, error) {
	at, err := openFolder(p.root)
	if err != nil {
		return nil, err
	}
	dir := path.Dir(p.rest)
	if dir == "." {
		return at, nil
	}
	for name := range strings.SplitSeq(dir, "/") {
		next, err := w.step(at, name, create)
		_ = at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// step opens a folder in a folder.
func (w *workspace) step(at *os.File, name string, create bool) (*os.File, error) {
	if create {
		err := unix.Mkdirat(int(at.Fd()), name, 0o755)
		if err == nil && w.place.User >= 0 {
			err = unix.Fchownat(int(at.Fd()), name, w.place.User, w.place.User, unix.AT_SYMLINK_NOFOLLOW)
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, &os.PathError{Op: "mkdir", Path: name, Err: err}
		}
	}
	fd, err := unix.Openat(int(at.Fd()), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOTDIR) && create:
		return nil, errTaken
	case errors.Is(err, unix.ENOTDIR):
		return nil, errNoDirectory
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// openFolder opens a folder that only the runner can replace.
func openFolder(dir string) (*os.File, error) {
	return os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// makeMovable gives the owner of a directory the right to write it, which the kernel asks for when the directory
// changes its parent.
func makeMovable(parent *os.File, name string) error {
	fd, err := unix.Openat(int(parent.Fd()), name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOTDIR):
		return errNoDirectory
	case err != nil:
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer os.NewFile(uintptr(fd), name).Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if os.Geteuid() == 0 || st.Mode&0o700 == 0o700 {
		return nil
	}
	return unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), st.Mode&0o777|0o700)
}

// handOver gives the files of a directory in the cache, which no build can reach there, to the build's user.
func (w *workspace) handOver(dir string) error {
	if w.place.User < 0 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == w.place.User && int(st.Gid) == w.place.User {
			return nil
		}
		return root.Lchown(file, w.place.User, w.place.User)
	})
}
