package runner

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

// cacheTest runs builds of projects on one runner.
type cacheTest struct {
	t       *testing.T
	sandbox Executor
	store   *cacheStore
	dir     string
}

func newCacheTest(t *testing.T, s Executor) *cacheTest {
	c := &cacheTest{t: t, sandbox: s, dir: t.TempDir()}
	c.open()
	return c
}

// open opens the store, as a runner that starts does.
func (c *cacheTest) open() {
	c.t.Helper()
	store, err := openCaches(filepath.Join(c.dir, "cache"), DefaultCacheSize)
	if err != nil {
		c.t.Fatal(err)
	}
	c.store = store
	c.t.Cleanup(store.removing.Wait)
}

func cachedOrder(project, spec string) slipway.Order {
	o := order(spec)
	id := project + ":" + o.Stream
	o.Build.Id, o.Build.ProjectName = &id, &project
	o.Build.Arn = new("arn:aws:codebuild:us-east-1:123456789012:build/" + id)
	o.Build.Cache = &codebuild.ProjectCache{Type: codebuild.CacheTypeLocal,
		Modes: []codebuild.CacheMode{codebuild.CacheModeLocalCustomCache}}
	return o
}

func cachedSpec(paths string, commands ...string) string {
	return "cache: {paths: [" + paths + "]}\n" + buildspecOf("", commands...)
}

func (c *cacheTest) run(ctx context.Context, o slipway.Order, slot int, log *watched) slipway.Result {
	dir := filepath.Join(c.dir, "builds", o.Stream)
	return runJob(ctx,
		Job{Order: o, Room: room.Spec{Dir: dir, Slot: slot}, Log: log, Executor: c.sandbox, Name: "test",
			Caches: c.store})
}

// build runs a build of the project web and returns its log.
func (c *cacheTest) build(slot int, spec string) string {
	c.t.Helper()
	return c.buildOf("web", slot, spec)
}

func (c *cacheTest) buildOf(project string, slot int, spec string) string {
	c.t.Helper()
	var log watched
	ctx, cancel := context.WithTimeout(c.t.Context(), 60*time.Second)
	defer cancel()
	c.run(ctx, cachedOrder(project, spec), slot, &log)
	return log.String()
}

func wants(t *testing.T, log string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(log, w) {
			t.Errorf("no %q in\n%s", w, log)
		}
	}
}

func TestLocalCacheIsHandedOn(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		c := newCacheTest(t, s)
		count := []string{"mkdir -p deep/cache ~/.tool", "echo x >>deep/cache/n; echo y >>~/.tool/n",
			"echo has $(wc -l <deep/cache/n) $(wc -l <~/.tool/n)",
			"mkdir -p deep/cache/sealed && touch deep/cache/sealed/f && chmod 500 deep/cache/sealed deep/cache"}
		spec := cachedSpec("deep/cache/**/*, /root/.tool/**/*", slices.Insert(count, 1, "chmod -R u+w deep/cache")...)
		wants(t, c.build(0, spec), "Local cache: nothing to restore\n", "has 1 1\n",
			"Local cache: kept deep/cache, /root/.tool for the next build (")
		wants(t, c.build(0, spec), "Local cache: restored deep/cache, as the build ",
			"Local cache: restored /root/.tool", "has 2 2\n")
		// Another slot has another user, a build that fails hands on too, and so does a runner that was started anew.
		wants(t,
			c.build(1,
				cachedSpec("deep/cache, /root/.tool/*",
					append([]string{"chmod -R u+w deep/cache"}, append(count, "false")...)...)),
			"has 3 3\n", "exit status 1", "Local cache: kept deep/cache, /root/.tool")
		c.store.close()
		c.open()
		wants(t, c.build(1, spec), "has 4 4\n")
		// Another project has its own, and a directory that the buildspec does not name any more is gone.
		wants(t, c.buildOf("other", 0, spec), "Local cache: nothing to restore\n", "has 1 1\n")
		wants(t, c.build(0, cachedSpec("/root/.tool/**/*", "ls deep || echo none")), "none\n", "restored /root/.tool")
		wants(t, c.build(0, cachedSpec("deep/cache, /root/.tool", "ls deep || echo none")), "none\n",
			"nothing to restore for deep/cache")
	})
}

// What a build stopped in the middle has changed is handed on too.
func TestLocalCacheOfAStoppedBuild(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		c := newCacheTest(t, s)
		var log watched
		ctx, stop := context.WithCancelCause(t.Context())
		seen := log.until("it runs\n")
		go func() { <-seen; stop(errStopped) }()
		r := c.run(ctx, cachedOrder("web", cachedSpec("a", "mkdir a", "echo kept >a/f", "echo it runs; sleep 60")), 0,
			&log)
		if r.Status != codebuild.StatusTypeStopped {
			t.Errorf("the build is %s", r.Status)
		}
		wants(t, log.String(), "Local cache: kept a")
		wants(t, c.build(0, cachedSpec("a", "cat a/f")), "\nkept\n")
	})
}

func TestTwoBuildsAtOnceHaveOneLocalCache(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		c := newCacheTest(t, s)
		c.build(0, cachedSpec("a", "mkdir a; echo 1 >a/f"))
		var log watched
		ctx, stop := context.WithCancelCause(t.Context())
		seen := log.until("it runs\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(ctx, cachedOrder("web", cachedSpec("a", "echo 2 >>a/f; echo it runs; sleep 60")), 0, &log)
		}()
		<-seen
		wants(t, c.build(1, cachedSpec("a", "mkdir a; echo 3 >>a/f")),
			"Local cache: in use by another build at the moment. This build goes without")
		stop(errStopped)
		<-done
		wants(t, c.build(0, cachedSpec("a", "cat a/f")), "\n1\n2\n")
	})
}

// Whatever a build puts where the cache belongs, nothing outside of its own folders is moved, read or changed.
func TestLocalCacheStaysInside(t *testing.T) {
	s := sandbox(t)
	for _, c := range []struct{ name, before, want string }{
		{"link to a folder", "ln -s VICTIM a", "a is not kept: it is no directory"},
		{"link in the middle", "ln -s VICTIM/.. b", "b/a is not kept: it is no directory"},
		{"link to the build's own", "mkdir real; ln -s real a", "a is not kept: it is no directory"},
		{"file", "echo >a", "a is not kept: it is no directory"},
		{"pipe", "mkfifo a", "a is not kept: it is no directory"},
		{"nothing", "true", "the build left no a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newCacheTest(t, s)
			victim := filepath.Join(t.TempDir(), "a")
			if err := os.Mkdir(victim, 0o700); err != nil {
				t.Fatal(err)
			}
			log := x.build(0, cachedSpec("a, b/a", strings.ReplaceAll(c.before, "VICTIM", victim)))
			wants(t, log, "Local cache: "+c.want)
			if info, err := os.Lstat(victim); err != nil || !info.IsDir() {
				t.Error(err)
			}
			wants(t, x.build(1, cachedSpec("a, b/a", "ls -A")), "Local cache: nothing to restore\n")
		})
	}
}

// A link that the cache has goes with it as a link: what it leads to keeps its owner.
func TestLocalCacheDoesNotFollowLinks(t *testing.T) {
	s := sandbox(t)
	x := newCacheTest(t, s)
	victim := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(victim, []byte("own"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(victim)
	if err != nil {
		t.Fatal(err)
	}
	x.build(0, cachedSpec("a", "mkdir -p a; ln -s "+victim+" a/link; ln -s "+filepath.Dir(victim)+" a/folder"))
	wants(t, x.build(1, cachedSpec("a", "readlink a/link; cat a/link || echo closed")), "restored a", victim, "closed")
	after, err := os.Stat(victim)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || before.Mode() != after.Mode() || ownerOf(before) != ownerOf(after) {
		t.Errorf("%v %d became %v %d", before.Mode(), ownerOf(before), after.Mode(), ownerOf(after))
	}
}

// What the source brings outweighs the cache, and links of the source lead nowhere.
func TestSourceOutweighsLocalCache(t *testing.T) {
	space := plainSpace(t)
	src, from, outside := space.place.Source, t.TempDir(), t.TempDir()
	for _, c := range []struct {
		path string
		make func() error
	}{
		{"full", func() error { return os.MkdirAll(filepath.Join(src, "full/x"), 0o755) }},
		{"file", func() error { return os.WriteFile(filepath.Join(src, "file"), nil, 0o644) }},
		{"link", func() error { return os.Symlink(outside, filepath.Join(src, "link")) }},
		{"above/a", func() error { return os.Symlink(outside, filepath.Join(src, "above")) }},
	} {
		p, err := space.cachePlace(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(from, p.key, "cached"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		if err := space.moveIn(from, p); err != errTaken {
			t.Errorf("%s: %v", c.path, err)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

func TestCachePlaces(t *testing.T) {
	space := plainSpace(t)
	for _, c := range []struct{ paths, want string }{
		{".cache/go/**/*", "src/.cache/go"},
		{"node_modules/**", "src/node_modules"},
		{"./vendor/*", "src/vendor"},
		{"target/", "src/target"},
		{"target", "src/target"},
		{"a/**/*,a/b/**/*,a,ab", "src/a src/ab"},
		{"/root/.m2/**/*", "home/.m2"},
		{space.place.Source + "/x", "src/x"},
		{"**/*", "refused"}, {".", "refused"}, {"", "refused"}, {"/", "refused"}, {"../up", "refused"},
		{"a/../..", "refused"},
		{"/etc", "refused"}, {"/root", "refused"}, {"a/*.jar", "refused"}, {"a/{b}/**/*", "refused"},
		{"/root/../etc/**/*", "refused"},
	} {
		places, refused := space.cachePlaces(strings.Split(c.paths, ","))
		var got []string
		for _, p := range places {
			got = append(got, filepath.Base(p.root)+"/"+p.rest)
		}
		for range refused {
			got = append(got, "refused")
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %q %q, not %q", c.paths, got, refused, c.want)
		}
	}
}

// Projects of one cacheNamespace share a cache.
func TestProjectsShareALocalCache(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	run := func(project, namespace string) string {
		o := cachedOrder(project, cachedSpec("a", "mkdir -p a; echo >>a/f; wc -l <a/f"))
		o.Build.Cache.CacheNamespace = &namespace
		var log watched
		c.run(t.Context(), o, 0, &log)
		return log.String()
	}
	wants(t, run("one", "team"), "nothing to restore", "\n1\n")
	wants(t, run("two", "team"), "restored a", "\n2\n")
	wants(t, run("three", "others"), "nothing to restore", "\n1\n")
	wants(t, run("one", ""), "nothing to restore", "\n1\n")
}

func TestLocalCachesAreBounded(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	c.store.limit = 3 << 20
	fill := func(kib string) string {
		return cachedSpec("a", "mkdir -p a; head -c "+kib+"k /dev/zero >a/f")
	}
	c.buildOf("one", 0, fill("1000"))
	c.buildOf("two", 0, fill("1000"))
	c.buildOf("one", 0, fill("1000")) // now two has not built for longest
	wants(t, c.buildOf("three", 0, fill("1500")), "Local cache: kept a")
	wants(t, c.buildOf("one", 0, fill("1000")), "restored a")
	wants(t, c.buildOf("two", 0, fill("10")), "Local cache: nothing to restore")
	wants(t, c.buildOf("three", 0, fill("4000")), "restored a",
		"Local cache: not kept: it takes 3 MiB of disk; there is room for 3 MiB")
	wants(t, c.buildOf("three", 0, fill("10")), "Local cache: nothing to restore")
}

// After a runner was killed the cache of the project that built is lost; after a crash of the machine all are.
func TestLocalCachesAfterACrash(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	keep := cachedSpec("a", "mkdir -p a; echo >>a/f; wc -l <a/f")
	c.buildOf("one", 0, keep)
	c.buildOf("two", 0, keep)
	if held, record, err := c.store.take("arn:aws:codebuild:us-east-1:123456789012:project/two"); held == nil ||
		record == nil || err != nil {
		t.Fatal(held, record, err)
	}
	c.open()
	wants(t, c.buildOf("one", 0, keep), "restored a", "\n2\n")
	wants(t, c.buildOf("two", 0, keep), "nothing to restore", "\n1\n")
	if err := os.WriteFile(filepath.Join(c.dir, "cache", cacheBootFile), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.open()
	wants(t, c.buildOf("one", 0, keep), "nothing to restore", "\n1\n")
}

// Only the type LOCAL with the mode LOCAL_CUSTOM_CACHE does anything.
func TestOnlyLocalCustomCacheActs(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	for _, cache := range []*codebuild.ProjectCache{nil, {Type: codebuild.CacheTypeNoCache},
		{Type: codebuild.CacheTypeLocal},
		{Type: codebuild.CacheTypeLocal, Modes: []codebuild.CacheMode{codebuild.CacheModeLocalSourceCache}}} {
		o := cachedOrder("web", cachedSpec("a", "mkdir a"))
		o.Build.Cache = cache
		var log watched
		c.run(t.Context(), o, 0, &log)
		wants(t, log.String(), "cache: not used.", "SUCCEEDED")
		if strings.Contains(log.String(), "kept") {
			t.Error(log.String())
		}
	}
	o := cachedOrder("web", buildspecOf("", "mkdir a"))
	var log watched
	c.run(t.Context(), o, 0, &log)
	if strings.Contains(log.String(), "Local cache") {
		t.Error("a buildspec without a cache:", log.String())
	}
}

func ownerOf(info os.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

// plainSpace is a room without a sandbox.
func plainSpace(t *testing.T) *workspace {
	t.Helper()
	r, err := host.Plain().Open(t.Context(), room.Spec{Dir: filepath.Join(t.TempDir(), "room")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return newWorkspace(r)
}
