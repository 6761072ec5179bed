package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"slipway/api/slipway"
)

// maxArchive bounds a source archive in bytes.
const maxArchive = 5 << 30

// fetch brings a source into its folder and returns the commit, if it has one.
func (b *build) fetch(ctx context.Context, s slipway.Source) (string, error) {
	inside := b.space.place.Source
	if s.Identifier != "" {
		if !isName("_" + s.Identifier) {
			return "", fmt.Errorf("the source identifier %q is no name", s.Identifier)
		}
		inside = path.Join(b.space.place.Secondary, s.Identifier)
	}
	dir, err := b.space.folder(inside)
	if err != nil {
		return "", err
	}
	switch s.Kind {
	case slipway.SourceNone:
		return "", nil
	case slipway.SourceGit:
		return b.clone(ctx, s, inside)
	case slipway.SourceZip, slipway.SourceDir:
		if b.objects == nil {
			return "", errors.New("a source in a bucket needs a server")
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return "", err
		}
		defer root.Close()
		own := func(name string) error {
			if b.space.place.User < 0 {
				return nil
			}
			return root.Lchown(name, b.space.place.User, b.space.place.User)
		}
		if s.Kind == slipway.SourceZip {
			return "", b.unpack(ctx, s, root, own)
		}
		return "", b.copyPrefix(ctx, s, root, own)
	}
	return "", fmt.Errorf("sources of the kind %q are not known", s.Kind)
}

func (b *build) unpack(ctx context.Context, s slipway.Source, root *os.Root, own func(string) error) error {
	f, err := os.CreateTemp(b.space.place.Dir, "source-*.zip")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // it goes with its descriptor
		return err
	}
	if err := b.objects.get(ctx, s.Bucket, s.Key, s.Version, f, maxArchive); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return unzip(ctx, f, info.Size(), root, own)
}

func (b *build) copyPrefix(ctx context.Context, s slipway.Source, root *os.Root, own func(string) error) error {
	made := map[string]bool{".": true}
	budget, files := int64(maxUnpacked), 0
	return b.objects.list(ctx, s.Bucket, s.Key, func(key string, size int64) error {
		rest := strings.TrimPrefix(key, s.Key)
		if rest == "" || strings.HasSuffix(key, "/") {
			return nil
		}
		name, err := safeName(rest)
		if err != nil {
			return err
		}
		if files++; files > maxFiles {
			return fmt.Errorf("the source has more than %d files", maxFiles)
		}
		if budget -= size; budget < 0 {
			return fmt.Errorf("the source has more than %d GiB", maxUnpacked>>30)
		}
		if err := makeFolders(root, path.Dir(name), made, own); err != nil {
			return fmt.Errorf("copy %q: %w", key, err)
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return fmt.Errorf("copy %q: %w", key, err)
		}
		if err := errors.Join(b.objects.get(ctx, s.Bucket, key, "", f, size), f.Close()); err != nil {
			return err
		}
		return own(name)
	})
}

// openRegular opens a regular file of the build for reading. It refuses everything else: a pipe would block, and a
// device could do anything.
func openRegular(root *os.Root, name string) (*os.File, fs.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// fetchAll fetches the sources of a build and notes the version that each resolved to.
func (b *build) fetchAll(ctx context.Context) error {
	for _, s := range b.order.Sources {
		commit, err := b.fetch(ctx, s)
		if err != nil {
			name := "primary source"
			if s.Identifier != "" {
				name = "source " + s.Identifier
			}
			return fail(clientError, "%w for %s", err, name)
		}
		if s.Identifier == "" && commit != "" {
			b.result.ResolvedSourceVersion = commit
		} else if s.Identifier != "" && commit != "" {
			if b.order.Variables == nil {
				b.order.Variables = map[string]string{}
			}
			b.order.Variables["CODEBUILD_RESOLVED_SOURCE_VERSION_"+s.Identifier] = commit
		}
	}
	return nil
}
