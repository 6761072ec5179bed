package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/object"
)

// Bundles is where revisions lie; an *object.Store is one. A version "" is the latest.
type Bundles interface {
	Stat(ctx context.Context, bucket, key, version string) (object.Object, error)
	Get(ctx context.Context, bucket, key, version string) (object.Object, object.File, error)
}

// maxDigests bounds how many bundles' digests are remembered.
const maxDigests = 256

// digests remembers the SHA-256 of bundles. It is computed once for each content, when the first host asks: from the
// objects that the server holds, never from what a client said of them.
type digests struct {
	mu    sync.Mutex
	known map[string]*digest
}

type digest struct {
	once chan struct{} // full while it is computed
	hex  string
}

// identityOf tells one content of an object from another.
func identityOf(o object.Object) string {
	return fmt.Sprintf("%s/%s?%s %s %d %d", o.Bucket, o.Key, o.Version, o.ETag, o.Size, o.Modified.UnixNano())
}

func (d *digests) of(identity string) *digest {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.known[identity]
	if x == nil {
		if len(d.known) >= maxDigests || d.known == nil {
			d.known = map[string]*digest{}
		}
		x = &digest{once: make(chan struct{}, 1)}
		d.known[identity] = x
	}
	return x
}

// bundleDigest is the SHA-256 of a bundle, in hex. It is "" if the bundle is not there: the host then says so.
func (s *Service) bundleDigest(ctx context.Context, l *cd.S3Location) (string, error) {
	if s.Bundles == nil || l == nil {
		return "", nil
	}
	o, err := s.Bundles.Stat(ctx, awsproto.Value(l.Bucket), awsproto.Value(l.Key), awsproto.Value(l.Version))
	if missing(err) || o.Deleted {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	d := s.digests.of(identityOf(o))
	select {
	case d.once <- struct{}{}:
		defer func() { <-d.once }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if d.hex != "" {
		return d.hex, nil
	}
	now, f, err := s.Bundles.Get(ctx, o.Bucket, o.Key, o.Version)
	if missing(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, &reading{ctx, f}); err != nil {
		return "", fmt.Errorf("read the bundle s3://%s/%s: %w", o.Bucket, o.Key, err)
	}
	text := hex.EncodeToString(sum.Sum(nil))
	if identityOf(now) == identityOf(o) { // else it was replaced meanwhile, and the next one asks again
		d.hex = text
	}
	return text, nil
}

func missing(err error) bool {
	return errors.Is(err, object.ErrNoKey) || errors.Is(err, object.ErrNoBucket)
}

// reading ends with its context.
type reading struct {
	ctx context.Context
	io.Reader
}

func (r *reading) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
