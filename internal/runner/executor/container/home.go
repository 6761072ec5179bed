package container

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
)

// homes remembers what is in the home folders of images, if it is little. The zero value is ready to use.
type homes struct {
	mu      sync.Mutex
	byImage map[string][]byte // archives, by the image's ID
}

const (
	// maxHome is how large an archive is kept at most, and maxHomes how many are.
	maxHome  = 1 << 20
	maxHomes = 64
)

// fillHome puts what the image has in its home folder into the room's, which hides it. The home folder is a folder of
// this machine so that caches in it are moved and not copied.
func (r *containerRoom) fillHome(ctx context.Context, imageID, dir string) (err error) {
	h := r.engine.homes
	h.mu.Lock()
	archive, known := h.byImage[imageID]
	h.mu.Unlock()
	if known {
		return unpackHome(bytes.NewReader(archive), dir)
	}
	// Of a container of its own: in the room's the folder is hidden already.
	bare, err := r.engine.api.create(ctx, spec{Image: imageID, Entrypoint: []string{"/bin/sh"}, Labels: r.labels()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.engine.remove(bare)) }()
	found, err := r.engine.api.open(ctx, http.MethodGet, "/containers/"+bare+"/archive?path="+home, nil, nil)
	if gone(err) {
		r.keepHome(imageID, nil)
		return nil
	}
	if err != nil {
		return err
	}
	defer found.Body.Close()
	var seen bytes.Buffer
	limited := &bounded{to: &seen, left: maxHome}
	if err := unpackHome(io.TeeReader(found.Body, limited), dir); err != nil {
		return fmt.Errorf("the home folder of the image %s: %w", r.spec.Image, err)
	}
	if limited.left >= 0 {
		r.keepHome(imageID, seen.Bytes())
	}
	return nil
}

func (r *containerRoom) keepHome(imageID string, archive []byte) {
	h := r.engine.homes
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byImage == nil || len(h.byImage) >= maxHomes {
		h.byImage = map[string][]byte{}
	}
	h.byImage[imageID] = archive
}

// bounded keeps what is written to it as long as it is little; left is negative afterwards.
type bounded struct {
	to   *bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left >= 0 {
		_, _ = b.to.Write(p)
	} else {
		b.to.Reset()
	}
	return len(p), nil
}

// unpackHome unpacks an archive of a folder into dir. Names outside of it, links out of it and devices are left out.
func unpackHome(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for in := tar.NewReader(archive); ; {
		h, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		_, name, ok := strings.Cut(strings.TrimSuffix(h.Name, "/"), "/") // the folder itself is the first part
		if !ok {
			continue
		}
		if err := unpackOne(root, path.Clean(name), h, in); err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, name string, h *tar.Header, content io.Reader) error {
	mode := h.FileInfo().Mode().Perm()
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	case tar.TypeLink:
		if _, first, ok := strings.Cut(h.Linkname, "/"); ok {
			return root.Link(first, name)
		}
		return nil
	default:
		return nil
	}
	if os.Geteuid() != 0 {
		return nil // a rootless engine shows this user's files as root's
	}
	return root.Lchown(name, h.Uid, h.Gid)
}
