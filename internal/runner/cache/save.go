package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"time"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	_ "github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc" // registers itself
	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Bounds of the pieces that content is cut into, in bytes.
const (
	minPiece  = 256 << 10
	meanPiece = 1 << 20
	maxPiece  = 4 << 20
)

// MaxEntries is how many files, folders and links one cache may have.
const MaxEntries = 1_000_000

// Dir is a directory of a build that is saved.
type Dir struct {
	Name string // as the buildspec names it
	Root *os.Root
}

// Saved is what became of a save.
type Saved struct {
	Head *Head
	Left Left
	// Added is how many bytes were kept that no other cache had, compressed.
	Added int64
}

// Left is what of a build's directories is not saved.
type Left struct {
	Links   int // that lead out of their directory
	Special int // pipes, sockets and devices
	First   string
}

func (l *Left) note(count *int, name string) {
	if *count++; l.First == "" {
		l.First = name
	}
}

// Save keeps directories as the cache that h describes; it fills in the rest of h. Files must not change meanwhile.
func Save(ctx context.Context, to Store, h Head, dirs []Dir) (Saved, error) {
	s := &saving{ctx: ctx, store: to}
	trees := make([]tree, 0, len(dirs))
	for _, d := range dirs {
		t, err := s.walk(d, &h)
		if err != nil {
			return Saved{}, err
		}
		trees = append(trees, t)
	}
	text, err := cbor.Marshal(trees)
	if err != nil {
		return Saved{}, err
	}
	if h.Tree, err = s.pieces(bytes.NewReader(text)); err != nil {
		return Saved{}, err
	}
	all := &content{dirs: dirs, trees: trees}
	defer all.close()
	if h.Data, err = s.pieces(all); err != nil {
		return Saved{}, err
	}
	h.Saved = time.Now()
	if err := to.Put(ctx, &h); err != nil {
		return Saved{}, err
	}
	return Saved{Head: &h, Left: s.left, Added: s.added}, nil
}

// saving is a save while it goes on.
type saving struct {
	ctx   context.Context
	store Store
	left  Left

	mu    sync.Mutex
	added int64
}

// walk reads what a directory holds, but for the content of its files.
func (s *saving) walk(d Dir, h *Head) (tree, error) {
	t := tree{Dir: d.Name}
	err := fs.WalkDir(d.Root.FS(), ".", func(name string, de fs.DirEntry, err error) error {
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return err
		}
		info, err := de.Info()
		if err != nil {
			return err
		}
		e := entry{Name: name, Mode: uint16(info.Mode().Perm()), Time: info.ModTime().UnixNano()}
		switch {
		case info.IsDir():
			e.Kind = folder
		case info.Mode().IsRegular():
			e.Kind, e.Size = file, info.Size()
		case info.Mode()&fs.ModeSymlink != 0:
			if e.Target, err = d.Root.Readlink(name); err != nil {
				return err
			}
			if e.Kind = link; !staysInside(name, e.Target) {
				s.left.note(&s.left.Links, d.Name+"/"+name+" → "+e.Target)
				return nil
			}
		default:
			s.left.note(&s.left.Special, d.Name+"/"+name)
			return nil
		}
		h.Size += e.Size
		if h.Files++; h.Files > MaxEntries {
			return fmt.Errorf("it has more than %d files", MaxEntries)
		}
		t.Entries = append(t.Entries, e)
		return nil
	})
	return t, err
}

// piece is a blob that is being kept.
type piece struct {
	text []byte
	at   int
}

// pieces cuts content into pieces and keeps those that the store does not have.
func (s *saving) pieces(r io.Reader) ([]Blob, error) {
	cut, err := chunkers.NewChunker("fastcdc-v1.0.0", r,
		&chunkers.ChunkerOpts{MinSize: minPiece, NormalSize: meanPiece, MaxSize: maxPiece})
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var blobs []Blob
	group, ctx := errgroup.WithContext(s.ctx)
	todo := make(chan piece)
	group.Go(func() error {
		defer close(todo)
		for {
			text, err := cut.Next()
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if len(text) > 0 {
				mu.Lock()
				blobs = append(blobs, Blob{Size: int64(len(text))})
				p := piece{bytes.Clone(text), len(blobs) - 1}
				mu.Unlock()
				select {
				case todo <- p:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if err != nil {
				return nil
			}
		}
	})
	for range max(2, runtime.GOMAXPROCS(0)) {
		group.Go(func() error {
			pack, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
			if err != nil {
				return err
			}
			defer pack.Close() //nolint:errcheck // it writes to nothing
			for p := range todo {
				b, err := s.keep(ctx, pack, p.text)
				if err != nil {
					return err
				}
				mu.Lock()
				blobs[p.at] = b
				mu.Unlock()
			}
			return nil
		})
	}
	return blobs, group.Wait()
}

// keep keeps one piece.
func (s *saving) keep(ctx context.Context, pack *zstd.Encoder, text []byte) (Blob, error) {
	b := Blob{Sum: sha256.Sum256(text), Size: int64(len(text))}
	stored, ok, err := s.store.Has(ctx, b.Sum)
	if err != nil || ok {
		b.Stored = stored
		return b, err
	}
	packed := pack.EncodeAll(text, nil)
	b.Stored = int64(len(packed))
	if err := s.store.Add(ctx, b.Sum, packed); err != nil {
		return b, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added += b.Stored
	return b, nil
}

// content reads the bytes of all files of trees, one file after another.
type content struct {
	dirs  []Dir
	trees []tree
	open  *os.File
	name  string
	left  int64 // bytes of the file that is open
}

// Read implements io.Reader. A file that has become shorter than it was is an error.
func (c *content) Read(p []byte) (int, error) {
	for c.left == 0 {
		c.close()
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.open.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) && c.left > 0 {
		return n, fmt.Errorf("%s changed while it was saved", c.name)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// next opens the next file that is not empty. It returns io.EOF after the last one.
func (c *content) next() error {
	for len(c.trees) > 0 {
		t := &c.trees[0]
		if len(t.Entries) == 0 {
			c.trees, c.dirs = c.trees[1:], c.dirs[1:]
			continue
		}
		e := t.Entries[0]
		t.Entries = t.Entries[1:]
		if e.Kind != file || e.Size == 0 {
			continue
		}
		f, err := c.dirs[0].Root.OpenFile(e.Name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		c.open, c.left, c.name = f, e.Size, t.Dir+"/"+e.Name
		return nil
	}
	return io.EOF
}

func (c *content) close() {
	if c.open != nil {
		_ = c.open.Close()
		c.open = nil
	}
}
