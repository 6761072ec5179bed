package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"slipway/internal/runner/cache"
)

// Names below the prefix of a cache in a bucket.
const (
	bucketHeads = "heads/" // SCOPE/VERSION/k-KEY
	bucketBlobs = "blobs/" // SUM
	bucketUsed  = "used/"  // as heads: an empty object, written when its cache is used
	keyMark     = "k-"     // begins the last part of a head's name, so that an empty key has one
)

const (
	// maxHead bounds a head in a bucket, in bytes.
	maxHead = 64 << 20
	// renewBlob is the age from which a blob is written anew rather than shared: it may be about to be removed.
	renewBlob = 12 * time.Hour
	// oldBlob is the age from which a blob that no head has is removed. A save takes less time.
	oldBlob = 24 * time.Hour
)

// bucketStore keeps caches in a bucket, with the build's own rights. It implements cache.Store.
type bucketStore struct {
	objects        *objects
	bucket, prefix string // the prefix is "", or ends in a slash

	mu    sync.Mutex
	blobs map[cache.Sum]blobInBucket // nil until they were listed
}

type blobInBucket struct {
	stored int64
	since  time.Time
}

// newBucketStore reads the location of a cache: BUCKET or BUCKET/PREFIX.
func newBucketStore(o *objects, location string) (*bucketStore, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(location, "arn:aws:s3:::"), "/")
	if o == nil || bucket == "" {
		return nil, fmt.Errorf("the location %q of the cache names no bucket", location)
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return &bucketStore{objects: o, bucket: bucket, prefix: prefix}, nil
}

func (s *bucketStore) String() string { return "s3://" + s.bucket + "/" + s.prefix }

func headName(scope, version, key string) string {
	return url.PathEscape(scope) + "/" + version + "/" + keyMark + url.PathEscape(key)
}

// List implements cache.Store.
func (s *bucketStore) List(ctx context.Context, scope, version, prefix string) (all []cache.Listed, err error) {
	start := s.prefix + bucketHeads + headName(scope, version, prefix)
	top := s.prefix + bucketHeads + headName(scope, version, "")
	err = s.objects.listTimes(ctx, s.bucket, start, func(name string, _ int64, at time.Time) error {
		key, err := url.PathUnescape(strings.TrimPrefix(name, top))
		if err == nil && strings.HasPrefix(key, prefix) {
			all = append(all, cache.Listed{Key: key, Saved: at})
		}
		return nil
	})
	return all, err
}

// Head implements cache.Store.
func (s *bucketStore) Head(ctx context.Context, scope, version, key string) (*cache.Head, error) {
	h, err := s.read(ctx, bucketHeads+headName(scope, version, key))
	if err == nil && (h.Scope != scope || h.Version != version || h.Key != key) {
		return nil, &cache.Damaged{Why: "its head is another's"}
	}
	return h, err
}

func (s *bucketStore) read(ctx context.Context, name string) (*cache.Head, error) {
	var text bytes.Buffer
	err := s.objects.get(ctx, s.bucket, s.prefix+name, "", &text, maxHead)
	if missing(err) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	return cache.Decode(text.Bytes())
}

func missing(err error) bool { return err != nil && strings.Contains(err.Error(), ": NoSuchKey: ") }

// Put implements cache.Store.
func (s *bucketStore) Put(ctx context.Context, h *cache.Head) error {
	text, err := h.Encode()
	if err != nil {
		return err
	}
	return s.write(ctx, bucketHeads+headName(h.Scope, h.Version, h.Key), text)
}

func (s *bucketStore) write(ctx context.Context, name string, text []byte) error {
	return s.objects.putBytes(ctx, s.bucket, s.prefix+name, text)
}

// Touch notes that a cache was used.
func (s *bucketStore) Touch(ctx context.Context, h *cache.Head) error {
	return s.write(ctx, bucketUsed+headName(h.Scope, h.Version, h.Key), nil)
}

// Has implements cache.Store.
func (s *bucketStore) Has(ctx context.Context, sum cache.Sum) (int64, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs == nil {
		if err := s.listBlobs(ctx); err != nil {
			return 0, false, err
		}
	}
	b, ok := s.blobs[sum]
	return b.stored, ok && time.Since(b.since) < renewBlob, nil
}

func (s *bucketStore) listBlobs(ctx context.Context) error {
	s.blobs = map[cache.Sum]blobInBucket{}
	start := s.prefix + bucketBlobs
	return s.objects.listTimes(ctx, s.bucket, start, func(name string, size int64, at time.Time) error {
		if sum, ok := cache.ParseSum(strings.TrimPrefix(name, start)); ok {
			s.blobs[sum] = blobInBucket{size, at}
		}
		return nil
	})
}

// Get implements cache.Store.
func (s *bucketStore) Get(ctx context.Context, sum cache.Sum) ([]byte, error) {
	var packed bytes.Buffer
	err := s.objects.get(ctx, s.bucket, s.prefix+bucketBlobs+sum.String(), "", &packed, maxHead)
	if missing(err) {
		return nil, &cache.Damaged{Why: "the piece " + sum.String()[:12] + " is missing"}
	}
	return packed.Bytes(), err
}

// Add implements cache.Store.
func (s *bucketStore) Add(ctx context.Context, sum cache.Sum, packed []byte) error {
	if err := s.write(ctx, bucketBlobs+sum.String(), packed); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blobs != nil {
		s.blobs[sum] = blobInBucket{int64(len(packed)), time.Now()}
	}
	return nil
}

// bucketHead is a head of the bucket, with the time of its last use.
type bucketHead struct {
	name string // below heads/
	used time.Time
	*cache.Head
}

// tidy removes, if all caches of the prefix take more than limit bytes, those that nobody has used for longest, but for
// one; and blobs that no cache has. It returns what it removed.
func (s *bucketStore) tidy(ctx context.Context, limit int64, but *cache.Head) (gone []bucketHead, err error) {
	if err := s.listBlobs(ctx); err != nil {
		return nil, err
	}
	total := int64(0)
	for _, b := range s.blobs {
		total += b.stored
	}
	if total <= limit {
		return nil, nil
	}
	heads, err := s.heads(ctx)
	if err != nil {
		return nil, err
	}
	refs := map[cache.Sum]int{}
	for _, h := range heads {
		for sum := range h.Sums() {
			refs[sum]++
		}
	}
	slices.SortFunc(heads, func(a, b bucketHead) int { return a.used.Compare(b.used) })
	for _, h := range heads {
		if total <= limit {
			break
		}
		if cache.Name(h.Scope, h.Version, h.Key) == cache.Name(but.Scope, but.Version, but.Key) {
			continue
		}
		if err := s.remove(ctx, bucketHeads+h.name, bucketUsed+h.name); err != nil {
			return gone, err
		}
		gone = append(gone, h)
		for sum := range h.Sums() {
			if refs[sum]--; refs[sum] == 0 {
				total -= s.blobs[sum].stored
			}
		}
	}
	return gone, s.sweep(ctx, refs)
}

// sweep removes the blobs that no cache has, but for those that a save may be about to use.
func (s *bucketStore) sweep(ctx context.Context, refs map[cache.Sum]int) error {
	for sum, b := range s.blobs {
		if refs[sum] > 0 || time.Since(b.since) <= oldBlob {
			continue
		}
		if err := s.remove(ctx, bucketBlobs+sum.String()); err != nil {
			return err
		}
	}
	return nil
}

// heads reads all heads below the prefix.
func (s *bucketStore) heads(ctx context.Context) (all []bucketHead, err error) {
	used := map[string]time.Time{}
	start := s.prefix + bucketUsed
	err = s.objects.listTimes(ctx, s.bucket, start, func(name string, _ int64, at time.Time) error {
		used[strings.TrimPrefix(name, start)] = at
		return nil
	})
	if err != nil {
		return nil, err
	}
	start = s.prefix + bucketHeads
	err = s.objects.listTimes(ctx, s.bucket, start, func(name string, _ int64, at time.Time) error {
		name = strings.TrimPrefix(name, start)
		h, err := s.read(ctx, bucketHeads+name)
		if _, bad := errors.AsType[*cache.Damaged](err); bad || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if u := used[name]; u.After(at) {
			at = u
		}
		all = append(all, bucketHead{name, at, h})
		return err
	})
	return all, err
}

// removeStale removes the caches of a scope that builds of before a time saved.
func (s *bucketStore) removeStale(ctx context.Context, scope string, since time.Time) error {
	heads, err := s.heads(ctx)
	for _, h := range heads {
		if err == nil && h.Scope == scope && !h.AsOf.After(since) {
			err = s.remove(ctx, bucketHeads+h.name, bucketUsed+h.name)
		}
	}
	return err
}

func (s *bucketStore) remove(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := s.objects.remove(ctx, s.bucket, s.prefix+name); err != nil {
			return err
		}
	}
	return nil
}

// putBytes writes an object.
func (o *objects) putBytes(ctx context.Context, bucket, key string, text []byte) error {
	return o.persist(ctx, func() error {
		resp, err := o.do(ctx, http.MethodPut, bucket, key, nil, bytes.NewReader(text), int64(len(text)), nil)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return resp.Body.Close()
	})
}

// remove removes an object; one that is not there is no error.
func (o *objects) remove(ctx context.Context, bucket, key string) error {
	return o.persist(ctx, func() error {
		resp, err := o.do(ctx, http.MethodDelete, bucket, key, nil, nil, 0, nil)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}
