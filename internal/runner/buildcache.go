package runner

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/cache"
)

// buildCache is what a build knows of its project's cache: it has one that is moved in and out, one that is kept by a
// key, or none.
type buildCache struct {
	held   *heldCache // nil if the build goes without
	kept   *keptCache // likewise
	places []cachePlace
}

// used tells whether the build has files to keep when its commands have ended.
func (c *buildCache) used() bool { return c.held != nil || c.kept != nil }

// restoreCache puts the directories of the project's cache to their places, before the first command. A build that
// cannot have the cache runs without it, and its log says why.
func (b *build) restoreCache(ctx context.Context) {
	if b.spec.Cache == nil || len(b.spec.Cache.Paths) == 0 || !b.hasCaches() {
		return
	}
	c := b.order.Build.Cache
	local := c != nil && c.Type == codebuild.CacheTypeLocal &&
		slices.Contains(c.Modes, codebuild.CacheModeLocalCustomCache)
	if !local && (c == nil || c.Type != codebuild.CacheTypeS3) {
		b.log.say("cache: not used. The buildspec has cache.paths, but the project has no cache of the type S3, or " +
			"LOCAL with the mode LOCAL_CUSTOM_CACHE")
		return
	}
	places, refused := b.space.cachePlaces(b.spec.Cache.Paths)
	for _, r := range refused {
		b.log.say("cache: %s", r)
	}
	places = b.ownPlaces(places)
	b.cache.places = places
	switch {
	case len(places) == 0:
	case local && b.spec.Cache.Key == "" && !b.InPlace: // what lies in a working tree stays there
		b.restoreMoved()
	default:
		b.restoreKept(ctx, local)
	}
}

// cacheScope names whose builds share a cache: the project, by its ARN, or all projects of one cacheNamespace.
// See https://docs.aws.amazon.com/codebuild/latest/APIReference/API_ProjectCache.html.
func (b *build) cacheScope() string {
	arn, id, _ := strings.Cut(value(b.order.Build.Arn), ":build/")
	if namespace := value(b.order.Build.Cache.CacheNamespace); namespace != "" {
		return arn + ":cache-namespace/" + namespace
	}
	project, _, _ := strings.Cut(id, ":")
	return arn + ":project/" + project
}

// cacheScopes are those that the build reads, the one first that it writes. A build whose cache stands apart must not
// leave anything to the others.
func (b *build) cacheScopes() []string {
	scope := b.cacheScope()
	if apart := b.order.CacheApart; apart != "" {
		return []string{scope + ":" + apart, scope}
	}
	return []string{scope}
}

// submitted is when the build was submitted, by the server's clock.
func (b *build) submitted() time.Time {
	if at := b.order.Build.StartTime; at != nil {
		return at.Time
	}
	return time.Now()
}

// since is when the project's caches were invalidated.
func (b *build) since() time.Time {
	if b.order.CachesSince == 0 {
		return time.Time{}
	}
	return time.UnixMilli(b.order.CachesSince)
}

// stamp fills in of what build a cache is.
func (b *build) stamp(h *cache.Head) {
	project, id, _ := strings.Cut(value(b.order.Build.Id), ":")
	h.Project, h.Build, h.AsOf, h.Saved = project, id, b.submitted(), time.Now()
	h.Number = value(b.order.Build.BuildNumber)
	if n, err := strconv.ParseInt(b.order.Variables["CODEBUILD_BUILD_NUMBER"], 10, 64); err == nil {
		h.Number = n
	}
	for _, p := range b.cache.places {
		h.Dirs = append(h.Dirs, p.shown)
	}
}

// noteCache records what became of a cache.
func (b *build) noteCache(event slipway.CacheEvent, place string, h *cache.Head) {
	b.result.Caches = append(b.result.Caches, slipway.CacheUse{
		Event: event, Place: place, Scope: h.Scope, Version: h.Version, Key: h.Key,
		Project: h.Project, Build: h.Build, Number: h.Number, Dirs: h.Dirs,
		Size: h.Size, Stored: max(h.Stored(), storedMoved(h)), Files: h.Files, Saved: h.Saved.UnixMilli(),
	})
}

// storedMoved is what a cache that is moved takes: all of its files.
func storedMoved(h *cache.Head) int64 {
	if len(h.Data) == 0 {
		return h.Size
	}
	return 0
}

// tellRemoved says which caches were removed to make room.
func (b *build) tellRemoved(place, why string, all ...evicted) {
	for _, x := range all {
		b.log.say("cache: removed %s of %s (%s, last used %s ago): %s", named(x.Key), x.Project, bytesText(x.Size),
			age(x.used), why)
		b.noteCache(slipway.CacheRemoved, place, x.Head)
	}
}

// named is a key as people read it.
func named(key string) string {
	if key == "" {
		return "the cache"
	}
	return key
}

func age(t time.Time) time.Duration { return max(time.Since(t).Round(time.Second), time.Second) }

// cachesAreFull says why a cache was removed.
func (b *build) cachesAreFull() string {
	if b.InPlace {
		return "the caches of your builds have their limit"
	}
	return "the runner's caches have their limit (slipway runner --cache-size)"
}
