package runner

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxSearched bounds how many files and folders of a source are looked at for one that a tool names.
const maxSearched = 50_000

var errEnough = errors.New("enough")

// inSource is the path in the build's source of a file that a tool has named: from the source's folder, or from the one
// that the tool ran in. It is "" if there is no such file, or several.
func (b *build) inSource(name string) string {
	if name == "" {
		return ""
	}
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if rest, ok := strings.CutPrefix(name, b.space.place.Source+"/"); ok {
		name = rest
	}
	dir, rest, err := b.space.room.Files(b.space.place.Source)
	if err != nil || !fs.ValidPath(name) {
		return ""
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	source, err := fs.Sub(root.FS(), path.Clean(rest))
	if err != nil {
		return ""
	}
	if info, err := fs.Stat(source, name); err == nil && info.Mode().IsRegular() {
		return name
	}
	return only(source, name)
}

// only is the one file whose path ends with a name; "" if none or several do.
func only(source fs.FS, name string) string {
	found, looked := "", 0
	err := fs.WalkDir(source, ".", func(at string, e fs.DirEntry, err error) error {
		if looked++; looked > maxSearched {
			return errEnough
		}
		switch {
		case err != nil:
			return nil // a build may leave folders that cannot be read
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules"):
			return fs.SkipDir
		case e.Type().IsRegular() && strings.HasSuffix("/"+at, "/"+name):
			if found != "" {
				return errEnough
			}
			found = at
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return found
}
