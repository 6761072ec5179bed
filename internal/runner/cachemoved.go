package runner

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/runner/cache"
)

// restoreMoved moves the directories of the project's local cache to their places.
func (b *build) restoreMoved() {
	if b.order.CacheApart != "" {
		b.log.say("Local cache: not used. The build is of %s, and what it leaves must not reach other builds; a "+
			"cache.key gives it a cache of its own", b.order.CacheApart)
		return
	}
	held, record, err := b.Caches.take(b.cacheScope())
	switch {
	case err != nil:
		b.log.say("Local cache: not available: %v", err)
		return
	case held == nil:
		b.log.say("Local cache: in use by another build at the moment. This build goes without and keeps nothing")
		return
	}
	b.cache.held = held
	if record != nil && record.AsOf <= b.order.CachesSince && b.order.CachesSince > 0 {
		b.log.say("Local cache: it was invalidated")
		record = nil
	}
	if record == nil || !b.spec.Cache.Restore {
		b.log.say("Local cache: nothing to restore")
		return
	}
	restored := false
	for _, p := range b.cache.places {
		restored = b.restorePlace(p, record) || restored
	}
	if restored {
		b.noteCache(slipway.CacheHit, slipway.LocalCaches, record.head())
	}
}

func (b *build) restorePlace(p cachePlace, record *cacheRecord) bool {
	from := b.cache.held.dir
	var err error
	if record.User != b.space.place.User {
		err = b.space.handOver(filepath.Join(from, p.key))
	}
	if err == nil {
		err = b.space.moveIn(from, p)
	}
	switch {
	case err == nil:
		b.log.say("Local cache: restored %s, as the build %s left it %s ago", p.shown, record.Build, age(record.Kept))
	case errors.Is(err, fs.ErrNotExist):
		b.log.say("Local cache: nothing to restore for %s", p.shown)
	case errors.Is(err, errTaken):
		b.log.say("Local cache: %s is not restored: the source has it already", p.shown)
	default:
		b.log.say("Local cache: %s is not restored: %v", p.shown, err)
	}
	return err == nil
}

// keepCache moves the directories back, however the build ended. All processes of the build are gone.
func (b *build) keepCache() {
	h := b.cache.held
	if h == nil {
		return
	}
	var of cache.Head
	b.stamp(&of)
	r := &cacheRecord{Build: of.Build, Name: of.Project, Number: of.Number, AsOf: of.AsOf.UnixMilli(), Kept: of.Saved,
		User: b.space.place.User, Paths: map[string]string{}}
	var shown []string
	for _, p := range b.cache.places {
		err := b.space.moveOut(h, p)
		switch {
		case err == nil:
			r.Paths[p.key], shown = p.shown, append(shown, p.shown)
		case errors.Is(err, fs.ErrNotExist):
			b.log.say("Local cache: the build left no %s", p.shown)
		default:
			b.log.say("Local cache: %s is not kept: %v", p.shown, err)
		}
	}
	reason, gone, err := h.give(r)
	switch {
	case err != nil:
		b.log.say("Local cache: not kept: %v", err)
	case reason != "":
		b.log.say("Local cache: not kept: %s", reason)
	case len(shown) > 0:
		b.log.say("Local cache: kept %s for the next build (%s)", strings.Join(shown, ", "), bytesText(r.Size))
		b.noteCache(slipway.CacheSaved, slipway.LocalCaches, r.head())
	}
	b.tellRemoved(slipway.LocalCaches, b.cachesAreFull(), gone...)
}
