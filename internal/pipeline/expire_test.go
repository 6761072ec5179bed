package pipeline_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/object"
)

func TestExpire(t *testing.T) {
	onBoth(t, cases{"old executions go with their artifacts": expire})
}

// expire runs a pipeline 23 times; the newest 20 executions stay however old they are.
func expire(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	keys := h.runTimes(23)
	kept := keys[22] // of the oldest
	inUse := func(_, key string) bool { return key == kept }
	before, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for _, step := range []struct {
		started time.Time
		limit   int
		want    int
	}{
		{before, 100, 0}, // none is so old
		{later, 2, 2},    // the limit
		{later, 100, 1},  // what is left besides the newest 20
		{later, 100, 0},
	} {
		if n, err := h.Expire(t.Context(), step.started, step.limit, inUse); n != step.want || err != nil {
			t.Errorf("%d executions expired, %v, want %d", n, err, step.want)
		}
	}
	if n := len(h.executions("post")); n != 20 {
		t.Errorf("%d executions, want the newest 20", n)
	}
	for i, key := range keys {
		_, err := h.objects.Stat(t.Context(), "artifacts", key, "")
		stays := i < 20 || key == kept
		if stays && err != nil || !stays && !errors.Is(err, object.ErrNoKey) {
			t.Errorf("artifact %d of 23, the newest first: %v, it stays = %t", i, err, stays)
		}
	}
}

// runTimes runs a pipeline so many times, and returns the keys of the artifacts that the runs made, the newest first.
func (h *house) runTimes(n int) (keys []string) {
	h.t.Helper()
	if err := h.objects.CreateBucket(h.t.Context(), "artifacts"); err != nil {
		h.t.Fatal(err)
	}
	d := post("post", "in")
	d.Stages[0].Actions[0].OutputArtifacts = []cp.OutputArtifact{{Name: new("Letter")}}
	h.create(d)
	for range n - 1 {
		h.newest("post", cp.PipelineExecutionStatusSucceeded)
		if err := h.Changed(h.t.Context(), box("in")); err != nil {
			h.t.Fatal(err)
		}
	}
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	for _, x := range h.executions("post") {
		at := h.runs("post", *x.PipelineExecutionId)[0].Output.OutputArtifacts[0].S3location
		body, meta := strings.NewReader("letter"), &object.Meta{}
		if _, err := h.objects.Put(h.t.Context(), *at.Bucket, *at.Key, body, meta, object.Condition{}); err != nil {
			h.t.Fatal(err)
		}
		keys = append(keys, *at.Key)
	}
	return keys
}
