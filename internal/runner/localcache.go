package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/cache"
)

// LocalCaches are the caches of a user's builds of working trees. One process has them at a time; its builds may be
// several at once.
type LocalCaches struct {
	store *cacheStore
	lock  *os.File
}

// OpenLocalCaches opens them, in the user's cache folder. They take up to 10 GiB together, and at most a tenth of the
// disk; those that were used least recently make room.
func OpenLocalCaches() (*LocalCaches, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(base, "slipway", "builds")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, fmt.Errorf("another slipway run has the caches (%w)", err)
	}
	store, err := openCaches(filepath.Join(dir, "cache"), DefaultCacheSize)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &LocalCaches{store, lock}, nil
}

// Close makes the caches durable and gives them to the next process.
func (c *LocalCaches) Close() error {
	if c == nil {
		return nil
	}
	c.store.removing.Wait()
	c.store.close()
	return c.lock.Close()
}

// ProjectCache is the cache of a project on a server, which a local build reads where its own has nothing. It writes
// nothing there.
type ProjectCache struct {
	Server   *awsproto.Client
	Location string // BUCKET/PREFIX
	Scope    string // as the project's builds have it
	// Keys are those of the caches that are valid.
	Keys []string
}

// ScopeOf is whose builds share the cache of a project: see its cacheNamespace.
func ScopeOf(projectARN, namespace string) string {
	if namespace == "" {
		return projectARN
	}
	arn, _, _ := strings.Cut(projectARN, ":project/")
	return arn + ":cache-namespace/" + namespace
}

// ofTree is the configuration of a working tree's cache: each folder has its own.
func ofTree(tree string) *codebuild.ProjectCache {
	return &codebuild.ProjectCache{
		Type:           codebuild.CacheTypeLocal,
		Modes:          []codebuild.CacheMode{codebuild.CacheModeLocalCustomCache},
		CacheNamespace: &tree,
	}
}

// ownPlaces takes out the places that are this machine's own: in a build that runs as its user, all but those of the
// source. They are there already, and nothing of them is stored a second time.
func (b *build) ownPlaces(places []cachePlace) []cachePlace {
	if !b.InPlace || b.space.place.Image != "" {
		return places
	}
	return slices.DeleteFunc(places, func(p cachePlace) bool {
		outside := p.root != b.space.place.Source
		if outside {
			b.log.say("cache: %s is not kept: a local run uses this machine's own", p.shown)
		}
		return outside
	})
}

// cacheHere tells whether all directories of a cache are in the working tree already, so that none is restored.
func (b *build) cacheHere() bool {
	if !b.InPlace {
		return false
	}
	for _, p := range b.cache.places {
		if !exists(filepath.Join(p.root, p.rest)) {
			return false
		}
	}
	return true
}

// cacheFolder is the folder in which a cache is unpacked before its directories are moved to their places: on their
// file system, if they are all in one.
func (b *build) cacheFolder() string {
	if !b.InPlace {
		return b.space.place.Dir
	}
	for _, p := range b.cache.places {
		if p.root != b.cache.places[0].root {
			return b.space.place.Dir
		}
	}
	return b.cache.places[0].root
}

// restoreShared restores the cache of a project on a server, if it has one that is better than what was found here. It
// tells whether it did.
func (b *build) restoreShared(ctx context.Context, wanted cache.Wanted, here cache.Answer) bool {
	shared := b.Shared
	if shared == nil || here.Head != nil && here.Fallback == "" {
		return false
	}
	store, err := newBucketStore(&objects{
		endpoint: shared.Server.Endpoint,
		region:   shared.Server.Region,
		identity: Fixed(shared.Server.Credentials),
		client:   transport(),
	}, shared.Location)
	if err != nil {
		b.log.say("cache: that of the project is not used: %v", err)
		return false
	}
	wanted.Scopes = []string{shared.Scope}
	found, err := cache.Find(ctx, store, wanted)
	switch {
	case err != nil:
		b.log.say("cache: %s is not available: %v", store, err)
		return false
	case found.Head == nil || !slices.Contains(shared.Keys, found.Head.Key):
		b.log.say("cache: miss: %s has none of this key", store)
		return false
	case here.Head != nil && found.Fallback != "":
		return false // the one here is as good
	}
	own := b.cache.kept
	b.cache.kept = &keptCache{store: store, place: store.String()}
	restored, err := b.restoreHead(ctx, found.Head)
	b.cache.kept = own
	if err != nil {
		b.log.say("cache: %s of %s is not restored: %v", named(found.Head.Key), store, err)
		return false
	}
	b.noteCache(slipway.CacheHit, store.String(), found.Head)
	b.log.say("cache: hit: restored %s (%s, %d files in %s) of build %s from %s", named(found.Head.Key),
		bytesText(found.Head.Size), found.Head.Files, strings.Join(restored, ", "), found.Head.By(), store)
	return true
}

// hasCaches tells whether there is a place for caches, and opens it.
func (b *build) hasCaches() bool {
	if b.Caches == nil && b.openCaches != nil {
		opened, err := b.openCaches()
		if err != nil {
			b.log.say("cache: not used: %v", err)
			return false
		}
		b.Caches = opened.store
	}
	return b.Caches != nil
}
