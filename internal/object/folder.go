package object

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"slipway/internal/quarantine"
)

// Folder implements Blobs in a folder of this machine. A file is written and made durable in incoming/, is committed to
// by a row, and then moves to its place. After a crash the rows say which files of incoming/ count.
type Folder struct {
	Dir   string
	Aside quarantine.Place // for files that no row speaks of
}

// NewFolder makes the folder if it is missing.
func NewFolder(dir string, aside quarantine.Place) (Folder, error) {
	b := Folder{dir, aside}
	for _, d := range []string{"incoming", "blobs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return b, fmt.Errorf("open object store: %w", err)
		}
	}
	return b, nil
}

func (b Folder) incoming(id string) string { return filepath.Join(b.Dir, "incoming", id) }
func (b Folder) settled(id string) string  { return filepath.Join(b.Dir, "blobs", id[:2], id) }

// Stage implements Blobs: it writes a body to incoming/ and syncs it.
func (b Folder) Stage(body io.Reader) (s Staged, err error) {
	s.ID = uuid.NewString()
	f, err := os.OpenFile(b.incoming(s.ID), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return s, fmt.Errorf("write object: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	sum := md5.New() // an S3 ETag is an MD5; nothing trusts it
	if s.Size, err = io.Copy(io.MultiWriter(f, sum), body); err != nil {
		return s, err
	}
	s.MD5 = sum.Sum(nil)
	if err := f.Sync(); err != nil {
		return s, fmt.Errorf("write object: %w", err)
	}
	return s, syncDir(filepath.Dir(f.Name()))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Drop implements Blobs.
func (b Folder) Drop(id string) { _ = os.Remove(b.incoming(id)) }

// Settle implements Blobs. If it fails, the next sweep does it.
func (b Folder) Settle(id string) {
	to := b.settled(id)
	if err := os.Rename(b.incoming(id), to); errors.Is(err, fs.ErrNotExist) {
		if os.MkdirAll(filepath.Dir(to), 0o700) == nil {
			_ = os.Rename(b.incoming(id), to)
		}
	}
}

// Open implements Blobs. It finds the file in incoming/ or at its final place.
func (b Folder) Open(id string) (File, error) {
	for _, path := range []string{b.settled(id), b.incoming(id), b.settled(id)} {
		f, err := os.Open(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("object data %s is missing from %s; restore it from a backup", id, b.Dir)
}

// Remove implements Blobs.
func (b Folder) Remove(id string) error {
	for _, path := range []string{b.incoming(id), b.settled(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Sweep implements Blobs. It moves files that the database does not know and that are older than a day to the
// quarantine.
func (b Folder) Sweep(ctx context.Context, stagedAlone bool, known Known) error {
	if err := b.sweepFolder(ctx, filepath.Join(b.Dir, "incoming"), known, b.Settle); err != nil || stagedAlone {
		return err
	}
	folders, err := os.ReadDir(filepath.Join(b.Dir, "blobs"))
	if err != nil {
		return err
	}
	for _, f := range folders {
		dir := filepath.Join(b.Dir, "blobs", f.Name())
		if err := b.sweepFolder(ctx, dir, known, func(string) {}); err != nil {
			return err
		}
	}
	return nil
}

// sweepFolder looks at the files of a folder, some at a time. It calls keep for those that are known.
func (b Folder) sweepFolder(ctx context.Context, dir string, known Known, keep func(id string)) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(200)
		if len(names) == 0 {
			if err == io.EOF {
				return nil
			}
			return err
		}
		has, err := known(ctx, names)
		if err != nil {
			return err
		}
		for _, name := range names {
			if has[name] {
				keep(name)
			} else if _, err := b.Aside.Take(filepath.Join(dir, name), "objects", unknownBlob); err != nil {
				return err
			}
		}
	}
}
