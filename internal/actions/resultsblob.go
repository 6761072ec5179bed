package actions

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// blob is a file that is uploaded to a URL, whole or in blocks that a list puts in order at the end, or downloaded.
type blob struct {
	id     string
	file   string
	upload bool
	raw    bool   // an artifact that is no archive
	kind   string // Content-Type of a download
	shown  string // its name in Content-Disposition, "" for none
}

// maxBlocks bounds the blocks of a blob; Azure's has as many.
const maxBlocks = 50_000

// newBlob makes a blob whose URL nobody can guess. The URL ends with a query, as a signed one does, to which clients
// add parameters.
func (s *results) newBlob(b *blob) (url string) {
	b.id = rand.Text()
	if b.file == "" {
		b.file = filepath.Join(s.dir, b.id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[b.id] = b
	return s.base + "blob/" + b.id + "?sig=slipway"
}

// blob answers the calls of a blob store: PUT of the whole, of a block (comp=block) and of the list of blocks
// (comp=blocklist); GET and HEAD.
func (s *results) blob(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	b := s.blobs[r.PathValue("id")]
	s.mu.Unlock()
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case b == nil:
		http.Error(w, "there is no such blob", http.StatusNotFound)
	case read && !b.upload:
		w.Header().Set("Content-Type", b.kind)
		if b.shown != "" {
			w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", b.shown))
		}
		http.ServeFile(w, r, b.file)
	case r.Method == http.MethodPut && b.upload:
		if err := b.put(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusCreated)
	default:
		http.Error(w, "a blob is either uploaded or downloaded", http.StatusMethodNotAllowed)
	}
}

func (b *blob) put(r *http.Request) error {
	q := r.URL.Query()
	switch q.Get("comp") {
	case "":
		return writeBlob(b.file, r.Body)
	case "block":
		return writeBlob(b.block(q.Get("blockid")), r.Body)
	case "blocklist":
		return b.join(r.Body)
	}
	return fmt.Errorf("comp=%s is not known", q.Get("comp"))
}

// block is the file of a block. Its ID is the client's own.
func (b *blob) block(id string) string {
	sum := sha256.Sum256([]byte(id))
	return b.file + "." + hex.EncodeToString(sum[:16])
}

func writeBlob(file string, from io.Reader) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}

// join puts blocks together in the order of a list.
func (b *blob) join(from io.Reader) error {
	var list struct {
		Latest      []string `xml:"Latest"`
		Uncommitted []string `xml:"Uncommitted"`
	}
	if err := xml.NewDecoder(io.LimitReader(from, 16<<20)).Decode(&list); err != nil {
		return fmt.Errorf("the list of blocks is no XML: %w", err)
	}
	ids := slices.Concat(list.Latest, list.Uncommitted)
	if len(ids) > maxBlocks {
		return fmt.Errorf("the list has more than %d blocks", maxBlocks)
	}
	f, err := os.OpenFile(b.file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err = appendBlock(f, b.block(id)); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close())
}

func appendBlock(to io.Writer, file string) error {
	in, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("a block of the list was not uploaded")
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(to, in)
	return errors.Join(err, in.Close(), os.Remove(file))
}
