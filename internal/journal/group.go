package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// CreateGroup makes a group without logs. It reports false if there is one of that name.
func (j *Journal) CreateGroup(group string) (made bool, err error) {
	name, err := escape(group)
	if err != nil {
		return false, fmt.Errorf("%w: group %q: %w", ErrName, group, err)
	}
	dir := filepath.Join(j.dir, name)
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("create log group %s: %w", group, err)
	}
	if err := makeGroup(dir); err != nil {
		return false, fmt.Errorf("create log group %s: %w", group, err)
	}
	return true, syncFolder(j.dir)
}

// RemoveGroup deletes a group with its logs. One that does not exist is no error.
func (j *Journal) RemoveGroup(group string) error {
	name, err := escape(group)
	if err != nil {
		return fmt.Errorf("%w: group %q: %w", ErrName, group, err)
	}
	dir, grave := filepath.Join(j.dir, name), filepath.Join(j.dir, ".removed-"+name)
	if err := os.RemoveAll(grave); err != nil {
		return fmt.Errorf("remove log group %s: %w", group, err)
	}
	// Renamed first, so that a crash leaves the whole group or none.
	if err := os.Rename(dir, grave); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("remove log group %s: %w", group, err)
	}
	return errors.Join(syncFolder(j.dir), os.RemoveAll(grave))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
