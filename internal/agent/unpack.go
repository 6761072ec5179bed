package agent

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unicode/utf8"
)

// Limits of what a bundle may unpack to. Nothing real comes near them: text shrinks to a tenth.
const (
	maxEntries = 1_000_000
	freeRatio  = 256 << 20 // below this no ratio is looked at
	maxRatio   = 200
)

// unpacker writes the entries of a bundle below a folder and nowhere else.
type unpacker struct {
	root   *os.Root
	budget int64 // bytes that may still be written
	holes  int64 // bytes that may still be left out of sparse files
	n      int   // entries so far
	modes  map[string]fs.FileMode
}

// unpack writes a bundle's entries below dir, which it makes, and counts them. size is the bundle's.
func unpack(bundle, kind, dir string, size int64) (entries int, err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return 0, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	u := &unpacker{root: root, budget: max(freeRatio, size*maxRatio), holes: maxHoles, modes: map[string]fs.FileMode{}}
	if kind == "zip" {
		err = u.zip(bundle)
	} else {
		err = u.tar(bundle)
	}
	if err == nil {
		err = u.settle()
	}
	if err != nil {
		return u.n, fmt.Errorf("the bundle can't be unpacked: %w", err)
	}
	return u.n, nil
}

// settle gives folders their modes, once nothing more is to be written into them.
func (u *unpacker) settle() error {
	for name, mode := range u.modes {
		if err := u.root.Chmod(name, mode); err != nil {
			return err
		}
	}
	return nil
}

// name checks the name of an entry; ok is false for the bundle's own folder.
func (u *unpacker) name(name string) (clean string, ok bool, err error) {
	if u.n++; u.n > maxEntries {
		return "", false, fmt.Errorf("it has more than %d entries", maxEntries)
	}
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\n\r") {
		return "", false, fmt.Errorf("the entry %q has a name that can't be written to lists of files", name)
	}
	clean = path.Clean(name)
	if clean == "." {
		return "", false, nil
	}
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") {
		return "", false, fmt.Errorf("the entry %q would lie outside of it", name)
	}
	return clean, true, u.folders(path.Dir(clean))
}

func (u *unpacker) folders(dir string) error {
	if dir == "." {
		return nil
	}
	return escaping(dir, u.root.MkdirAll(dir, 0o755))
}

// escaping words what os.Root refuses.
func escaping(name string, err error) error {
	if err != nil && strings.Contains(err.Error(), "escapes") {
		return fmt.Errorf("the entry %q would be written through a link that leads out of it", name)
	}
	return err
}

func (u *unpacker) folder(name string, mode fs.FileMode) error {
	if err := u.folders(name); err != nil {
		return err
	}
	u.modes[name] = mode.Perm() | 0o700
	return nil
}

// file writes a file. holes are the zeros that it may have beyond what the bundle may grow to, since they take no room.
func (u *unpacker) file(name string, mode fs.FileMode, content io.Reader, holes int64) error {
	// An entry that comes twice replaces the first, a link is not written through.
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return escaping(name, err)
	}
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode.Perm()|0o600)
	if err != nil {
		return escaping(name, err)
	}
	n, left, err := copySparse(f, content, u.budget, holes)
	if holes > 0 {
		u.holes -= left
	} else {
		n += left
	}
	if err == nil {
		err = f.Chmod(mode.Perm() | 0o400)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	u.budget -= n
	if errors.Is(err, errTooLarge) || err == nil && u.budget < 0 {
		return fmt.Errorf("it grows to more than %d times its size, which no real bundle does", maxRatio)
	}
	return err
}

func (u *unpacker) link(name, target string) error {
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return escaping(name, err)
	}
	return escaping(name, u.root.Symlink(target, name))
}

func (u *unpacker) tar(bundle string) error {
	f, err := os.Open(bundle)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = bufio.NewReaderSize(f, 1<<20)
	magic, _ := r.(*bufio.Reader).Peek(6)
	if r, err = decompressed(r, string(magic)); err != nil {
		return err
	}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			if u.n == 0 {
				return errors.New("it is empty")
			}
			return nil
		}
		if err := u.readable(err); err != nil {
			return err
		}
		name, ok, err := u.name(h.Name)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := u.tarEntry(name, h, t); err != nil {
			return err
		}
	}
}

// readable says in words what is wrong with an archive whose next entry can't be read.
func (u *unpacker) readable(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("it is no tar archive, or is damaged after %d entries", u.n)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it is cut off after %d entries", u.n)
	case errors.Is(err, tar.ErrInsecurePath): // names are checked here
		return nil
	}
	return err
}

func (u *unpacker) tarEntry(name string, h *tar.Header, t *tar.Reader) error {
	mode := fs.FileMode(h.Mode & 0o777) // nine bits
	switch h.Typeflag {
	case tar.TypeDir:
		return u.folder(name, carried(mode, folderMode))
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return u.file(name, carried(mode, fileMode), t, u.holesOf(h))
	case tar.TypeSymlink:
		return u.link(name, h.Linkname)
	case tar.TypeLink:
		if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return escaping(name, u.root.Link(path.Clean(h.Linkname), name))
	case tar.TypeXGlobalHeader:
		return nil
	}
	return fmt.Errorf("the entry %q is a device or something else that is no file, folder or link", h.Name)
}

// Modes of what an archive carries no mode for. Nobody but the owner may write it.
const (
	fileMode   fs.FileMode = 0o644
	folderMode fs.FileMode = 0o755
)

// carried is the mode that an archive carries for an entry, or the usual one if it carries none.
func carried(mode, usual fs.FileMode) fs.FileMode {
	if mode.Perm() == 0 {
		return usual
	}
	return mode.Perm()
}

// decompressed reads through gzip, and names what else a bundle was packed with.
func decompressed(r io.Reader, magic string) (io.Reader, error) {
	for start, kind := range map[string]string{"BZh": "bzip2", "\xfd7zXZ": "xz", "\x28\xb5\x2f\xfd": "zstd"} {
		if strings.HasPrefix(magic, start) {
			return nil, fmt.Errorf(
				"it is compressed with %s; a bundle may be a zip, a tar, or a tar compressed with gzip", kind)
		}
	}
	switch {
	case strings.HasPrefix(magic, "PK\x03\x04"):
		return nil, errors.New("it is a zip archive, but the revision says that its bundle type is tar or tgz")
	case strings.HasPrefix(magic, "\x1f\x8b"):
		return gzip.NewReader(r)
	}
	return r, nil
}

// holesOf is how many zeros of a tar's entry may be left out: none unless it is a sparse file.
func (u *unpacker) holesOf(h *tar.Header) int64 {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return u.holes
		}
	}
	if h.Typeflag == tar.TypeGNUSparse {
		return u.holes
	}
	return 0
}
