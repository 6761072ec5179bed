package runner

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
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

// find lists the files of a selection; release closes what was opened for it. Nothing outside of the build's own
// folders is found, whatever links the build has made.
func (w *workspace) find(ctx context.Context, s selection) (files []found, release func(), err error) {
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
	m := &matcher{selection: s, seen: map[string]bool{}}
	for _, x := range s.exclude {
		g, err := newGlob(strings.TrimPrefix(path.Clean(x), "./"))
		if err != nil {
			return nil, release, err
		}
		m.exclude = append(m.exclude, g)
	}
	for _, pattern := range s.files {
		place, pattern, err := w.placed(s.base, pattern)
		if err != nil {
			return nil, release, err
		}
		dir, rest, err := w.room.Files(place)
		if err != nil {
			return nil, release, err
		}
		root, err := open(dir)
		if err != nil {
			return nil, release, err
		}
		folders, err := foldersOf(ctx, root, rest)
		if err != nil {
			return nil, release, err
		}
		for _, folder := range folders {
			if err := m.add(ctx, root, folder, pattern); err != nil {
				return nil, release, err
			}
		}
	}
	files = m.files
	slices.SortFunc(files, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return files, release, nil
}

// placed returns the folders in which a pattern is looked for, by their absolute path, and the rest of the pattern. An
// absolute pattern has no base: the artifact has its files by their names.
func (w *workspace) placed(base, pattern string) (place, rest string, err error) {
	if path.IsAbs(pattern) {
		if first, _, _ := strings.Cut(pattern[1:], "/"); first == "" || strings.ContainsAny(first, "*?[{") {
			return "", "", fmt.Errorf("the pattern %s would search the whole machine; a variable in it may be empty",
				pattern)
		}
		base, pattern = path.Split(pattern)
	}
	if !path.IsAbs(base) {
		base = path.Join(w.place.Source, base)
	}
	return base, strings.TrimPrefix(path.Clean(pattern), "./"), nil
}

// foldersOf are the folders that a path, or a pattern of folders, names.
func foldersOf(ctx context.Context, root *os.Root, name string) (folders []string, err error) {
	g, err := newGlob(name)
	if err != nil || g.match == nil {
		return []string{name}, err
	}
	err = g.walk(ctx, root.FS(), func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			folders = append(folders, name)
		}
		return nil
	})
	return folders, err
}

// matcher collects the files of a selection.
type matcher struct {
	selection
	exclude []*glob
	seen    map[string]bool
	files   []found
}

// add adds what matches a pattern in a folder.
func (m *matcher) add(ctx context.Context, root *os.Root, folder, pattern string) error {
	if !fs.ValidPath(path.Join(folder, pattern)) {
		return fmt.Errorf("%q leads out of the folder %q", pattern, folder)
	}
	g, err := newGlob(pattern)
	if err != nil {
		return err
	}
	tree, err := fs.Sub(root.FS(), folder)
	if err != nil {
		return err
	}
	return g.walk(ctx, tree, func(name string, d fs.DirEntry) error {
		if d.IsDir() || slices.ContainsFunc(m.exclude, func(x *glob) bool { return x.matches(name) }) {
			return nil
		}
		return m.take(root, found{root: root, path: path.Join(folder, name), name: name})
	})
}

// take adds a file. It leaves out a second one of the same name, and what is not a regular file.
func (m *matcher) take(root *os.Root, f found) error {
	if m.discard {
		f.name = path.Base(f.name)
	}
	if m.seen[f.name] {
		return nil
	}
	info, err := root.Lstat(f.path)
	switch {
	case err != nil:
		return nil // it went away
	case info.Mode()&fs.ModeSymlink != 0 && m.symlinks:
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
	m.seen[f.name] = true
	m.files = append(m.files, f)
	return nil
}
