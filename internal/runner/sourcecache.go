package runner

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/cache"
	"slipway/internal/runner/room"
)

// sourceCache keeps the objects of a repository on the runner between builds, so that a build fetches what is new
// alone: the mode LOCAL_SOURCE_CACHE. They are taken before the first command of a build runs, so that no command has
// changed them. See "Local caching" in the CodeBuild user guide.
type sourceCache struct {
	b       *build
	session *cache.Session
	head    cache.Head  // of what is saved
	found   *cache.Head // what was restored, or nil
	dir     string      // the source's folder, on this machine
}

const (
	// objectsDir is what the folder of the objects is called in a cache.
	objectsDir = "objects"
	// maxWorn is how many files a cache may have. Each fetch adds a pack of three; one of many is made anew.
	maxWorn = 60
	// minFresh is how many bytes must be new for a cache to be saved again, besides a tenth of it.
	minFresh = 1 << 20
)

// sourceCacheOf opens the cache of a source, or returns nil if it has none. A shallow clone is no cache for another
// one, and a pull request from a fork leaves nothing to other builds.
func (b *build) sourceCacheOf(s slipway.Source, dir string) *sourceCache {
	c := b.order.Build.Cache
	wanted := c != nil && c.Type == codebuild.CacheTypeLocal &&
		slices.Contains(c.Modes, codebuild.CacheModeLocalSourceCache)
	if !wanted || b.Caches == nil || b.InPlace || b.order.Fork || b.order.CacheApart != "" {
		return nil
	}
	if s.Depth > 0 {
		b.log.say("source cache: not used: the clone has a depth of %d commit(s)", s.Depth)
		return nil
	}
	host, err := b.space.folder(dir)
	if err != nil {
		b.log.say("source cache: not used: %v", err)
		return nil
	}
	x := &sourceCache{b: b, session: b.Caches.stored.Open(), dir: host}
	x.head = cache.Head{Scope: b.cacheScope() + ":source:" + s.URL, Version: cache.Version([]string{objectsDir})}
	b.stamp(&x.head)
	x.head.Dirs = []string{"the history of " + s.URL}
	return x
}

func (x *sourceCache) close() {
	if x != nil {
		x.session.Close()
	}
}

// restored tells whether the source's folder has objects of an earlier build.
func (x *sourceCache) restored() bool { return x != nil && x.found != nil }

// restore puts the objects of an earlier build into the source's folder.
func (x *sourceCache) restore(ctx context.Context) {
	if x == nil {
		return
	}
	b := x.b
	a, err := cache.Find(ctx, x.session, cache.Wanted{
		Scopes: []string{x.head.Scope}, Version: x.head.Version, Since: b.since(),
	})
	switch {
	case err != nil:
		b.log.say("source cache: not available: %v", err)
	case a.Head == nil:
		b.log.say("source cache: miss: this runner has nothing of the source yet")
	case a.Head.Files > maxWorn:
		b.log.say("source cache: it has many parts; the source is fetched anew")
	default:
		begin := time.Now()
		if err := x.unpack(ctx, a.Head); err != nil {
			b.log.say("source cache: not restored: %v", err)
			x.drop(a.Head)
			return
		}
		x.found = a.Head
		x.session.Touch(a.Head, time.Now())
		b.noteCache(slipway.CacheHit, slipway.LocalCaches, a.Head)
		b.log.say("source cache: hit: %s of build %s in %s; only what is new is fetched", bytesText(a.Head.Size),
			a.Head.By(), time.Since(begin).Round(time.Millisecond))
	}
}

// unpack restores the objects into a folder that no process of the build can reach, and moves them from there.
func (x *sourceCache) unpack(ctx context.Context, h *cache.Head) error {
	into, err := os.MkdirTemp(x.b.space.place.Dir, ".slipway-source-")
	if err != nil {
		return err
	}
	defer room.RemoveAll(into) //nolint:errcheck // it goes with the room
	err = cache.Restore(ctx, x.session, h, into, x.b.space.place.User, func(string) string { return objectsDir })
	if err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(into, objectsDir), 0o755); err != nil {
		return err
	}
	git := filepath.Join(x.dir, ".git")
	if err := os.Mkdir(git, 0o755); err != nil {
		return err
	}
	if err := x.b.space.own(git); err != nil {
		return err
	}
	return os.Rename(filepath.Join(into, objectsDir), filepath.Join(git, objectsDir))
}

// drop removes a cache that cannot be used, and what is there of it.
func (x *sourceCache) drop(h *cache.Head) {
	x.found = nil
	if err := x.session.Remove(h); err != nil {
		x.b.log.say("source cache: it cannot be removed: %v", err)
	}
	x.b.noteCache(slipway.CacheRemoved, slipway.LocalCaches, h)
	_ = room.RemoveAll(filepath.Join(x.dir, ".git"))
}

// save keeps the objects of a source that was fetched, unless there is little that is new.
func (x *sourceCache) save(ctx context.Context) {
	if x == nil {
		return
	}
	b := x.b
	objects := filepath.Join(x.dir, ".git", objectsDir)
	size, _ := sizeOf(objects)
	if x.found != nil && size-x.found.Size < max(minFresh, x.found.Size/10) {
		return
	}
	root, err := os.OpenRoot(objects)
	if err != nil {
		b.log.say("source cache: not saved: %v", err)
		return
	}
	defer root.Close()
	begin := time.Now()
	saved, err := cache.Save(ctx, x.session, x.head, []cache.Dir{{Name: objectsDir, Root: root}})
	if err != nil {
		b.log.say("source cache: not saved: %v", err)
		return
	}
	b.noteCache(slipway.CacheSaved, slipway.LocalCaches, saved.Head)
	b.log.say("source cache: saved %s in %s", bytesText(saved.Head.Size), time.Since(begin).Round(time.Millisecond))
	for h, used := range x.session.Evicted {
		b.tellRemoved(slipway.LocalCaches, b.cachesAreFull(), evicted{h, used})
	}
	b.tellRemoved(slipway.LocalCaches, b.cachesAreFull(), b.Caches.makeRoom()...)
}
