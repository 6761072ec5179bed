package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// MaxKey is how many bytes a key may have.
const MaxKey = 512

// Sum names a blob: SHA-256 of what it holds before it is compressed.
type Sum [sha256.Size]byte

func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// ParseSum reads the name of a blob.
func ParseSum(name string) (s Sum, ok bool) {
	if len(name) != 2*len(s) {
		return s, false
	}
	_, err := hex.Decode(s[:], []byte(name))
	return s, err == nil
}

// Blob is a piece of a cache.
type Blob struct {
	_      struct{} `cbor:",toarray"`
	Sum    Sum
	Size   int64 // bytes of what it holds
	Stored int64 // bytes as it is kept, compressed
}

// Part is something that a key was made of, such as a file that was hashed.
type Part struct {
	Name  string `json:"name"` // as people know it: go.sum, $BRANCH
	Value string `json:"value"`
}

// Head says what a kept cache is.
type Head struct {
	// Scope names whose builds share the cache. Version is of the directories that it holds: caches of other
	// directories are never restored, whatever their key.
	Scope, Version string
	Key            string
	Parts          []Part // that the key was made of
	Project        string // whose build saved it
	Build          string // its ID, without the project
	Number         int64
	// AsOf is when the build that saved it was submitted, by the server's clock.
	AsOf  time.Time
	Saved time.Time
	Dirs  []string // as the buildspec names them
	Size  int64    // bytes of its files
	Files int64    // number of its files, folders and links
	Tree  []Blob
	Data  []Blob
}

// blobs are all blobs of a cache.
func (h *Head) blobs() []Blob { return slices.Concat(h.Tree, h.Data) }

// Sums names the blobs of the cache, each once.
func (h *Head) Sums() map[Sum]bool {
	all := map[Sum]bool{}
	for _, b := range h.blobs() {
		all[b.Sum] = true
	}
	return all
}

// Stored is how many bytes the cache takes by itself, compressed. What it shares with others is counted too.
func (h *Head) Stored() (sum int64) {
	for _, b := range h.blobs() {
		sum += b.Stored
	}
	return sum
}

// By names the build that saved the cache, as people know it.
func (h *Head) By() string { return fmt.Sprintf("%s:%d", h.Project, h.Number) }

// Name is the name of a head in a store: of its scope, its version and its key.
func Name(scope, version, key string) string { return scope + "/" + version + "/" + key }

// Version is the version of a cache of directories, which are named as the buildspec names them.
// Source: "Cache version" in "Amazon S3 caching" of the AWS CodeBuild user guide.
func Version(dirs []string) string {
	dirs = slices.Sorted(slices.Values(dirs))
	sum := sha256.Sum256([]byte("1\x00" + strings.Join(dirs, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Listed is a head in a list: its key and when it was written.
type Listed struct {
	Key   string
	Saved time.Time
}

// Store is where caches are kept. Its methods may be called by several goroutines.
type Store interface {
	// List returns the heads of a scope and version whose keys begin with a prefix, in any order.
	List(ctx context.Context, scope, version, prefix string) ([]Listed, error)
	// Head returns a head. The error is fs.ErrNotExist if there is none, and Damaged if it cannot be read.
	Head(ctx context.Context, scope, version, key string) (*Head, error)
	// Put writes a head whose blobs are all there, in one step.
	Put(ctx context.Context, h *Head) error
	// Has tells whether there is a blob, and as how many bytes. It stays until the save has ended.
	Has(ctx context.Context, s Sum) (stored int64, ok bool, err error)
	// Get returns a blob as it is kept.
	Get(ctx context.Context, s Sum) ([]byte, error)
	// Add keeps a blob.
	Add(ctx context.Context, s Sum, packed []byte) error
}

// Damaged is the error of a cache that is not as it was saved.
type Damaged struct{ Why string }

func (e *Damaged) Error() string { return "the cache is damaged: " + e.Why }

func damaged(format string, args ...any) error { return &Damaged{fmt.Sprintf(format, args...)} }

// Encode writes a head as it is kept.
func (h *Head) Encode() ([]byte, error) {
	mode, err := cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(h)
}

// Decode reads a head.
func Decode(text []byte) (*Head, error) {
	mode, err := cbor.DecOptions{MaxArrayElements: 10_000_000}.DecMode()
	if err != nil {
		return nil, err
	}
	h := new(Head)
	if err := mode.Unmarshal(text, h); err != nil {
		return nil, damaged("its head cannot be read: %v", err)
	}
	return h, nil
}

// kind of an entry of a tree.
type kind uint8

const (
	folder kind = iota
	file
	link
)

// entry is a file, a folder or a link in a tree. The entries of a tree are in the order of fs.WalkDir, its root first.
type entry struct {
	_      struct{} `cbor:",toarray"`
	Name   string   // from the root, "." for the root itself
	Kind   kind
	Mode   uint16 // permissions
	Time   int64  // of the last change, in nanoseconds since 1970
	Size   int64
	Target string // of a link
}

// tree is a directory that a cache has.
type tree struct {
	_       struct{} `cbor:",toarray"`
	Dir     string   // as the buildspec names it
	Entries []entry
}

// staysInside tells whether a link leads to something in its own tree.
func staysInside(name, target string) bool {
	if target == "" || strings.HasPrefix(target, "/") || strings.ContainsRune(target, 0) {
		return false
	}
	depth := strings.Count(name, "/")
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return false
			}
		default:
			depth++
		}
	}
	return true
}

// validName tells whether an entry's name is one in its tree.
func validName(name string) bool { return fs.ValidPath(name) && !strings.ContainsRune(name, 0) }
