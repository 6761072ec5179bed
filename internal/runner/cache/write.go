package cache

import (
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// open is a folder that is being written.
type open struct {
	fd int
	entry
}

// writer writes a tree. It opens each folder in the one above it and follows no link, so that nothing is ever written
// outside of the tree, whatever the cache holds.
type writer struct {
	at    string // the tree's folder
	user  int
	above []open // the folder that is written to last, and those above it
	data  *stream
}

// write writes a tree into a folder that is there.
func write(t tree, at string, user int, data *stream) (err error) {
	if len(t.Entries) == 0 || t.Entries[0].Name != "." || t.Entries[0].Kind != folder {
		return damaged("the directory %q has no root", t.Dir)
	}
	fd, err := unix.Open(at, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: at, Err: err}
	}
	w := &writer{at: at, user: user, above: []open{{fd, t.Entries[0]}}, data: data}
	defer func() {
		for len(w.above) > 0 {
			if e := w.leave(); err == nil {
				err = e
			}
		}
	}()
	for _, e := range t.Entries[1:] {
		if err := w.add(e); err != nil {
			return err
		}
	}
	return nil
}

// add writes one entry.
func (w *writer) add(e entry) error {
	if !validName(e.Name) || e.Name == "." || e.Size < 0 {
		return damaged("the name %q", e.Name)
	}
	parent := path.Dir(e.Name)
	for len(w.above) > 1 && w.above[len(w.above)-1].Name != parent {
		if err := w.leave(); err != nil {
			return err
		}
	}
	if w.above[len(w.above)-1].Name != parent {
		return damaged("the folder of %q is missing", e.Name)
	}
	in, name := w.above[len(w.above)-1].fd, path.Base(e.Name)
	var err error
	switch e.Kind {
	case folder:
		err = w.enter(in, name, e)
	case file:
		err = w.file(in, name, e)
	case link:
		if staysInside(e.Name, e.Target) {
			err = w.link(in, name, e)
		}
	default:
		return damaged("%q is of an unknown kind", e.Name)
	}
	if errno, ok := err.(unix.Errno); ok {
		err = &os.PathError{Op: "restore", Path: e.Name, Err: errno}
	}
	return err
}

// enter makes a folder, into which the next entries go.
func (w *writer) enter(in int, name string, e entry) error {
	if err := unix.Mkdirat(in, name, 0o700); err != nil {
		return err
	}
	fd, err := unix.Openat(in, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		w.above = append(w.above, open{fd, e})
	}
	return err
}

// leave completes the folder that was entered last: its content changes no more.
func (w *writer) leave() error {
	d := w.above[len(w.above)-1]
	w.above = w.above[:len(w.above)-1]
	defer unix.Close(d.fd) //nolint:errcheck // nothing was written to it
	if len(w.above) == 0 {
		return w.finish(d.fd, unix.AT_FDCWD, w.at, d.entry)
	}
	return w.finish(d.fd, w.above[len(w.above)-1].fd, path.Base(d.Name), d.entry)
}

// finish gives an open file or folder, which has a name in a folder, its owner, its permissions and its time.
func (w *writer) finish(fd, in int, name string, e entry) error {
	if w.user >= 0 {
		if err := unix.Fchown(fd, w.user, w.user); err != nil {
			return err
		}
	}
	if err := unix.Fchmod(fd, uint32(e.Mode)&0o777); err != nil {
		return err
	}
	at := unix.NsecToTimespec(e.Time)
	return unix.UtimesNanoAt(in, name, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}

func (w *writer) file(in int, name string, e entry) error {
	fd, err := unix.Openat(in, name,
		unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	err = w.data.copy(e.Size, func(p []byte) error { return writeAll(fd, p) })
	if err == nil {
		err = w.finish(fd, in, name, e)
	}
	if e := unix.Close(fd); err == nil && e != nil {
		err = e
	}
	return err
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

func (w *writer) link(in int, name string, e entry) error {
	if err := unix.Symlinkat(e.Target, in, name); err != nil {
		return err
	}
	if w.user < 0 {
		return nil
	}
	return unix.Fchownat(in, name, w.user, w.user, unix.AT_SYMLINK_NOFOLLOW)
}
