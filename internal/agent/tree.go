package agent

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// tree is where files are installed. Its names are absolute paths of the host.
type tree interface {
	Lstat(name string) (fs.FileInfo, error)
	Stat(name string) (fs.FileInfo, error)
	Mkdir(name string, mode fs.FileMode) error
	OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error)
	Rename(from, to string) error
	Remove(name string) error
	Symlink(target, name string) error
	Chmod(name string, mode fs.FileMode) error
	Lchown(name string, uid, gid int) error
	Chtimes(name string, accessed, modified time.Time) error
}

// openTree opens the tree below a root. Below a folder that stands for / nothing leads out of it, links neither.
func openTree(root string) (_ tree, closer func(), _ error) {
	if root == "" {
		return machine{}, func() {}, nil
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, err
	}
	return rooted{r}, func() { _ = r.Close() }, nil
}

// clean makes an absolute path of a destination.
func clean(name string) string { return path.Clean("/" + name) }

// rooted is a tree below a folder.
type rooted struct{ r *os.Root }

func inside(name string) string {
	if name = strings.TrimPrefix(clean(name), "/"); name == "" {
		return "."
	}
	return name
}

func (t rooted) Lstat(name string) (fs.FileInfo, error)    { return t.r.Lstat(inside(name)) }
func (t rooted) Stat(name string) (fs.FileInfo, error)     { return t.r.Stat(inside(name)) }
func (t rooted) Mkdir(name string, mode fs.FileMode) error { return t.r.Mkdir(inside(name), mode) }
func (t rooted) Rename(from, to string) error              { return t.r.Rename(inside(from), inside(to)) }
func (t rooted) Remove(name string) error                  { return t.r.Remove(inside(name)) }
func (t rooted) Symlink(target, name string) error         { return t.r.Symlink(target, inside(name)) }
func (t rooted) Chmod(name string, mode fs.FileMode) error { return t.r.Chmod(inside(name), mode) }
func (t rooted) Lchown(name string, uid, gid int) error    { return t.r.Lchown(inside(name), uid, gid) }
func (t rooted) Chtimes(name string, a, m time.Time) error { return t.r.Chtimes(inside(name), a, m) }
func (t rooted) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	return t.r.OpenFile(inside(name), flag, mode)
}

// machine is the whole machine's tree.
type machine struct{}

func (machine) Lstat(name string) (fs.FileInfo, error)    { return os.Lstat(name) }
func (machine) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (machine) Mkdir(name string, mode fs.FileMode) error { return os.Mkdir(name, mode) }
func (machine) Rename(from, to string) error              { return os.Rename(from, to) }
func (machine) Remove(name string) error                  { return os.Remove(name) }
func (machine) Symlink(target, name string) error         { return os.Symlink(target, name) }
func (machine) Chmod(name string, mode fs.FileMode) error { return os.Chmod(name, mode) }
func (machine) Lchown(name string, uid, gid int) error    { return os.Lchown(name, uid, gid) }
func (machine) Chtimes(name string, a, m time.Time) error { return os.Chtimes(name, a, m) }
func (machine) OpenFile(name string, flag int, mode fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, mode)
}
