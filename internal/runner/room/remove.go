package room

import (
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveAll removes a folder that a build wrote, including folders in it that the build took its own rights from. No
// process of the build may be left.
func RemoveAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700) //nolint:gosec // the build and all that it left have been killed
		}
		return nil
	})
	return os.RemoveAll(dir)
}
