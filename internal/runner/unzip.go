package runner

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Limits of what a source may unpack to: more is a bomb, or a mistake.
const (
	maxUnpacked = 20 << 30 // bytes in all
	maxFiles    = 1_000_000
	// maxRatio is how many times its size an archive may unpack to; text packs to a tenth, a bomb to a thousandth.
	maxRatio      = 200
	leastUnpacked = 256 << 20
	maxPath       = 4096
	maxLink       = 4096
)

// unzip unpacks an archive into root, which nothing that it holds can leave. own is told each path that was made.
func unzip(ctx context.Context, archive io.ReaderAt, size int64, root *os.Root, own func(name string) error) error {
	z, err := zip.NewReader(archive, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // unsafe names are refused below, with their name
		return fmt.Errorf("the source is no zip archive: %w", err)
	}
	if len(z.File) > maxFiles {
		return fmt.Errorf("the archive has %d entries; there may be %d", len(z.File), maxFiles)
	}
	u := &unpacking{root: root, own: own, budget: mayUnpackTo(size), made: map[string]bool{".": true}}
	for _, f := range z.File {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := u.entry(f); err != nil {
			return err
		}
	}
	return u.finish()
}

// unpacking is an archive on its way into a folder.
type unpacking struct {
	root   *os.Root
	own    func(name string) error
	budget int64           // bytes that may still be unpacked
	made   map[string]bool // folders
	links  []link          // made after all files, so that none is written through one
}

type link struct{ name, to string }

// entry unpacks one entry of the archive, but for links.
func (u *unpacking) entry(f *zip.File) error {
	name, err := safeName(f.Name)
	if err != nil || name == "." {
		return err
	}
	mode := f.Mode()
	parent := path.Dir(name)
	if mode.IsDir() {
		parent = name
	}
	if err := makeFolders(u.root, parent, u.made, u.own); err != nil {
		return fmt.Errorf("unpack %q: %w", f.Name, err)
	}
	switch {
	case mode.IsDir():
		return nil
	case mode&fs.ModeSymlink != 0:
		return u.link(name, f)
	case mode.IsRegular():
		if err := unpackFile(u.root, name, f, &u.budget); err != nil {
			return fmt.Errorf("unpack %q: %w", f.Name, err)
		}
		return u.own(name)
	}
	return fmt.Errorf("the archive has %q, which is neither a file, a folder nor a symbolic link", f.Name)
}

// link notes a symbolic link, which must not lead out of the archive.
func (u *unpacking) link(name string, f *zip.File) error {
	to, err := readLink(f)
	if err != nil {
		return fmt.Errorf("unpack %q: %w", f.Name, err)
	}
	if path.IsAbs(to) || !fs.ValidPath(path.Join(path.Dir(name), to)) {
		return fmt.Errorf("the archive has a symbolic link %q to %q, outside of it", f.Name, to)
	}
	u.links = append(u.links, link{name, to})
	return nil
}

// finish makes the links.
func (u *unpacking) finish() error {
	for _, l := range u.links {
		_ = u.root.Remove(l.name)
		if err := u.root.Symlink(l.to, l.name); err != nil {
			return fmt.Errorf("unpack %q: %w", l.name, err)
		}
		if err := u.own(l.name); err != nil {
			return err
		}
	}
	return nil
}

// safeName is an entry's name as a path within the root.
func safeName(name string) (string, error) {
	slashed := strings.ReplaceAll(name, "\\", "/") // as some tools for Windows write it
	clean := path.Clean(strings.TrimSuffix(slashed, "/"))
	if slashed == "" || len(name) > maxPath || strings.ContainsRune(name, 0) || path.IsAbs(slashed) ||
		!fs.ValidPath(clean) {
		return "", fmt.Errorf("the archive has an entry %.200q, which is no path inside it", name)
	}
	return clean, nil
}

func makeFolders(root *os.Root, dir string, made map[string]bool, own func(string) error) error {
	if made[dir] {
		return nil
	}
	if err := makeFolders(root, path.Dir(dir), made, own); err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	made[dir] = true
	return own(dir)
}

func readLink(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	to, err := io.ReadAll(io.LimitReader(r, maxLink+1))
	if err == nil && (len(to) == 0 || len(to) > maxLink) {
		err = errors.New("the symbolic link is too long or empty")
	}
	return string(to), err
}

// mayUnpackTo is how much an archive of a size may unpack to, in bytes: maxRatio times as much, but a small one
// leastUnpacked at any rate.
func mayUnpackTo(size int64) int64 {
	return min(maxUnpacked, max(leastUnpacked, size*maxRatio))
}

func unpackFile(root *os.Root, name string, f *zip.File, budget *int64) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	mode := fs.FileMode(0o644)
	if f.Mode()&0o111 != 0 {
		mode = 0o755
	}
	w, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	// What is unpacked is counted: an archive's own word for it can be a lie.
	n, err := io.Copy(w, io.LimitReader(r, *budget+1))
	if *budget -= n; err == nil && *budget < 0 {
		err = fmt.Errorf("the archive unpacks to more than %d times its size, or to more than %d GiB", maxRatio,
			maxUnpacked>>30)
	}
	return errors.Join(err, w.Close())
}
