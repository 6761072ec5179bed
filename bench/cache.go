package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"slipway/internal/runner/cache"
)

const (
	cacheBytes = 256 << 20 // of the tree that is kept; a gigabyte does not fit the page cache of a small machine
	cacheFile  = 64 << 10  // bytes of a file of the tree
	cacheRuns  = 5
)

// keptCaches measures how fast a cache is restored, and tar with zstd the same tree, in turns.
func keptCaches(ctx context.Context, _ *bench) (string, error) {
	dir, err := os.MkdirTemp("", "slipway-bench-cache-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	tree := filepath.Join(dir, "tree")
	if err := growTree(tree); err != nil {
		return "", err
	}
	folder, err := cache.OpenFolder(filepath.Join(dir, "caches"), func() int64 { return 8 * cacheBytes })
	if err != nil {
		return "", err
	}
	at := folder.Open()
	defer at.Close()
	root, err := os.OpenRoot(tree)
	if err != nil {
		return "", err
	}
	defer root.Close()
	begin := time.Now()
	saved, err := cache.Save(ctx, at, cache.Head{Scope: "bench", Key: "k"}, []cache.Dir{{Name: "tree", Root: root}})
	if err != nil {
		return "", err
	}
	took := time.Since(begin)
	archive := filepath.Join(dir, "tree.tar.zst")
	pack := exec.CommandContext(ctx, "tar", "-I", "zstd", "-C", tree, "-cf", archive, ".")
	if out, err := pack.CombinedOutput(); err != nil {
		return "", fmt.Errorf("tar: %w: %s", err, out)
	}
	ours, theirs, err := inTurns(ctx, dir, archive, func(into string) error {
		return cache.Restore(ctx, at, saved.Head, into, -1, func(string) string { return "tree" })
	})
	if err != nil {
		return "", err
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	us, them := ours[len(ours)/2], theirs[len(theirs)/2]
	return fmt.Sprintf("%d MiB in %d files: restored in %s, tar with zstd in %s: %.2f × its rate; saved in %s",
		saved.Head.Size>>20, saved.Head.Files, us.Round(time.Millisecond), them.Round(time.Millisecond),
		them.Seconds()/us.Seconds(), took.Round(time.Millisecond)), nil
}

// inTurns restores a cache and unpacks an archive, cacheRuns times each, and returns how long each time took.
func inTurns(ctx context.Context, dir, archive string,
	restore func(into string) error) (ours, theirs []time.Duration, err error) {
	unpack := func(into string) error {
		return exec.CommandContext(ctx, "tar", "-I", "zstd", "-C", into, "-xf", archive).Run()
	}
	timed := func(run func(into string) error) (time.Duration, error) {
		into := filepath.Join(dir, "out")
		if err := os.Mkdir(into, 0o700); err != nil {
			return 0, err
		}
		begin := time.Now()
		err := run(into)
		took := time.Since(begin)
		if err == nil {
			err = os.RemoveAll(into)
		}
		return took, err
	}
	for range cacheRuns {
		them, err := timed(unpack)
		if err != nil {
			return nil, nil, err
		}
		us, err := timed(restore)
		if err != nil {
			return nil, nil, err
		}
		ours, theirs = append(ours, us), append(theirs, them)
	}
	return ours, theirs, nil
}

// growTree makes a tree of files that shrink to about a half, as programs and their libraries do.
func growTree(dir string) error {
	r := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, cacheFile)
	for i := range cacheBytes / cacheFile {
		for j := range text {
			if text[j] = byte(r.Uint32()); j%2 == 0 {
				text[j] = 'a'
			}
		}
		in := filepath.Join(dir, fmt.Sprint(i%64))
		if err := os.MkdirAll(in, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(in, fmt.Sprint(i)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
