package cache

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// ahead is how many pieces are fetched and unpacked before they are written.
const ahead = 16

// Restore writes the directories of a cache into a folder that only the caller can reach, each under the name that name
// gives for it; "" leaves it out. Files belong to a user, or to the caller if user is -1. The error is Damaged if the
// cache is not as it was saved; then what was written is worth nothing.
func Restore(ctx context.Context, from Store, h *Head, into string, user int, name func(dir string) string) error {
	r := &restoring{store: from}
	trees, err := r.readTrees(ctx, h)
	if err != nil {
		return err
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	data := r.start(stop, h.Data)
	for _, t := range trees {
		as := name(t.Dir)
		if as == "" {
			if err := data.skip(t.size()); err != nil {
				return err
			}
			continue
		}
		at := filepath.Join(into, as)
		if err := os.Mkdir(at, 0o700); err != nil {
			return err
		}
		if err := write(t, at, user, data); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) size() (sum int64) {
	for _, e := range t.Entries {
		sum += e.Size
	}
	return sum
}

type restoring struct{ store Store }

// readTrees reads what a cache holds.
func (r *restoring) readTrees(ctx context.Context, h *Head) ([]tree, error) {
	var text []byte
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	data := r.start(stop, h.Tree)
	for {
		p, err := data.some(maxPiece)
		if err != nil {
			return nil, err
		}
		if len(p) == 0 {
			break
		}
		text = append(text, p...)
	}
	mode, err := cbor.DecOptions{MaxArrayElements: MaxEntries + 1}.DecMode()
	if err != nil {
		return nil, err
	}
	var trees []tree
	if err := mode.Unmarshal(text, &trees); err != nil {
		return nil, damaged("its list of files cannot be read: %v", err)
	}
	return trees, nil
}

// unpacked is a piece, or why there is none.
type unpacked struct {
	text []byte
	err  error
}

// stream is the content of a cache, in its order.
type stream struct {
	ctx    context.Context
	pieces chan chan unpacked
	rest   []byte
}

// start fetches and unpacks pieces, some ahead of those that are read, until ctx ends.
func (r *restoring) start(ctx context.Context, blobs []Blob) *stream {
	type task struct {
		blob Blob
		done chan unpacked
	}
	s := &stream{ctx: ctx, pieces: make(chan chan unpacked, ahead)}
	tasks := make(chan task, ahead)
	go func() {
		defer close(s.pieces)
		defer close(tasks)
		for _, b := range blobs {
			done := make(chan unpacked, 1)
			select {
			case tasks <- task{b, done}:
			case <-ctx.Done():
				return
			}
			select {
			case s.pieces <- done:
			case <-ctx.Done():
				return
			}
		}
	}()
	group := new(errgroup.Group)
	for range max(2, runtime.GOMAXPROCS(0)) {
		group.Go(func() error {
			unpack, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*maxPiece))
			for t := range tasks {
				if err != nil {
					t.done <- unpacked{nil, err}
					continue
				}
				text, err := r.piece(ctx, unpack, t.blob)
				t.done <- unpacked{text, err}
			}
			if unpack != nil {
				unpack.Close()
			}
			return nil
		})
	}
	return s
}

// piece fetches and unpacks a blob. Its frame has a checksum of what it holds.
func (r *restoring) piece(ctx context.Context, unpack *zstd.Decoder, b Blob) ([]byte, error) {
	if b.Size < 0 || b.Size > maxPiece {
		return nil, damaged("a piece has %d bytes", b.Size)
	}
	packed, err := r.store.Get(ctx, b.Sum)
	if err != nil {
		return nil, err
	}
	text, err := unpack.DecodeAll(packed, make([]byte, 0, b.Size))
	switch {
	case err != nil:
		return nil, damaged("the piece %.12s: %v", b.Sum, err)
	case int64(len(text)) != b.Size:
		return nil, damaged("the piece %.12s has %d bytes, not %d", b.Sum, len(text), b.Size)
	}
	return text, nil
}

// some returns the next bytes, at most limit; none at the end. They are valid until the next call.
func (s *stream) some(limit int64) ([]byte, error) {
	if len(s.rest) == 0 {
		next, ok := <-s.pieces
		if !ok {
			return nil, s.ctx.Err()
		}
		p := <-next
		if p.err != nil {
			return nil, p.err
		}
		s.rest = p.text
	}
	n := min(limit, int64(len(s.rest)))
	p := s.rest[:n]
	s.rest = s.rest[n:]
	return p, nil
}

// copy hands n bytes to use, in parts.
func (s *stream) copy(n int64, use func([]byte) error) error {
	for n > 0 {
		p, err := s.some(n)
		if err != nil {
			return err
		}
		if len(p) == 0 {
			return damaged("%d bytes are missing at its end", n)
		}
		n -= int64(len(p))
		if err := use(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) skip(n int64) error { return s.copy(n, func([]byte) error { return nil }) }
