package object

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"slipway/internal/quarantine"
)

// blobs keeps bytes in files that never change. A file is written and made durable in incoming/, is committed to
// by a row, and then moves to its place; after a crash the rows say which files of incoming/ count.
type blobs struct {
	dir   string
	aside quarantine.Place // for files that no row speaks of
}

func (b blobs) incoming(id string) string { return filepath.Join(b.dir, "incoming", id) }
func (b blobs) settled(id string) string  { return filepath.Join(b.dir, "blobs", id[:2], id) }

// staged is a durable file that no row speaks of yet.
type staged struct {
	id   string
	size int64
	md5  []byte
}

// stage writes a body to incoming/ and syncs it.
func (b blobs) stage(body io.Reader) (s staged, err error) {
	s.id = uuid.NewString()
	f, err := os.OpenFile(b.incoming(s.id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
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
	if s.size, err = io.Copy(io.MultiWriter(f, sum), body); err != nil {
		return s, err
	}
	s.md5 = sum.Sum(nil)
	if err := f.Sync(); err != nil {
		return s, fmt.Errorf("write object: %w", err)
	}
	return s, syncDir(filepath.Dir(f.Name()))
}

func (s staged) etag() string { return hex.EncodeToString(s.md5) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// drop removes a staged file whose row was not written.
func (b blobs) drop(s staged) { _ = os.Remove(b.incoming(s.id)) }

// settle moves a file that a committed row speaks of to its place. If it fails, the next start does it.
func (b blobs) settle(id string) {
	to := b.settled(id)
	if err := os.Rename(b.incoming(id), to); errors.Is(err, fs.ErrNotExist) {
		if os.MkdirAll(filepath.Dir(to), 0o700) == nil {
			_ = os.Rename(b.incoming(id), to)
		}
	}
}

// open returns a blob's file, wherever it is on its way.
func (b blobs) open(id string) (*os.File, error) {
	for _, path := range []string{b.settled(id), b.incoming(id), b.settled(id)} {
		f, err := os.Open(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, fmt.Errorf("object data %s is missing from %s; restore it from a backup", id, b.dir)
}

func (b blobs) remove(id string) error {
	for _, path := range []string{b.incoming(id), b.settled(id)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// etagOfParts is the ETag of a multipart object: the MD5 of its parts' MD5s, and their number.
func etagOfParts(sums [][]byte) string {
	h := md5.New()
	for _, s := range sums {
		h.Write(s)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(sums))
}
