package runner

import (
	"strings"
	"testing"
	"time"

	"slipway/internal/view"
)

// TestFindingOfABuild has the tools' own words in the cause, also where they are far from both ends of the output, and
// the room's where the tools have none.
func TestFindingOfABuild(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"seq 200000; echo './cart.go:12:3: undefined: y'; seq 200000; exit 2", "COMPILE_ERROR cart.go:12:3 undefined: y"},
		{"seq 9; frobnicate", "MISSING_TOOL frobnicate"},
		{"dd if=/dev/zero of=/dev/full count=1", "DISK_FULL"},
		{"echo all is well; kill -9 $$", "CRASH"},
		{"sh -c 'kill -11 $$'", "CRASH Segmentation fault"},
	} {
		r, log := runSpec(t, sandbox(t), "version: 0.2\nphases:\n  build:\n    commands:\n      - "+
			"|\n        "+c.command+"\n")
		if r.Cause == nil || r.Cause.Finding == nil {
			t.Errorf("%s: %+v\n%s", c.command, r.Cause, log[max(0, len(log)-2000):])
			continue
		}
		f := r.Cause.Finding
		got := *f.Kind + " " + view.Place(f) + " " + *f.Message
		if !strings.HasPrefix(strings.Join(strings.Fields(got), " "), c.want) {
			t.Errorf("%s: %s, want %s", c.command, got, c.want)
		}
	}
}

// TestTimeIsOverWhile has a build whose time is over say which command it was that ran.
func TestTimeIsOverWhile(t *testing.T) {
	minute = 300 * time.Millisecond // the order has five of them
	defer func() { minute = time.Minute }()
	r, log := runSpec(t, sandbox(t), "version: 0.2\nphases:\n  build:\n    commands:\n      - echo waiting for the database; cat /dev/zero >/dev/null\n")
	if r.Cause == nil || r.Cause.Finding == nil || *r.Cause.Finding.Kind != "TIMED_OUT" ||
		!strings.HasPrefix(r.Cause.Command, "echo waiting") || len(r.Cause.Lines) == 0 ||
		*r.Cause.Lines[0].Text != "waiting for the database" || r.Cause.Message != "Build has timed out. " {
		t.Errorf("%+v\n%s", r.Cause, log)
	}
}
