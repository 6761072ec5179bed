package runner

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// A yes that is lost on its way is found again, and a build that another runner has is left to it.
func TestAcknowledgedTwice(t *testing.T) {
	m, url := newMaster(t)
	dir := t.TempDir()
	others, lost := order(commands("echo never")), order(commands("echo once"))
	m.acked[*others.Build.Id] = 1
	m.acked[*lost.Build.Id] = 1
	m.elsewhere = *others.Build.Id
	r := records{filepath.Join(dir, "runner", "records")}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, o := range []slipway.Order{others, lost} {
		text, err := json.Marshal(o)
		if err == nil {
			err = r.keepOrder(*o.Build.Id, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	serve(t, config(url, dir))
	if got := m.result(t, *lost.Build.Id); got.Status != codebuild.StatusTypeSucceeded {
		t.Error(got.Status)
	}
	waitFor(t, "the other's record is gone", func() bool { left, _ := os.ReadDir(r.dir); return len(left) == 0 })
	m.change(func() {
		if _, ok := m.results[*others.Build.Id]; ok {
			t.Error("another runner's build was run")
		}
	})
}

func TestRecordsSurviveATornWrite(t *testing.T) {
	r := records{t.TempDir()}
	o := order(commands("true"))
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.keepOrder(*o.Build.Id, text); err != nil {
		t.Fatal(err)
	}
	path, _ := r.path(*o.Build.Id)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"star`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := r.all(); err != nil || len(all) != 1 || all[0].started || all[0].id != *o.Build.Id {
		t.Fatal(all, err)
	}
	if err := r.keepStarted(*o.Build.Id); err != nil {
		t.Fatal(err)
	}
	if err := r.keepResult(*o.Build.Id, slipway.Result{Status: codebuild.StatusTypeFailed}); err != nil {
		t.Fatal(err)
	}
	if all, err := r.all(); err != nil || !all[0].started || all[0].result == nil ||
		all[0].result.Status != codebuild.StatusTypeFailed {
		t.Fatal(all, err)
	}
	for _, bad := range []string{"", "x", "x:", "x:../y", "x:a/b"} {
		if err := r.keepStarted(bad); err == nil {
			t.Errorf("%q is an ID", bad)
		}
	}
	if err := os.WriteFile(path, whole[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := r.all(); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
}
