package runner

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slipway/api/codebuild"
)

func TestALogHasItsLimit(t *testing.T) {
	before := maxLog
	maxLog = 1000
	defer func() { maxLog = before }()
	var out bytes.Buffer
	l := newLogbook(&out)
	for range 100 {
		l.output([]byte(strings.Repeat("x", 99) + "\n"))
	}
	l.say("Phase complete")
	got := out.String()
	if n := strings.Count(got, "x"); n != 990 {
		t.Errorf("%d bytes of the commands are kept", n)
	}
	if strings.Count(got, "The log has its limit of 1000 B: what commands write from here on is not kept\n") != 1 ||
		!strings.HasSuffix(got, "Phase complete\n") {
		t.Errorf("the end is %q", got[max(0, len(got)-300):])
	}
}

func TestASmallArchiveUnpacksToLittle(t *testing.T) {
	for size, want := range map[int64]int64{1000: leastUnpacked, 10 << 20: 2000 << 20, 1 << 40: maxUnpacked} {
		if got := mayUnpackTo(size); got != want {
			t.Errorf("%d bytes may unpack to %d, want %d", size, got, want)
		}
	}
}

func TestABuildThatUsesTooMuchDiskEnds(t *testing.T) {
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancelCause(t.Context())
	g := &diskGuard{dir: dir, limit: 2 << 20, end: end, base: used(&st) - 10<<20}
	if why := g.look(ctx, &st); !strings.Contains(why, "the build uses 4 MiB of disk; it may use 2 MiB") {
		t.Errorf("it says %q", why)
	}
	st.Bavail = 0
	g = &diskGuard{dir: dir, limit: 1 << 40, end: end, base: used(&st)}
	st.Blocks = uint64(20 << 20 / st.Bsize)
	if why := g.look(ctx, &st); !strings.Contains(why,
		"the runner's disk is nearly full: 0 B are left, and the build uses 4 MiB") {
		t.Errorf("it says %q", why)
	}
}

func TestTheReasonOfAnEndIsTheBuilds(t *testing.T) {
	b := &build{}
	ctx, end := context.WithCancelCause(t.Context())
	end(fail(clientError, "the build uses 4 MiB of disk; it may use 2 MiB"))
	status, code, message := b.judge(ctx, errors.New("killed"))
	if status != codebuild.StatusTypeFailed || code != clientError || !strings.Contains(message, "of disk") {
		t.Errorf("%s %s %q", status, code, message)
	}
}
