package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Private makes new files of this process and its children readable by their owner only, whatever the umask was. Files
// for others, such as deployed ones, get their mode explicitly.
func Private() { syscall.Umask(0o077) }

// Usual makes new files readable by all, as builds expect. A runner's own files are in a folder that others cannot
// enter.
func Usual() { syscall.Umask(0o022) }

// tighten closes the folder to others, because it may have been made by hand, as a volume, or by a service manager. It
// also closes the database's files, because earlier versions made them with the umask.
func (d Data) tighten() error {
	info, err := os.Stat(string(d))
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(string(d), 0o700); err != nil {
			return fmt.Errorf(
				"the data folder %s can be entered by others (its mode is %04o), and this user may not change that: "+
					"have its owner run chmod 700 %[1]s",
				d,
				info.Mode().Perm(),
			)
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		path := d.Database() + suffix
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			if err := os.Chmod(path, 0o600); err != nil {
				return fmt.Errorf("data folder: %w", err)
			}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("data folder: %s: %w", filepath.Base(path), err)
		}
	}
	return nil
}
