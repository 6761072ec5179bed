package actions

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

type errUnknownOption string

func (e errUnknownOption) Error() string { return fmt.Sprintf("the option %q is not known", string(e)) }

// sortFolded sorts names.
func sortFolded(names []string) { slices.Sort(names) }

// findFiles returns the files below a folder that patterns match, one after another as they are found: ! takes away
// what was matched before, a folder stands for all in it. Patterns are relative to the folder, or absolute below it.
//
// links says that symbolic links are found as such, and not what they lead to.
func findFiles(root fs.FS, dir string, patterns []string, links bool) ([]string, error) {
	var found []string
	seen := map[string]bool{}
	for _, p := range patterns {
		p = strings.TrimSpace(p)
		if p == "" || strings.HasPrefix(p, "#") {
			continue
		}
		p, negative := strings.CutPrefix(p, "!")
		p, inside := relative(dir, p)
		if !inside {
			continue
		}
		if negative {
			found = slices.DeleteFunc(found, func(f string) bool {
				gone := matchesPath(p, f)
				if gone {
					delete(seen, f)
				}
				return gone
			})
			continue
		}
		more, err := matchFiles(root, p, links)
		if err != nil {
			return nil, err
		}
		for _, f := range more {
			if !seen[f] {
				seen[f] = true
				found = append(found, f)
			}
		}
	}
	return found, nil
}

// relative is a pattern relative to a folder, and whether it stays in it.
func relative(dir, pattern string) (string, bool) {
	if path.IsAbs(pattern) {
		rest, err := filepath.Rel(dir, path.Clean(pattern))
		if err != nil {
			return "", false
		}
		pattern = rest
	}
	pattern = path.Clean(pattern)
	return pattern, pattern != ".." && !strings.HasPrefix(pattern, "../")
}

func matchesPath(pattern, file string) bool {
	ok, err := doublestar.Match(pattern, file)
	below, bad := doublestar.Match(path.Join(pattern, "**"), file)
	return err == nil && ok || bad == nil && below
}

func matchFiles(root fs.FS, pattern string, links bool) (files []string, err error) {
	if !doublestar.ValidatePattern(pattern) {
		return nil, fmt.Errorf("%q is no pattern for files", pattern)
	}
	wanted := func(m fs.FileMode) bool { return m.IsRegular() || links && m&fs.ModeSymlink != 0 }
	add := func(name string) error {
		return fs.WalkDir(root, name, func(file string, d fs.DirEntry, err error) error {
			if err != nil || !wanted(d.Type()) {
				return err
			}
			files = append(files, file)
			return nil
		})
	}
	stat := fs.Stat
	if links {
		stat = fs.Lstat
	}
	names, err := doublestar.Glob(root, pattern, doublestar.WithNoFollow())
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	for _, name := range names {
		info, err := stat(root, name)
		switch {
		case err != nil: // a link that leads nowhere
			continue
		case info.IsDir():
			if err := add(name); err != nil {
				return nil, err
			}
		case wanted(info.Mode()):
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// hashFiles is the SHA-256 of the SHA-256 of each file, "" without a file. Links are left out unless they are to be
// followed.
func hashFiles(root fs.FS, dir string, patterns []string, follow bool) (string, error) {
	files, err := findFiles(root, dir, patterns, false)
	if err != nil {
		return "", err
	}
	all, any := sha256.New(), false
	for _, name := range files {
		if !follow {
			if info, err := fs.Lstat(root, name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				continue
			}
		}
		f, err := root.Open(name)
		if err != nil {
			return "", err
		}
		one := sha256.New()
		_, err = io.Copy(one, f)
		_ = f.Close()
		if err != nil {
			return "", err
		}
		any = true
		all.Write(one.Sum(nil))
	}
	if !any {
		return "", nil
	}
	return hex.EncodeToString(all.Sum(nil)), nil
}
