package custom_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/custom"
)

const minute = 60_000

// world is a moment of a test, with IDs that count.
func world(now int64, ids *int) custom.World {
	return custom.World{Now: now, NewID: func() string { *ids++; return fmt.Sprint("id", *ids) }}
}

func queued() *custom.Job {
	return &custom.Job{ID: "job", Run: "run", Number: 1, State: cp.JobStatusQueued, Created: 1}
}

// steps are what may happen to a job.
var steps = map[string]func(j *custom.Job, w custom.World) error{
	"hand": func(j *custom.Job, w custom.World) error {
		if !j.Hand(w) {
			return errors.New("not handed out")
		}
		return nil
	},
	"acknowledge": func(j *custom.Job, _ custom.World) error { return j.Acknowledge(j.Nonce, "worker") },
	"guess":       func(j *custom.Job, _ custom.World) error { return j.Acknowledge("guessed", "worker") },
	"succeed":     func(j *custom.Job, w custom.World) error { _, err := j.Succeed(custom.Success{}, w); return err },
	"fail":        func(j *custom.Job, w custom.World) error { return j.Fail(cp.FailureDetails{}, w) },
	"time out": func(j *custom.Job, w custom.World) error {
		if !j.TimeOut(w) {
			return errors.New("has ended")
		}
		return nil
	},
	"abandon": func(j *custom.Job, w custom.World) error {
		if !j.Abandon(w) {
			return errors.New("has ended")
		}
		return nil
	},
}

func TestWhatMayHappenToAJob(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		steps   []string // all of which but the last must be taken
		refused bool     // the last one
		state   cp.JobStatus
	}{
		"handed out":                     {[]string{"hand"}, false, cp.JobStatusDispatched},
		"handed out once":                {[]string{"hand", "hand"}, true, cp.JobStatusDispatched},
		"acknowledged":                   {[]string{"hand", "acknowledge"}, false, cp.JobStatusInProgress},
		"acknowledged again":             {[]string{"hand", "acknowledge", "acknowledge"}, false, cp.JobStatusInProgress},
		"a nonce that was guessed":       {[]string{"hand", "guess"}, true, cp.JobStatusDispatched},
		"acknowledged before a poll":     {[]string{"acknowledge"}, true, cp.JobStatusQueued},
		"handed out when acknowledged":   {[]string{"hand", "acknowledge", "hand"}, true, cp.JobStatusInProgress},
		"ended without acknowledgement":  {[]string{"hand", "succeed"}, true, cp.JobStatusDispatched},
		"failed without acknowledgement": {[]string{"hand", "fail"}, true, cp.JobStatusDispatched},
		"succeeded":                      {[]string{"hand", "acknowledge", "succeed"}, false, cp.JobStatusSucceeded},
		"failed":                         {[]string{"hand", "acknowledge", "fail"}, false, cp.JobStatusFailed},
		"ended twice":                    {[]string{"hand", "acknowledge", "fail", "succeed"}, true, cp.JobStatusFailed},
		"timed out while it waits":       {[]string{"time out"}, false, cp.JobStatusTimedOut},
		"a result after the time":        {[]string{"hand", "acknowledge", "time out", "succeed"}, true, cp.JobStatusTimedOut},
		"abandoned":                      {[]string{"hand", "abandon"}, false, cp.JobStatusFailed},
		"a result of an abandoned job":   {[]string{"hand", "acknowledge", "abandon", "succeed"}, true, cp.JobStatusFailed},
		"abandoned after its end":        {[]string{"hand", "acknowledge", "succeed", "abandon"}, true, cp.JobStatusSucceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, ids := queued(), 0
			for i, step := range c.steps {
				err := steps[step](j, world(int64(i)+2, &ids))
				if want := c.refused && i == len(c.steps)-1; (err != nil) != want {
					t.Fatalf("%s: %v, want it refused = %t", step, err, want)
				}
			}
			if j.State != c.state {
				t.Errorf("the job is %s, want %s", j.State, c.state)
			}
			if _, visible := j.Visible(); visible && (j.Over() || j.State == cp.JobStatusInProgress) {
				t.Errorf("a poll may return a job that is %s", j.State)
			}
		})
	}
}

func TestAnUnacknowledgedJobGoesToAnotherWorker(t *testing.T) {
	t.Parallel()
	j, ids := queued(), 0
	j.Hand(world(1, &ids))
	first := j.Nonce
	if j.Hand(world(minute, &ids)) {
		t.Error("it was handed out again before a minute was over")
	}
	if !j.Hand(world(minute+1, &ids)) {
		t.Fatal("it was not handed out again")
	}
	if err := j.Acknowledge(first, "slow"); !errors.Is(err, custom.ErrNonce) {
		t.Errorf("the first worker acknowledged it: %v", err)
	}
	if err := j.Acknowledge(j.Nonce, "quick"); err != nil || j.Worker != "quick" {
		t.Errorf("the second worker: %v, the worker is %q", err, j.Worker)
	}
}

func TestAContinuationIsAnotherJob(t *testing.T) {
	t.Parallel()
	j, ids := queued(), 0
	j.Configuration = map[string]string{"a": "b"}
	j.Hand(world(2, &ids))
	if err := j.Acknowledge(j.Nonce, "w"); err != nil {
		t.Fatal(err)
	}
	told := &cp.ExecutionDetails{ExternalExecutionId: new("7"), PercentComplete: new(int32(40))}
	next, err := j.Succeed(custom.Success{Continuation: "token", Told: told}, world(3, &ids))
	if err != nil || next == nil {
		t.Fatalf("%+v, %v", next, err)
	}
	if next.ID == j.ID || next.Number != 2 || next.State != cp.JobStatusQueued || next.Continuation != "token" ||
		next.Nonce != "" || next.Worker != "" || next.Ended != 0 || next.Configuration["a"] != "b" {
		t.Errorf("the job that follows is %+v", next)
	}
	if *next.Told.ExternalExecutionId != "7" || *next.Told.PercentComplete != 40 {
		t.Errorf("what the worker told is gone: %+v", next.Told)
	}
}

// actionOf is an action whose jobs a test hands out, with what each worker believes to hold.
type actionOf struct {
	jobs  []*custom.Job
	holds map[string]string // worker -> ID of the job that it acknowledged and has not ended
	now   int64
	ids   int
	ends  map[string]int
}

// TestRandomJobs lets workers, timers and people do anything in any order: a job is held by one worker at most, ends
// once, and an action always has exactly one job that has not ended, or has ended.
func TestRandomJobs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		a := &actionOf{jobs: []*custom.Job{queued()}, holds: map[string]string{}, now: 1, ends: map[string]int{}}
		nonces := map[string]string{} // worker -> of the last job that it was handed
		for range 60 {
			a.now += r.Int64N(2 * minute / 3)
			worker := fmt.Sprint("worker", r.IntN(3))
			a.step(t, r, worker, nonces)
			a.check(t, seed)
		}
	}
}

func (a *actionOf) step(t *testing.T, r *rand.Rand, worker string, nonces map[string]string) {
	t.Helper()
	j, w := a.jobs[r.IntN(len(a.jobs))], world(a.now, &a.ids)
	over := j.Over()
	switch r.IntN(8) {
	case 0, 1:
		if j.Hand(w) {
			nonces[worker] = j.Nonce
		}
	case 2, 3:
		if j.Acknowledge(nonces[worker], worker) == nil && !j.Over() {
			a.holds[worker] = j.ID
		}
	case 4:
		if j.Fail(cp.FailureDetails{}, w) == nil {
			a.ends[j.ID]++
		}
	case 5, 6:
		in := custom.Success{}
		if r.IntN(2) == 0 {
			in.Continuation = "more"
		}
		next, err := j.Succeed(in, w)
		if err == nil {
			a.ends[j.ID]++
		}
		if next != nil {
			a.jobs = append(a.jobs, next)
		}
	case 7:
		if r.IntN(10) == 0 && (j.TimeOut(w) || j.Abandon(w)) {
			a.ends[j.ID]++
		}
	}
	if over && a.ends[j.ID] != 1 {
		t.Fatalf("the job %s ended %d times", j.ID, a.ends[j.ID])
	}
}

func (a *actionOf) check(t *testing.T, seed uint64) {
	t.Helper()
	open := 0
	for i, j := range a.jobs {
		holders := 0
		for _, id := range a.holds {
			if id == j.ID && j.State == cp.JobStatusInProgress {
				holders++
			}
		}
		if _, visible := j.Visible(); visible && holders > 0 || holders > 1 {
			t.Fatalf("seed %d: the job %s, which is %s, is held by %d workers", seed, j.ID, j.State, holders)
		}
		if !j.Over() {
			open++
		}
		if j.Number != int64(i+1) {
			t.Fatalf("seed %d: job %d has the number %d", seed, i, j.Number)
		}
	}
	last := a.jobs[len(a.jobs)-1]
	if open > 1 || open == 1 && last.Over() {
		t.Fatalf("seed %d: %d jobs have not ended, and the last one is %s", seed, open, last.State)
	}
}
