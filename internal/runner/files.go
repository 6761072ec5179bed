package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// found is a file of the build's that some pattern matches.
type found struct {
	root *os.Root
	path string // in the root
	name string // in the artifact
	link string // of a symbolic link that is kept as one
}

// selection says which files are wanted: of an artifact or a report.
type selection struct {
	base     string // a folder or a pattern of folders, in the source's or absolute
	files    []string
	exclude  []string
	discard  bool
	symlinks bool // kept as such; else what they lead to, if that is in the same root
}

// find lists the files of a selection; release closes what was opened for it. Nothing outside of the build's own folders is found,
// whatever links the build has made.
func (b *box) find(s selection) (files []found, release func(), err error) {
	var roots []*os.Root
	release = func() {
		for _, r := range roots {
			_ = r.Close()
		}
	}
	open := func(dir string) (*os.Root, error) {
		i := slices.IndexFunc(roots, func(r *os.Root) bool { return r.Name() == dir })
		if i >= 0 {
			return roots[i], nil
		}
		r, err := os.OpenRoot(dir)
		if err == nil {
			roots = append(roots, r)
		}
		return r, err
	}
	seen := map[string]bool{}
	for _, pattern := range s.files {
		bases := s.base
		if path.IsAbs(pattern) { // an absolute path has no base: the artifact has it by its name
			bases, pattern = path.Split(pattern)
		}
		place := bases
		if !path.IsAbs(place) {
			place = path.Join(b.source(), place)
		}
		dir, rest, ok := b.outside(place)
		if !ok {
			return nil, release, fmt.Errorf("%s is not in one of the build's folders", place)
		}
		root, err := open(dir)
		if err != nil {
			return nil, release, err
		}
		pattern = strings.TrimPrefix(path.Clean(pattern), "./")
		if !doublestar.ValidatePattern(pattern) || !doublestar.ValidatePattern(rest) {
			return nil, release, fmt.Errorf("%q is no pattern of files", path.Join(place, pattern))
		}
		folders := []string{rest}
		if strings.ContainsAny(rest, "*?[{") {
			if folders, err = doublestar.Glob(root.FS(), rest, doublestar.WithNoFollow()); err != nil {
				return nil, release, err
			}
		}
		for _, folder := range folders {
			if err := b.match(root, folder, pattern, s, seen, &files); err != nil {
				return nil, release, err
			}
		}
	}
	slices.SortFunc(files, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return files, release, nil
}

func (b *box) match(root *os.Root, folder, pattern string, s selection, seen map[string]bool, files *[]found) error {
	if !fs.ValidPath(path.Join(folder, pattern)) {
		return fmt.Errorf("%q leads out of the folder %q", pattern, folder)
	}
	tree, err := fs.Sub(root.FS(), folder)
	if err != nil {
		return err
	}
	err = doublestar.GlobWalk(tree, pattern, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			return nil
		}
		for _, x := range s.exclude {
			if hit, _ := doublestar.Match(strings.TrimPrefix(path.Clean(x), "./"), name); hit {
				return nil
			}
		}
		f := found{root: root, path: path.Join(folder, name), name: name}
		if s.discard {
			f.name = path.Base(name)
		}
		if seen[f.name] {
			return nil
		}
		info, err := root.Lstat(f.path)
		switch {
		case err != nil:
			return nil // it went away
		case info.Mode()&fs.ModeSymlink != 0 && s.symlinks:
			if f.link, err = root.Readlink(f.path); err != nil {
				return nil
			}
		case info.Mode()&fs.ModeSymlink != 0:
			if to, err := root.Stat(f.path); err != nil || !to.Mode().IsRegular() {
				return nil // it leads nowhere, to a folder, or out of the build's folders
			}
		case !info.Mode().IsRegular():
			return nil
		}
		seen[f.name] = true
		*files = append(*files, f)
		return nil
	}, doublestar.WithNoFollow())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
