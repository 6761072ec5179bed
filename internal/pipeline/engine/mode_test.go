package engine

import (
	"encoding/json"
	"slices"
	"testing"

	cp "slipway/api/codepipeline"
)

func inMode(mode cp.ExecutionMode, stages int) *bench {
	d := declaration(stages, 1)
	d.ExecutionMode = mode
	return newBench(d)
}

// become changes the mode of a pipeline.
func (b *bench) become(mode cp.ExecutionMode) {
	d := *b.p.Declaration
	d.ExecutionMode = mode
	b.p.Declaration = &d
	b.did(Reconcile(b.p, b.world()), nil)
}

func TestQueuedExecutionsKeepTheirOrder(t *testing.T) {
	b := inMode(cp.ExecutionModeQueued, 2)
	var all []*Execution
	for range 4 {
		all = append(all, b.start())
	}
	if got := b.p.Stages["S0"].Inbound; !slices.Equal(got, Queue{"e2", "e3", "e4"}) {
		t.Fatalf("waiting: %v", got)
	}
	var entered []string
	for len(b.jobs) > 0 {
		job := b.jobs[0]
		b.jobs = b.jobs[1:]
		if run := b.p.Executions[job.Execution].Run(job.Run); *run.StageName == "S1" {
			entered = append(entered, job.Execution)
		}
		b.finish(job, cp.ActionExecutionStatusSucceeded)
	}
	if !slices.Equal(entered, []string{"e1", "e2", "e3", "e4"}) {
		t.Errorf("the second stage had %v", entered)
	}
	for _, e := range all {
		if e.Status != cp.PipelineExecutionStatusSucceeded {
			t.Errorf("%s is %s", e.id(), e.Status)
		}
	}
}

func TestParallelExecutionsShareStages(t *testing.T) {
	b := inMode(cp.ExecutionModeParallel, 2)
	first, second := b.start(), b.start()
	if len(b.jobs) != 2 {
		t.Fatalf("%d actions started, want one of each execution", len(b.jobs))
	}
	b.finish(b.jobs[1], cp.ActionExecutionStatusFailed)
	b.jobs = b.jobs[:1]
	b.did(Retry(b.p, "S0", second.id(), false, b.world()))
	b.drain(cp.ActionExecutionStatusSucceeded)
	if first.Status != cp.PipelineExecutionStatusSucceeded || second.Status != cp.PipelineExecutionStatusSucceeded {
		t.Errorf("%s and %s", first.Status, second.Status)
	}
	b.start()
	b.did(Stop(b.p, "e3", true, nil, b.world()))
	b.start()
	if _, err := Retry(b.p, "S0", "e3", false, b.world()); err != nil {
		t.Errorf("a stopped execution beside another cannot be retried: %v", err)
	}
}

func TestLimitsOfModes(t *testing.T) {
	for mode, most := range map[cp.ExecutionMode]int{
		cp.ExecutionModeSuperseded: 200,
		cp.ExecutionModeQueued:     1 + maxExecutions,
		cp.ExecutionModeParallel:   maxExecutions,
	} {
		b := inMode(mode, 2)
		n := 0
		for ; n < 200 && !Full(b.p); n++ {
			b.start()
		}
		if n != most {
			t.Errorf("%s takes %d executions, want %d", mode, n, most)
		}
	}
}

// TestChangesOfTheMode is the table of "Set or change the pipeline execution mode": what waits is cancelled, what runs
// is cancelled once its actions have ended, and executions of the mode PARALLEL go on.
func TestChangesOfTheMode(t *testing.T) {
	for _, from := range modes {
		for _, to := range modes {
			b := inMode(from, 2)
			active, waiting := b.start(), b.start()
			b.become(to)
			newer := b.start()
			b.drain(cp.ActionExecutionStatusSucceeded)
			want := [2]cp.PipelineExecutionStatus{
				cp.PipelineExecutionStatusCancelled,
				cp.PipelineExecutionStatusCancelled,
			}
			switch {
			case from == cp.ExecutionModeParallel || from == to && to == cp.ExecutionModeQueued:
				want[0], want[1] = cp.PipelineExecutionStatusSucceeded, cp.PipelineExecutionStatusSucceeded
			case from == to:
				want[0], want[1] = cp.PipelineExecutionStatusSucceeded, cp.PipelineExecutionStatusSuperseded
			}
			if got := [2]cp.PipelineExecutionStatus{active.Status, waiting.Status}; got != want {
				t.Errorf("from %s to %s: %v, want %v", from, to, got, want)
			}
			if newer.Status != cp.PipelineExecutionStatusSucceeded {
				t.Errorf("from %s to %s: a new execution is %s", from, to, newer.Status)
			}
			if active.Status == cp.PipelineExecutionStatusCancelled && active.StatusSummary == nil {
				t.Errorf("from %s to %s: it does not say why it was cancelled", from, to)
			}
		}
	}
}

func TestQueuesOfEarlierVersionsAreRead(t *testing.T) {
	for stored, want := range map[string]Queue{
		`{"inbound":"e1"}`:        {"e1"},
		`{"inbound":["e1","e2"]}`: {"e1", "e2"},
		`{"inbound":""}`:          nil,
		`{}`:                      nil,
	} {
		var s Stage
		if err := json.Unmarshal([]byte(stored), &s); err != nil || !slices.Equal(s.Inbound, want) {
			t.Errorf("%s: %v, %v", stored, s.Inbound, err)
		}
	}
}
