package custom_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/custom"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Postgres(t).Database(t)) })
}

// open opens a service as one server has it.
func open(t *testing.T, dsn string, now func() time.Time) (*custom.Service, *store.Store) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	db, err := store.Open(t.Context(), store.Options{
		DSN:        dsn,
		Migrations: []store.Migrations{pipeline.Migrations()},
		Twice:      true,
		Log:        log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "seal"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := custom.New(t.Context(), db, custom.Config{
		Region:  "eu-central-1",
		Account: "123456789012",
		Now:     now,
		Log:     log,
		Seal:    sealer,
		Hints:   event.NewHints(db),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, db
}

var kind = &cp.ActionTypeId{Category: cp.ActionCategoryBuild, Owner: cp.ActionOwnerCustom, Provider: new("Worker"),
	Version: new("1")}

func create(t *testing.T, s *custom.Service) {
	t.Helper()
	none := &cp.ArtifactDetails{MinimumCount: new(int32(0)), MaximumCount: new(int32(0))}
	_, err := s.CreateCustomActionType(t.Context(), &cp.CreateCustomActionTypeInput{Category: kind.Category,
		Provider: kind.Provider, Version: kind.Version, InputArtifactDetails: none, OutputArtifactDetails: none})
	if err != nil {
		t.Fatal(err)
	}
}

// start makes the job of an action execution.
func start(t *testing.T, s *custom.Service, run string) {
	t.Helper()
	_, err := s.Start(t.Context(), &pipeline.Action{ID: run, Pipeline: "p", Execution: "e", Stage: "s", Name: "a",
		Type: kind})
	if err != nil {
		t.Fatal(err)
	}
}

// Workers of two servers poll at the same time: each job goes to one of them, and none is lost.
func TestWorkersPollAtTheSameTime(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		t.Parallel()
		first, _ := open(t, dsn, time.Now)
		create(t, first)
		servers := []*custom.Service{first}
		if strings.HasPrefix(dsn, "postgres") {
			second, _ := open(t, dsn, time.Now)
			servers = append(servers, second)
		}
		const jobs = 24
		for i := range jobs {
			start(t, first, fmt.Sprint("run", i))
			start(t, first, fmt.Sprint("run", i)) // as after a crash: it stays one job
		}
		var mu sync.Mutex
		taken := map[string]int{}
		var workers sync.WaitGroup
		for n := range 6 {
			s := servers[n%len(servers)]
			workers.Go(func() { work(t, s, func(id string) { mu.Lock(); taken[id]++; mu.Unlock() }) })
		}
		workers.Wait()
		if len(taken) != jobs {
			t.Errorf("%d jobs were taken, want %d", len(taken), jobs)
		}
		for id, n := range taken {
			if n != 1 {
				t.Errorf("the job %s was taken by %d workers", id, n)
			}
		}
	})
}

// work takes jobs until there are none, and ends them.
func work(t *testing.T, s *custom.Service, took func(id string)) {
	ctx := t.Context()
	for {
		out, err := s.PollForJobs(ctx, &cp.PollForJobsInput{ActionTypeId: kind, MaxBatchSize: new(int32(2))})
		if err != nil || len(out.Jobs) == 0 {
			if err != nil {
				t.Error(err)
			}
			return
		}
		for _, j := range out.Jobs {
			if _, err := s.AcknowledgeJob(ctx, &cp.AcknowledgeJobInput{JobId: j.Id, Nonce: j.Nonce}); err != nil {
				t.Error(err)
			}
			if _, err := s.PutJobSuccessResult(ctx, &cp.PutJobSuccessResultInput{JobId: j.Id}); err != nil {
				t.Error(err)
			}
			took(*j.Id)
		}
	}
}

// A job that nobody ended within a day has timed out: its action fails and says why.
func TestAJobTimesOut(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		t.Parallel()
		s, db := open(t, dsn, func() time.Time { return time.Now().Add(-25 * time.Hour) })
		create(t, s)
		ended := make(chan string, 1)
		event.JobEnded.Subscribe(db, "test", func(_ context.Context, run string, _ event.Ended) error {
			ended <- run
			return nil
		})
		start(t, s, "run")
		storetest.Work(t, db)
		select {
		case run := <-ended:
			r, err := s.Result(t.Context(), &pipeline.Action{}, run)
			if err != nil || r == nil || r.Failure == nil || r.Failure.Code != "JobTimeout" ||
				!strings.Contains(r.Failure.Message, "No job worker acknowledged the job") {
				t.Errorf("%+v, %v", r, err)
			}
		case <-time.After(time.Minute):
			t.Fatal("it has not timed out")
		}
	})
}

// A poll finds its jobs by an index: it costs the same with a long history.
func TestAPollUsesAnIndex(t *testing.T) {
	t.Parallel()
	_, db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"), time.Now)
	rows, err := store.All(t.Context(), db, scanPlan, `EXPLAIN QUERY PLAN SELECT doc FROM pipeline_jobs
		WHERE queue = $1 AND visible <= $2 ORDER BY visible, id LIMIT $3`, "q", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if plan := strings.Join(rows, "; "); !strings.Contains(plan, "USING INDEX pipeline_jobs_queue") ||
		strings.Contains(plan, "TEMP B-TREE") {
		t.Errorf("the plan of a poll is %s", plan)
	}
}
