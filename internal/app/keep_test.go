package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/internal/journal"
	"slipway/internal/store"
)

func TestParseKeep(t *testing.T) {
	t.Parallel()
	with := func(change func(*Keep)) Keep {
		k := DefaultKeep
		change(&k)
		return k
	}
	for setting, want := range map[string]Keep{
		"":           DefaultKeep,
		" , ":        DefaultKeep,
		"builds=90d": with(func(k *Keep) { k.Builds = 90 * day }),
		"builds=90d, executions=30d,reports=forever": with(func(k *Keep) {
			k.Builds, k.Executions, k.Reports = 90*day, 30*day, 0
		}),
		"deployments=1d,uploads=2d": with(func(k *Keep) { k.Deployments, k.Uploads = day, 2*day }),
		"builds=90d,builds=30d":     with(func(k *Keep) { k.Builds = 30 * day }),
	} {
		if got, err := ParseKeep(setting); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", setting, got, err, want)
		}
	}
	for setting, want := range map[string]string{
		"logs=3d":       `--keep does not know "logs"; it takes builds, denials, deployments, executions, reports, uploads`,
		"builds":        "--keep builds must be a number of days",
		"builds=90":     "--keep builds must be a number of days",
		"builds=0d":     "--keep builds must be a number of days",
		"builds=-1d":    "--keep builds must be a number of days",
		"builds=2w":     "--keep builds must be a number of days",
		"builds=oneday": "--keep builds must be a number of days",
	} {
		_, err := ParseKeep(setting)
		says(t, setting, err, want)
	}
}

// Housekeeping deletes nothing that is kept, sets aside the logs that nobody owns, and runs again a day later.
func TestHousekeeping(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	s.now = func() time.Time { return time.Now().Add(2 * day) } // what lies in the folder is old enough
	strays := []journal.Name{
		{Group: "/aws/codebuild/gone", Stream: "6f1d8f06-0000-4000-8000-000000000000"},
		{Group: "/aws/codebuild/gone", Stream: "prefix/6f1d8f06-0000-4000-8000-000000000001"},
		{Group: "/aws/codedeploy/gone", Stream: "d-ABCDEFGHI/host/Install"},
	}
	own := journal.Name{Group: "my-own-group", Stream: "6f1d8f06-0000-4000-8000-000000000002"}
	for _, n := range append(slices.Clone(strays), own) {
		w, err := s.journal.Append(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("a line\n")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	k := &keeper{s.ground, s.storage, s.stages}
	out, err := k.run(t.Context(), store.Running{})
	if err != nil {
		t.Fatal(err)
	}
	if out == store.Done {
		t.Error("housekeeping does not run again")
	}
	for _, n := range strays {
		if streams, err := s.journal.Streams(t.Context(), n.Group, "", "", 10); err != nil || len(streams) > 0 {
			t.Errorf("%s: %d logs are left (%v)", n.Group, len(streams), err)
		}
	}
	if streams, err := s.journal.Streams(t.Context(), own.Group, "", "", 10); err != nil || len(streams) != 1 {
		t.Errorf("a log of a group of the project's own: got %d logs, %v, want it", len(streams), err)
	}
	doctor := &Doctor{Data: s.Data}
	if f := doctor.quarantined(); !strings.HasPrefix(f.Note, "3 things") {
		t.Errorf("the quarantine: got %q, want 3 things", f.Note)
	}
}
