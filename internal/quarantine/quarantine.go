// Package quarantine moves files that the database does not know out of the way. It deletes none, because it may be the
// database that is wrong: an old or an empty one.
package quarantine

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Age is how old a file or folder must be to be moved. A younger one may belong to another server that is about to
// write its row.
const Age = 24 * time.Hour

// Place is a folder that holds what was moved, a folder for each kind.
type Place struct {
	Dir string
	Now func() time.Time
	Log *slog.Logger
}

// Take moves a file or a folder here if it has not changed for a day. It adds a note that says where the file was and
// why it was moved. Take reports whether it moved the file. A file that does not exist is not an error.
func (p Place) Take(path, kind, why string) (bool, error) {
	changed, err := lastChange(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at %s: %w", path, err)
	}
	if p.Now().Sub(changed) < Age {
		return false, nil
	}
	dir := filepath.Join(p.Dir, kind)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("make the quarantine: %w", err)
	}
	to := filepath.Join(dir, p.Now().UTC().Format("20060102T150405Z")+"-"+filepath.Base(path))
	note := fmt.Sprintf(
		"Moved here at %s from\n%s\n\n%s\nSlipway does not need it. To undo, stop the server and move it back.\n",
		p.Now().UTC().Format(time.RFC3339), path, why)
	if err := os.WriteFile(to+".txt", []byte(note), 0o600); err != nil {
		return false, fmt.Errorf("write a note to the quarantine: %w", err)
	}
	if err := os.Rename(path, to); err != nil {
		return false, errors.Join(fmt.Errorf("move %s to the quarantine: %w", path, err), os.Remove(to+".txt"))
	}
	p.Log.Warn("moved to the quarantine", "from", path, "to", to, "why", why)
	return true, nil
}

// lastChange is when a file, or a folder or one of its direct members, was last changed.
func lastChange(path string) (time.Time, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return time.Time{}, err
	}
	last := info.ModTime()
	if !info.IsDir() {
		return last, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return last, err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}
