package agent

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
)

// copy puts one file of the archive in place, with its mode and time. A link is made again. A file that is there is
// replaced in one go, so that a program that runs from it does not mind; through a link that is there, it is written.
func (i *installation) copy(source, destination string) error {
	info, err := i.archive.Lstat(source)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := i.archive.Readlink(source)
		if err != nil {
			return err
		}
		if err := i.to.Remove(destination); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return i.to.Symlink(target, destination)
	}
	from, err := i.archive.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	name := destination
	if before, err := i.to.Lstat(destination); err == nil && before.Mode()&fs.ModeSymlink == 0 {
		name = path.Join(path.Dir(destination), ".slipway-new-"+path.Base(destination))
	}
	if err := i.write(name, from, info); err != nil {
		if name != destination {
			_ = i.to.Remove(name)
		}
		return i.unreachable(destination, err)
	}
	if name != destination {
		if err := i.to.Rename(name, destination); err != nil {
			_ = i.to.Remove(name)
			return err
		}
	}
	return nil
}

func (i *installation) write(name string, from io.Reader, info fs.FileInfo) error {
	f, err := i.to.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, _, err = copySparse(f, from, math.MaxInt64, math.MaxInt64)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = i.to.Chtimes(name, info.ModTime(), info.ModTime())
	}
	return err
}
