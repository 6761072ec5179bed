package host

import (
	"strings"
	"testing"

	"slipway/internal/runner/room"
)

func TestTheSandboxFiltersSystemCalls(t *testing.T) {
	got := said(t, openRoom(t, sandboxed(t), room.Spec{}), `
grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status
unshare --user true 2>/dev/null && echo nested || echo refused
unshare --mount true 2>/dev/null && echo mounts || echo refused
(sleep 0.01 &) ; echo forks | cat`)
	for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "refused\nrefused\nforks\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
