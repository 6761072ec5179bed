package runner

import (
	"strings"
	"testing"

	"slipway/api/codebuild"
)

func TestTheSandboxFiltersSystemCalls(t *testing.T) {
	s := sandbox(t)
	r, log := runSpec(t, s, buildspecOf("", "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status",
		"unshare --user true 2>/dev/null && echo nested || echo refused",
		"unshare --mount true 2>/dev/null && echo mounts || echo refused",
		"(sleep 0.01 &) ; echo forks | cat"))
	if r.Status != codebuild.StatusTypeSucceeded {
		t.Fatal(log)
	}
	got := said(log)
	for _, want := range []string{"NoNewPrivs:\t1\n", "Seccomp:\t2\n", "refused\nrefused\nforks\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
