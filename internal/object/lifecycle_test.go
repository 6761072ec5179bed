package object

import (
	"context"
	"strings"
	"testing"
	"time"

	"slipway/internal/object/setting"
	"slipway/internal/store"
)

// A lifecycle is carried out when it is set: what has expired goes, with its bytes, and the rest stays.
func TestLifecycleIsCarriedOut(t *testing.T) {
	t.Parallel()
	s, _, _ := fresh(t)
	ctx := t.Context()
	now := time.Now()
	s.now = func() time.Time { return now.AddDate(0, 0, -10) }
	put(t, s, "logs/old", "x")
	put(t, s, "other/old", "x")
	if _, err := s.StartUpload(ctx, "b", "logs/upload", Meta{}); err != nil {
		t.Fatal(err)
	}
	s.now = time.Now
	put(t, s, "logs/new", "x")
	l := &setting.Lifecycle{Rules: []setting.Rule{{ID: "r", Status: "Enabled",
		Filter:     &setting.Filter{Prefix: new("logs/")},
		Expiration: &setting.Expiration{Days: new(5)},
		Abort:      &setting.Abort{DaysAfterInitiation: new(5)},
	}}}
	if err := s.PutSettings(ctx, "b", Settings{LifecycleName: setting.Text(l)}); err != nil {
		t.Fatal(err)
	}
	again, err := s.runLifecycle(ctx, store.Running{Key: "b"})
	if err != nil || again == store.Done {
		t.Fatalf("%+v, %v; want it to run again", again, err)
	}
	page, err := s.List(ctx, "b", Query{Limit: 100})
	var left []string
	for _, o := range page.Objects {
		left = append(left, o.Key)
	}
	if got := strings.Join(left, " "); err != nil || got != "logs/new other/old" {
		t.Errorf("left are %s, %v", got, err)
	}
	if us, err := s.Uploads(ctx, "b", "", "", 10); err != nil || len(us) != 0 {
		t.Errorf("%d uploads are left, %v", len(us), err)
	}
	if err := s.DeleteSettings(ctx, "b", LifecycleName); err != nil {
		t.Fatal(err)
	}
	if ended, err := s.runLifecycle(context.Background(), store.Running{Key: "b"}); err != nil || ended != store.Done {
		t.Errorf("without a lifecycle: %+v, %v", ended, err)
	}
}

// In a bucket with versions the current one is hidden by a marker, and goes later as a noncurrent one.
func TestLifecycleOfVersions(t *testing.T) {
	t.Parallel()
	s, _, _ := fresh(t)
	ctx := t.Context()
	if err := s.SetVersioning(ctx, "b", "Enabled"); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s.now = func() time.Time { return now }
	put(t, s, "k", "1")
	put(t, s, "k", "2")
	l := &setting.Lifecycle{Rules: []setting.Rule{{ID: "r", Status: "Enabled", Filter: &setting.Filter{},
		Expiration:                  &setting.Expiration{Days: new(1)},
		NoncurrentVersionExpiration: &setting.NoncurrentExpiration{NoncurrentDays: new(3)},
	}}}
	if err := s.PutSettings(ctx, "b", Settings{LifecycleName: setting.Text(l)}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		days int
		want string
	}{{0, "2 1"}, {2, "marker 2 1"}, {5, "marker 2"}, {9, ""}} {
		s.now = func() time.Time { return now.AddDate(0, 0, step.days) }
		if _, err := s.runLifecycle(ctx, store.Running{Key: "b"}); err != nil {
			t.Fatal(err)
		}
		page, err := s.List(ctx, "b", Query{Limit: 100, Versions: true})
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, o := range page.Objects {
			text := "marker"
			if !o.Deleted {
				_, f, err := s.Get(ctx, "b", "k", o.Version)
				if err != nil {
					t.Fatal(err)
				}
				p := make([]byte, 1)
				_, _ = f.Read(p)
				_ = f.Close()
				text = string(p)
			}
			left = append(left, text)
		}
		if got := strings.Join(left, " "); got != step.want {
			t.Errorf("after %d days: %q, want %q", step.days, got, step.want)
		}
	}
}
