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
	h := open(t, dsn, time.Now, letters(), fails(map[string]int{}))
	if err := h.objects.CreateBucket(t.Context(), "artifacts"); err != nil {
		t.Fatal(err)
	}
	d := post("post", "in")
	d.Stages[0].Actions[0].OutputArtifacts = []cp.OutputArtifact{{Name: new("Letter")}}
	h.create(d)
	for range 22 {
		h.newest("post", cp.PipelineExecutionStatusSucceeded)
		if err := h.Changed(t.Context(), box("in")); err != nil {
			t.Fatal(err)
		}
	}
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	keys := map[string]bool{}
	for _, x := range h.executions("post") {
		at := h.runs("post", *x.PipelineExecutionId)[0].Output.OutputArtifacts[0].S3location
		if _, err := h.objects.Put(t.Context(), *at.Bucket, *at.Key, strings.NewReader("x"), &object.Meta{},
			object.Condition{}); err != nil {
			t.Fatal(err)
		}
		keys[*at.Key] = true
	}
	oldest := h.executions("post")[22]
	kept := *h.runs("post", *oldest.PipelineExecutionId)[0].Output.OutputArtifacts[0].S3location.Key

	none := func(string, string) bool { return false }
	if n, err := h.Expire(t.Context(), time.Now().Add(-time.Hour), 100, none); n != 0 || err != nil {
		t.Errorf("%d executions expired that are not old, %v", n, err)
	}
	later := time.Now().Add(time.Hour)
	inUse := func(_, key string) bool { return key == kept }
	if n, err := h.Expire(t.Context(), later, 2, inUse); n != 2 || err != nil {
		t.Errorf("%d executions expired, %v, want the 2 of the limit", n, err)
	}
	if n, err := h.Expire(t.Context(), later, 100, inUse); n != 1 || err != nil {
		t.Errorf("%d executions expired, %v, want the 1 that is left", n, err)
	}
	if n := len(h.executions("post")); n != 20 {
		t.Errorf("%d executions, want the newest 20", n)
	}
	there := 0
	for key := range keys {
		_, err := h.objects.Stat(t.Context(), "artifacts", key, "")
		if err == nil {
			there++
		} else if !errors.Is(err, object.ErrNoKey) {
			t.Error(err)
		}
	}
	if there != 21 {
		t.Errorf("%d artifacts, want those of 20 executions and the one in use", there)
	}
	if _, err := h.objects.Stat(t.Context(), "artifacts", kept, ""); err != nil {
		t.Errorf("the artifact in use: %v", err)
	}
}
