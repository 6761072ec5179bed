package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slipway/spec/toolerror"
)

// Bounds of a build's disk use.
const (
	// defaultDisk is how much a build's folders may hold, in bytes: what CodeBuild's smallest compute type has,
	// roughly.
	defaultDisk = 50 << 30
	// lookEvery is how often the file system is asked how full it is, which is one system call.
	lookEvery = 100 * time.Millisecond
	// maxReserve is the most that is kept free for the server's database, which may lie on the same disk, in bytes; on
	// a small one it is a twentieth.
	maxReserve = 1 << 30
)

// diskGuard ends a build that fills the disk.
type diskGuard struct {
	dir   string
	limit int64
	end   context.CancelCauseFunc

	base int64 // what was used of the file system when the folders were last measured
	own  int64 // what the folders held then
}

// watch looks after the disk until ctx ends. The folders are measured only once the file system has filled by a good
// part of what is left to the build, so that a build that writes little costs nothing.
func (g *diskGuard) watch(ctx context.Context) {
	var st unix.Statfs_t
	if err := unix.Statfs(g.dir, &st); err != nil {
		return
	}
	g.base = used(&st)
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := unix.Statfs(g.dir, &st); err != nil {
			continue
		}
		if why := g.look(ctx, &st); why != "" {
			g.end(&phaseError{code: clientError, err: errors.New(why), kind: toolerror.DiskFull})
			return
		}
	}
}

// look says why the build must end, or "".
func (g *diskGuard) look(ctx context.Context, st *unix.Statfs_t) string {
	size := int64(st.Blocks) * st.Bsize
	free := int64(st.Bavail) * st.Bsize
	reserve := min(maxReserve, size/20)
	grown := used(st) - g.base
	if free >= reserve && grown < max(g.limit-g.own, 0)/4+1 {
		return ""
	}
	g.base, g.own = used(st), measure(ctx, g.dir)
	switch {
	case g.own > g.limit:
		return fmt.Sprintf("the build uses %s of disk; it may use %s", bytesText(g.own), bytesText(g.limit))
	case free < reserve && g.own > reserve/2: // another one fills the disk, if this has little
		return fmt.Sprintf("the runner's disk is nearly full: %s are left, and the build uses %s", bytesText(free),
			bytesText(g.own))
	}
	return ""
}

func used(st *unix.Statfs_t) int64 { return int64(st.Blocks-st.Bfree) * st.Bsize }

// measure is how much the files below a folder take on disk, in bytes.
func measure(ctx context.Context, dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return fs.SkipAll
		}
		if err != nil {
			return nil //nolint:nilerr // what is gone takes no place
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				total += st.Blocks * 512
			}
		}
		return nil
	})
	return total
}

func bytesText(n int64) string {
	const kib = 1 << 10
	for _, unit := range []string{"B", "KiB", "MiB"} {
		if n < kib {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n /= kib
	}
	return fmt.Sprintf("%d GiB", n)
}
