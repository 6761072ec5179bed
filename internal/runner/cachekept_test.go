package runner

import (
	"context"
	"strings"
	"testing"
	"time"

	"slipway/internal/runner/executor/host"
)

// keyed is a build of the project greeter whose cache goes by a key.
func (c *cacheTest) keyed(number int, cacheSpec string, commands ...string) string {
	c.t.Helper()
	return c.keyedApart("", number, cacheSpec, commands...)
}

func (c *cacheTest) keyedApart(apart string, number int, cacheSpec string, commands ...string) string {
	c.t.Helper()
	o := cachedOrder("greeter", "cache: {"+cacheSpec+"}\n"+buildspecOf("", commands...))
	o.Build.BuildNumber, o.CacheApart = new(int64(number)), apart
	var log watched
	ctx, cancel := context.WithTimeout(c.t.Context(), 60*time.Second)
	defer cancel()
	c.run(ctx, o, 0, &log)
	return log.String()
}

// Sources are empty folders here: what the key is made of are variables and commands.
func TestKeyedCacheExplainsItself(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		c := newCacheTest(t, s)
		const fill = "mkdir -p .mod && echo one >>.mod/f && cat .mod/f"
		of := func(deps string) string {
			return `paths: [".mod/**/*"], key: "go-$CODEBUILD_CI-$(echo ` + deps + `)", fallback-keys: ["go-${CODEBUILD_CI}-"]`
		}
		wants(t, c.keyed(1, of("1"), fill), "cache: miss: no cache with a key of this kind is stored yet",
			"cache: saved go-true-1 (4 B, 2 files; ")
		wants(t, c.keyed(2, of("1"), fill), "cache: hit: restored go-true-1 (4 B, 2 files in .mod) of build greeter:1",
			"one\none\n", "cache: not saved again: a cache is not changed under its key")
		c.open() // a runner that starts anew
		wants(t, c.keyed(3, of("2"), fill), "cache: miss: $(echo 2), $(echo 1) changed since build "+
			"greeter:1; restored from fallback go-true-: go-true-1", "one\none\n", "cache: saved go-true-2")
		wants(t, c.keyed(4, of("3"), fill, "false"), "restored from fallback go-true-: go-true-2",
			"cache: not saved: the build did not succeed")
		log := c.keyed(5, of("3")+", action: restore", fill)
		wants(t, log, "one\none\none\n", "cache: not saved (cache.action is restore)")
		log = c.keyed(6, of("3")+", action: save", fill)
		wants(t, log, "cache: nothing is restored (cache.action is save)", "\none\n", "cache: saved go-true-3")
		wants(t, c.keyed(7, `paths: [other], key: "go-true-1"`, "ls -A"), "cache: miss: no cache with a key of this kind")
	})
}

func TestKeysThatAreRefused(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	for key, want := range map[string]string{
		"$NOTHING":                            "it is empty",
		"$(exit 3)":                           "$(exit 3): exit status 3",
		"a$(":                                 "cache.key: ",
		"$(codebuild-hash-files)":             "name a file or a pattern",
		"$(codebuild-hash-files a | cut -c1)": "stands alone in a command",
		"a" + strings.Repeat("b", 600):        "it has 601 bytes; it may have 512",
	} {
		wants(t, c.keyed(1, `paths: [a], key: "`+key+`"`, "mkdir a"), "cache: not used: cache.key: ", want, "SUCCEEDED")
	}
}

// What a pull request's build saves is read by builds of that pull request alone.
func TestPullRequestCannotPoisonACache(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	const of = `paths: [a], key: k`
	wants(t, c.keyedApart("pull-request/3", 1, of, "mkdir a; echo bad >a/f"), "cache: saved k")
	wants(t, c.keyedApart("pull-request/4", 2, of, "mkdir a; echo bad4 >a/f"), "cache: miss", "cache: saved k")
	wants(t, c.keyed(3, of, "mkdir a; echo good >a/f"), "cache: miss", "cache: saved k")
	wants(t, c.keyedApart("pull-request/3", 4, of, "cat a/f"), "cache: hit", "\nbad\n")
	wants(t, c.keyedApart("pull-request/5", 5, of, "cat a/f"), "cache: hit", "\ngood\n")
	wants(t, c.keyed(6, of, "cat a/f"), "cache: hit", "\ngood\n")
	o := cachedOrder("greeter", cachedSpec("b", "mkdir b"))
	o.CacheApart = "pull-request/3"
	var log watched
	c.run(t.Context(), o, 0, &log)
	wants(t, log.String(), "Local cache: not used. The build is of pull-request/3")
}

// Caches of all kinds share one bound, and those that nobody has used for longest go first.
func TestKeyedCachesAreBounded(t *testing.T) {
	c := newCacheTest(t, host.Plain())
	c.store.limit = 2800 << 10
	fill := func(seed string) string {
		return "mkdir -p a; head -c 1000k /dev/urandom >a/" + seed
	}
	c.buildOf("moved", 0, cachedSpec("a", fill("m")))
	wants(t, c.keyed(1, "paths: [a], key: k1", fill("1")), "cache: saved k1")
	wants(t, c.keyed(2, "paths: [a], key: k2", fill("2")), "cache: saved k2", "cache: removed the cache of moved (")
	wants(t, c.keyed(3, "paths: [a], key: k1", "true"), "cache: hit: restored k1")
	wants(t, c.buildOf("moved", 0, cachedSpec("a", fill("m"))), "nothing to restore", "cache: removed k2 of greeter (")
	wants(t, c.keyed(4, "paths: [a], key: k1", "true"), "cache: hit: restored k1")
	wants(t, c.keyed(5, "paths: [a], key: k3", "mkdir a; head -c 4000k /dev/urandom >a/f"),
		"cache: not saved: it takes ", "; there is room for 2 MiB")
}
