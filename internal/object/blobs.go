package object

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
)

// Blobs keep bytes that never change, by IDs of their own. A blob is staged, then committed to by a row of the
// database, then settled. It can be read from the moment it is staged.
type Blobs interface {
	// Stage makes a body durable that no row speaks of yet.
	Stage(body io.Reader) (Staged, error)
	// Settle says that a committed row speaks of a blob.
	Settle(id string)
	// Drop removes a staged blob whose row was not written.
	Drop(id string)
	Open(id string) (File, error)
	// Remove deletes a blob. A blob that does not exist is not an error.
	Remove(id string) error
	// Sweep settles the staged blobs that are known, and sets those aside that are unknown and older than a day, for
	// another server may be about to write their rows. Unless stagedAlone it also looks at the settled ones.
	Sweep(ctx context.Context, stagedAlone bool, known Known) error
}

// Known tells which blobs a row speaks of.
type Known func(ctx context.Context, ids []string) (map[string]bool, error)

// File is an open blob.
type File interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// Staged is a durable blob that no row speaks of yet.
type Staged struct {
	ID   string
	Size int64 // in bytes
	MD5  []byte
}

// etagOfParts is the ETag of a multipart object: the MD5 of its parts' MD5s, and the number of parts.
func etagOfParts(sums [][]byte) string {
	h := md5.New()
	for _, s := range sums {
		h.Write(s)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(sums))
}

func (s Staged) etag() string { return hex.EncodeToString(s.MD5) }
