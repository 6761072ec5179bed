package agent

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// maxLink bounds the target of a link in a zip, which is its content.
const maxLink = 4096

func (u *unpacker) zip(bundle string) error {
	z, err := zip.OpenReader(bundle)
	if errors.Is(err, zip.ErrFormat) {
		return errors.New("it is no zip archive, or is cut off, but the revision says that its bundle type is zip")
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return err
	}
	defer z.Close()
	if len(z.File) == 0 {
		return errors.New("it is empty")
	}
	for _, e := range z.File {
		full := zipName(e)
		name, ok, err := u.name(full)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := u.zipEntry(e, name, strings.HasSuffix(full, "/")); err != nil {
			return fmt.Errorf("the entry %q: %w", full, err)
		}
	}
	return nil
}

// Systems that archives are made on, as the upper byte of "version made by" has them (APPNOTE 4.4.2.2).
const (
	madeOnFAT   = 0
	madeOnUnix  = 3
	madeOnHPFS  = 6
	madeOnNTFS  = 10
	madeOnVFAT  = 14
	madeOnMacOS = 19
)

// encrypted is a bit of an entry's flags (APPNOTE 4.4.4).
const encrypted = 1

// zipName is the name of an entry in UTF-8 with slashes. Names that are not said to be UTF-8 and are not, are in the
// code page of DOS (APPNOTE appendix D), unless the entry has a Unicode name beside. On Windows a backslash parts
// folders.
func zipName(e *zip.File) string {
	name := e.Name
	if unicode, ok := unicodePath(e); ok {
		name = unicode
	} else if !utf8.ValidString(name) {
		if text, err := charmap.CodePage437.NewDecoder().String(name); err == nil {
			name = text
		}
	}
	switch e.CreatorVersion >> 8 {
	case madeOnFAT, madeOnHPFS, madeOnNTFS, madeOnVFAT:
		name = strings.ReplaceAll(name, `\`, "/")
	}
	return name
}

// unicodePath is the name in the Info-ZIP Unicode Path extra field 0x7075, if that belongs to the entry's name.
func unicodePath(e *zip.File) (string, bool) {
	for extra := e.Extra; len(extra) >= 4; {
		tag, size := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if size > len(extra)-4 {
			return "", false
		}
		field := extra[4 : 4+size]
		if tag == 0x7075 && size > 5 && field[0] == 1 &&
			binary.LittleEndian.Uint32(field[1:]) == crc32.ChecksumIEEE([]byte(e.Name)) {
			return string(field[5:]), utf8.Valid(field[5:])
		}
		extra = extra[4+size:]
	}
	return "", false
}

// zipMode is the mode of an entry. Only archives made on Unix carry one.
func zipMode(e *zip.File, isFolder bool) fs.FileMode {
	mode := e.Mode()
	usual := fileMode
	if isFolder {
		usual = folderMode
	}
	switch e.CreatorVersion >> 8 {
	case madeOnUnix, madeOnMacOS:
		return mode&fs.ModeType | carried(mode, usual)
	}
	return mode&fs.ModeType | usual
}

func (u *unpacker) zipEntry(e *zip.File, name string, isFolder bool) error {
	isFolder = isFolder || e.Mode().IsDir()
	mode := zipMode(e, isFolder)
	if isFolder {
		return u.folder(name, mode)
	}
	if mode&fs.ModeType != 0 && mode&fs.ModeSymlink == 0 {
		return errors.New("it is a device or something else that is no file, folder or link")
	}
	if e.Flags&encrypted != 0 {
		return errors.New("it is encrypted with a password; make the bundle without one")
	}
	content, err := e.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return fmt.Errorf("it is compressed with method %d; use deflate, which zip does by default", e.Method)
	}
	if err != nil {
		return err
	}
	defer content.Close()
	if mode&fs.ModeSymlink != 0 {
		target, err := io.ReadAll(io.LimitReader(content, maxLink))
		if err != nil {
			return err
		}
		return u.link(name, string(target))
	}
	return u.file(name, mode, content, 0)
}
