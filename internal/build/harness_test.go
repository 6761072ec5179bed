package build_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build"
	"slipway/internal/event"
	"slipway/internal/journal"
	"slipway/internal/report"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

type reportPart = report.Service

// buildAPI is CodeBuild, of builds and their reports.
type buildAPI struct {
	*build.Service
	*reportPart
	cb.Unimplemented
}

// stage is the build stage with a clock that the test moves.
type stage struct {
	*build.Service
	api     *cb.Service
	t       testing.TB
	db      *store.Store
	reports *report.Service
	ended   chan event.Ended
	removed chan journal.Name
	journal *journal.Journal

	mu  sync.Mutex
	now time.Time
}

func (s *stage) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *stage) AppendSince(n journal.Name, begin time.Time) (*journal.Writer, error) {
	return s.journal.AppendSince(n, begin)
}

func (s *stage) Remove(n journal.Name) error { s.removed <- n; return nil }

func open(t testing.TB, change ...func(*build.Config)) *stage {
	t.Helper()
	return openOn(t, storetest.Open(t, build.Migrations(), report.Migrations()), change...)
}

func openOn(t testing.TB, db *store.Store, change ...func(*build.Config)) *stage {
	t.Helper()
	s := &stage{t: t, db: db, ended: make(chan event.Ended, 10_000), removed: make(chan journal.Name, 10),
		now: time.Now().Truncate(time.Millisecond)}
	pager := awsproto.Pager{Key: []byte("key")}
	var err error
	if s.journal, err = journal.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	s.reports = report.New(s.db,
		report.Config{Region: "eu-central-1", Account: "123456789012", Now: s.clock, Pager: pager})
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "seal"))
	if err != nil {
		t.Fatal(err)
	}
	c := build.Config{Region: "eu-central-1", Account: "123456789012", URL: "http://slipway", Now: s.clock,
		Log: slog.New(slog.DiscardHandler), Pager: pager, Seal: sealer,
		Reports: s.reports, Logs: s, Hold: 50 * time.Millisecond,
		ReadObject: func(_ context.Context, _, bucket, key string) (io.ReadCloser, error) {
			if bucket != "specs" {
				return nil, errors.New("no such bucket")
			}
			return io.NopCloser(strings.NewReader("version: 0.2 # of " + key)), nil
		}}
	for _, f := range change {
		f(&c)
	}
	s.Service = build.New(s.db, c)
	s.api = cb.New(awsproto.Hooks{}, buildAPI{s.Service, s.reports, cb.Unimplemented{}})
	event.BuildEnded.Subscribe(s.db, "test", func(_ context.Context, key string, e event.Ended) error {
		if key != e.ID {
			t.Errorf("event of %s has the key %s", e.ID, key)
		}
		s.ended <- e
		return nil
	})
	storetest.Work(t, s.db)
	return s
}

func (s *stage) ctx() context.Context {
	return awsproto.WithCaller(s.t.Context(), awsproto.Caller{Name: "alice", AccessKeyID: "AKIA1"})
}

const spec = "version: 0.2\nphases: {build: {commands: [true]}}\n"

// project is one without a source, as CreateProject takes it.
func project(name string) *cb.CreateProjectInput {
	return &cb.CreateProjectInput{Name: &name,
		Source:    &cb.ProjectSource{Type: cb.SourceTypeNoSource, Buildspec: new(spec)},
		Artifacts: &cb.ProjectArtifacts{Type: cb.ArtifactsTypeNoArtifacts},
		Environment: &cb.ProjectEnvironment{Type: cb.EnvironmentTypeLinuxContainer,
			Image: new("aws/codebuild/standard:7.0"), ComputeType: cb.ComputeTypeBuildGeneral1Small},
		ServiceRole: new("arn:aws:iam::123456789012:role/build")}
}

func (s *stage) create(in *cb.CreateProjectInput) *cb.Project {
	s.t.Helper()
	out, err := s.api.CreateProject(s.ctx(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Project
}

func (s *stage) start(in *cb.StartBuildInput) *cb.Build {
	s.t.Helper()
	out, err := s.api.StartBuild(s.ctx(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Build
}

func (s *stage) get(id string) cb.Build {
	s.t.Helper()
	out, err := s.api.BatchGetBuilds(s.ctx(), &cb.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil || len(out.Builds) != 1 {
		s.t.Fatalf("build %s: %+v, %v", id, out, err)
	}
	return out.Builds[0]
}

func (s *stage) poll(runner string, free int32, running ...string) *slipway.PollBuildOutput {
	s.t.Helper()
	out, err := s.PollBuild(s.ctx(), &slipway.PollBuildInput{Runner: &runner, Free: &free, Running: running,
		Labels: []string{"sandbox", "container"}})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *stage) acknowledge(runner, id string) bool {
	s.t.Helper()
	out, err := s.AcknowledgeBuild(s.ctx(), &slipway.AcknowledgeBuildInput{Id: &id, Runner: &runner})
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.Run
}

func (s *stage) complete(runner, id string, r slipway.Result) {
	s.t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.CompleteBuild(s.ctx(),
		&slipway.CompleteBuildInput{Id: &id, Runner: &runner, Result: text}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) order(out *slipway.PollBuildOutput) slipway.Order {
	s.t.Helper()
	if out.Build == nil {
		s.t.Fatalf("no build: %+v", out)
	}
	var o slipway.Order
	if err := json.Unmarshal(out.Build.Order, &o); err != nil {
		s.t.Fatal(err)
	}
	return o
}

// end waits for the event of a build's end.
func (s *stage) end() event.Ended {
	s.t.Helper()
	select {
	case e := <-s.ended:
		return e
	case <-time.After(20 * time.Second):
		s.t.Fatal("no build ended")
		return event.Ended{}
	}
}

func phases(b cb.Build) string {
	var all []string
	for _, p := range b.Phases {
		all = append(all, fmt.Sprintf("%s:%s", p.PhaseType, p.PhaseStatus))
	}
	return strings.Join(all, " ")
}
