package kit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed static
var files embed.FS

// asset is a file that pages refer to by a name that changes with its content, so that it may be kept for ever.
type asset struct {
	name    string // tokens.3f0c9a12.css
	kind    string
	plain   []byte
	gzipped []byte
}

// assets are the files, by the name under which pages ask for them.
var assets = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	entries, _ := files.ReadDir("static") // embedded above
	for _, e := range entries {
		text, _ := files.ReadFile("static/" + e.Name())
		sum := sha256.Sum256(text)
		base, ext, _ := strings.Cut(e.Name(), ".")
		a := asset{
			name:  base + "." + hex.EncodeToString(sum[:4]) + "." + ext,
			kind:  mime.TypeByExtension(path.Ext(e.Name())),
			plain: text,
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(text) // to memory
		_ = z.Close()
		a.gzipped = b.Bytes()
		all[e.Name()], all[a.name] = a, a
	}
	return all
})

func (s *Site) serveStatic(w http.ResponseWriter, r *http.Request) {
	a, ok := s.static[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	if r.PathValue("file") == a.name {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write(a.gzipped)
		return
	}
	_, _ = w.Write(a.plain)
}
