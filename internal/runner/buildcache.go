package runner

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slipway/api/codebuild"
)

// buildCache is what a build knows of its project's local cache.
type buildCache struct {
	held   *heldCache // nil if the build goes without
	places []cachePlace
}

// cached tells whether the project has CodeBuild's local custom cache, the only cache that is acted on.
func (b *build) cached() bool {
	c := b.order.Build.Cache
	// What a fork's build leaves must not be run by those that come after it.
	return c != nil && !b.order.Fork && c.Type == codebuild.CacheTypeLocal &&
		slices.Contains(c.Modes, codebuild.CacheModeLocalCustomCache)
}

// restoreCache moves the directories of the project's local cache to their places, before the first command. A build
// that cannot have the cache runs without it, and its log says why.
func (b *build) restoreCache() {
	switch {
	case b.spec.Cache == nil || len(b.spec.Cache.Paths) == 0 || b.Caches == nil:
		return
	case !b.cached():
		b.log.say(
			"Local cache: not used. The buildspec has cache.paths, but the project has no cache of the type LOCAL " +
				"with the mode LOCAL_CUSTOM_CACHE")
		return
	}
	places, refused := b.space.cachePlaces(b.spec.Cache.Paths)
	for _, r := range refused {
		b.log.say("Local cache: %s", r)
	}
	if len(places) == 0 {
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
	b.cache = buildCache{held: held, places: places}
	if record == nil || !b.spec.Cache.Restore {
		b.log.say("Local cache: nothing to restore")
		return
	}
	for _, p := range places {
		b.restorePlace(p, record)
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

func (b *build) restorePlace(p cachePlace, record *cacheRecord) {
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
}

func age(t time.Time) time.Duration { return max(time.Since(t).Round(time.Second), time.Second) }

// keepCache moves the directories back, however the build ended. All processes of the build are gone.
func (b *build) keepCache() {
	h := b.cache.held
	if h == nil {
		return
	}
	_, id, _ := strings.Cut(value(b.order.Build.Id), ":")
	r := &cacheRecord{Build: id, Kept: time.Now(), User: b.space.place.User, Paths: map[string]string{}}
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
	reason, err := h.give(r)
	switch {
	case err != nil:
		b.log.say("Local cache: not kept: %v", err)
	case reason != "":
		b.log.say("Local cache: not kept: %s", reason)
	case len(shown) > 0:
		b.log.say("Local cache: kept %s for the next build (%s)", strings.Join(shown, ", "), bytesText(r.Size))
	}
}
