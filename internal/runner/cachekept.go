package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/runner/cache"
	"slipway/internal/runner/room"
)

// keptCache is a cache that is kept by its content, on the runner or in a bucket.
type keptCache struct {
	store cache.Store
	local *cache.Session // nil in a bucket
	place string         // as slipway.CacheUse has it
	head  cache.Head     // of what the build saves
	exact bool           // the key was found
}

// touch notes that a cache was used.
func (k *keptCache) touch(ctx context.Context, h *cache.Head) error {
	if k.local != nil {
		k.local.Touch(h, time.Now())
		return nil
	}
	return k.store.(*bucketStore).Touch(ctx, h)
}

// remove removes a damaged cache.
func (k *keptCache) remove(ctx context.Context, h *cache.Head) error {
	if k.local != nil {
		return k.local.Remove(h)
	}
	name := headName(h.Scope, h.Version, h.Key)
	return k.store.(*bucketStore).remove(ctx, bucketHeads+name, bucketUsed+name)
}

func (k *keptCache) close() {
	if k != nil && k.local != nil {
		k.local.Close()
	}
}

// openKept opens the cache of a build.
func (b *build) openKept(local bool) (*keptCache, error) {
	k := &keptCache{place: slipway.LocalCaches}
	if local {
		k.local = b.Caches.stored.Open()
		k.store = k.local
		return k, nil
	}
	store, err := newBucketStore(b.objects, value(b.order.Build.Cache.Location))
	if err != nil {
		return nil, err
	}
	k.store, k.place = store, store.String()
	return k, nil
}

// restoreKept restores the cache that the build's key leads to, and remembers what is to be saved at its end.
func (b *build) restoreKept(ctx context.Context, local bool) {
	wanted, err := b.wantedCache(ctx)
	if err != nil {
		b.log.say("cache: not used: %v", err)
		return
	}
	k, err := b.openKept(local)
	if err != nil {
		b.log.say("cache: not used: %v", err)
		return
	}
	k.head = cache.Head{Scope: wanted.Scopes[0], Version: wanted.Version, Key: wanted.Key, Parts: wanted.Parts}
	b.stamp(&k.head)
	b.cache.kept = k
	if !b.spec.Cache.Restore {
		b.log.say("cache: nothing is restored (cache.action is save)")
		return
	}
	found, err := cache.Find(ctx, k.store, wanted)
	if err != nil {
		b.log.say("cache: not available: %v", err)
		return
	}
	if b.cacheHere() {
		k.exact = found.Head != nil && found.Fallback == ""
		b.log.say("cache: nothing is restored: the folder has it already")
		return
	}
	if !b.restoreShared(ctx, wanted, found) {
		b.useCache(ctx, found)
	}
}

// wantedCache is what the build looks for.
func (b *build) wantedCache(ctx context.Context) (cache.Wanted, error) {
	w := cache.Wanted{Scopes: b.cacheScopes(), Since: b.since()}
	var dirs []string
	for _, p := range b.cache.places {
		dirs = append(dirs, p.shown)
	}
	w.Version = cache.Version(dirs)
	if b.spec.Cache.Key == "" {
		return w, nil
	}
	env := b.environment()
	var err error
	if w.Key, w.Parts, err = b.makeKey(ctx, b.spec.Cache.Key, env); err != nil {
		return w, fmt.Errorf("cache.key: %w", err)
	}
	for _, text := range b.spec.Cache.FallbackKeys {
		prefix, _, err := b.makeKey(ctx, text, env)
		if err != nil {
			return w, fmt.Errorf("cache.fallback-keys: %w", err)
		}
		w.Fallbacks = append(w.Fallbacks, prefix)
	}
	return w, nil
}

// useCache restores what was found, and says what was not.
func (b *build) useCache(ctx context.Context, a cache.Answer) {
	k := b.cache.kept
	k.exact = a.Head != nil && a.Fallback == ""
	if a.Head == nil {
		b.log.say("cache: miss: %s; nothing is restored", missed(a))
		return
	}
	restored, err := b.restoreHead(ctx, a.Head)
	if _, bad := errors.AsType[*cache.Damaged](err); bad {
		k.exact = false
		b.log.say("cache: %s is not restored, and is removed: %v", named(a.Head.Key), err)
		if err := k.remove(ctx, a.Head); err != nil {
			b.log.say("cache: it cannot be removed: %v", err)
		}
		b.noteCache(slipway.CacheRemoved, k.place, a.Head)
		return
	}
	if err != nil {
		k.exact = false
		b.log.say("cache: %s is not restored: %v", named(a.Head.Key), err)
		return
	}
	if err := k.touch(ctx, a.Head); err != nil {
		b.log.say("cache: its use cannot be noted: %v", err)
	}
	b.noteCache(slipway.CacheHit, k.place, a.Head)
	which := fmt.Sprintf("%s (%s, %d files in %s) of build %s, saved %s ago", named(a.Head.Key),
		bytesText(a.Head.Size), a.Head.Files, strings.Join(restored, ", "), a.Head.By(), age(a.Head.Saved))
	if a.Fallback != "" {
		b.log.say("cache: miss: %s; restored from fallback %s: %s", missed(a), a.Fallback, which)
		return
	}
	b.log.say("cache: hit: restored %s", which)
}

// missed says why a key was not found.
func missed(a cache.Answer) string {
	if a.Near == nil || len(a.Changed) == 0 {
		return "no cache with a key of this kind is stored yet"
	}
	const most = 5
	names := a.Changed[:min(most, len(a.Changed))]
	more := ""
	if n := len(a.Changed) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s%s changed since build %s", strings.Join(names, ", "), more, a.Near.By())
}

// restoreHead restores a cache into a folder that no process of the build can reach, and moves its directories to their
// places from there. It returns those that it moved.
func (b *build) restoreHead(ctx context.Context, h *cache.Head) (moved []string, err error) {
	into, err := os.MkdirTemp(b.cacheFolder(), ".slipway-cache-")
	if err != nil {
		return nil, err
	}
	defer room.RemoveAll(into) //nolint:errcheck // it goes with the room
	byName := map[string]cachePlace{}
	for _, p := range b.cache.places {
		byName[p.shown] = p
	}
	begin := time.Now()
	err = cache.Restore(ctx, b.cache.kept.store, h, into, b.space.place.User, func(dir string) string {
		return byName[dir].key
	})
	if err != nil {
		return nil, err
	}
	b.log.say("cache: %s read in %s", bytesText(h.Size), time.Since(begin).Round(time.Millisecond))
	for p := range maps.Values(byName) {
		err := b.space.moveIn(into, p)
		switch {
		case err == nil:
			moved = append(moved, p.shown)
		case errors.Is(err, errTaken):
			b.log.say("cache: %s is not restored: the source has it already", p.shown)
		case !errors.Is(err, os.ErrNotExist):
			b.log.say("cache: %s is not restored: %v", p.shown, err)
		}
	}
	return moved, nil
}

// saveCache saves the directories of a build whose commands have ended, if they succeeded.
func (b *build) saveCache(ctx context.Context) {
	k := b.cache.kept
	if k == nil {
		return
	}
	defer k.close()
	switch {
	case !b.spec.Cache.Save:
		b.log.say("cache: not saved (cache.action is restore)")
		return
	case b.failed || ctx.Err() != nil:
		b.log.say("cache: not saved: the build did not succeed")
		return
	case b.order.Fork && k.local == nil:
		b.log.say("cache: not saved: a build of a pull request from a fork writes no cache in a bucket")
		return
	case k.exact && k.head.Key != "":
		b.log.say("cache: not saved again: a cache is not changed under its key")
		return
	}
	b.shell.stop() // from here on nothing of the build runs any more
	dirs, release := b.cacheDirs()
	defer release()
	if len(dirs) == 0 {
		return
	}
	begin := time.Now()
	saved, err := cache.Save(ctx, k.store, k.head, dirs)
	if big, ok := errors.AsType[*cache.TooLarge](err); ok {
		err = fmt.Errorf("it takes %s; there is room for %s", bytesText(big.Size),
			bytesText(max(big.Allowed, 0)))
	}
	if err != nil {
		b.log.say("cache: not saved: %v", err)
		return
	}
	b.tellSaved(ctx, saved, time.Since(begin))
}

// tellSaved says what was saved and what not, and makes room for it.
func (b *build) tellSaved(ctx context.Context, saved cache.Saved, took time.Duration) {
	k, h := b.cache.kept, saved.Head
	if l := saved.Left; l.Links+l.Special > 0 {
		b.log.say("cache: left out %d link(s) that lead out of their directory and %d pipes, sockets or devices; "+
			"the first is %s", l.Links, l.Special, l.First)
	}
	b.log.say("cache: saved %s (%s, %d files; %s are new) in %s", named(h.Key), bytesText(h.Size), h.Files,
		bytesText(saved.Added), took.Round(time.Millisecond))
	b.noteCache(slipway.CacheSaved, k.place, h)
	if k.local != nil {
		for h, used := range k.local.Evicted {
			b.tellRemoved(k.place, b.cachesAreFull(), evicted{h, used})
		}
		b.tellRemoved(k.place, b.cachesAreFull(), b.Caches.makeRoom()...)
		return
	}
	store := k.store.(*bucketStore)
	if since := b.since(); !since.IsZero() {
		if err := store.removeStale(ctx, b.cacheScope(), since); err != nil {
			b.log.say("cache: what was invalidated stays in %s, unused: %v", store, err)
		}
	}
	gone, err := store.tidy(ctx, b.Caches.limit, h)
	for _, g := range gone {
		why := "the caches below " + store.String() + " have the runner's limit (slipway runner --cache-size)"
		b.tellRemoved(k.place, why, evicted{g.Head, g.used})
	}
	if err != nil {
		b.log.say("cache: %s has more than %s, and nothing can be removed: %v", store, bytesText(b.Caches.limit), err)
	}
}

// cacheDirs opens the directories that are saved.
func (b *build) cacheDirs() (dirs []cache.Dir, release func()) {
	release = func() {
		for _, d := range dirs {
			_ = d.Root.Close()
		}
	}
	for _, p := range b.cache.places {
		root, err := b.space.openPlace(p)
		switch {
		case err == nil:
			dirs = append(dirs, cache.Dir{Name: p.shown, Root: root})
		case errors.Is(err, os.ErrNotExist):
			b.log.say("cache: the build left no %s", p.shown)
		default:
			b.log.say("cache: %s is not saved: %v", p.shown, err)
		}
	}
	return dirs, release
}

// openPlace opens a directory of the build, and follows no link on the way to it.
func (w *workspace) openPlace(p cachePlace) (*os.Root, error) {
	parent, err := w.parentOf(p, false)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	at, err := w.step(parent, filepath.Base(p.rest), false)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", at.Fd()))
}
