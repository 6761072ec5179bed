package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/pipeline"
	"slipway/internal/store"
)

// changed tells of a change of a place, and returns how many executions a pipeline has then.
func (h *house) changed(p pipeline.Place, of string) int {
	h.t.Helper()
	if err := h.Changed(h.t.Context(), p); err != nil {
		h.t.Fatal(err)
	}
	return len(h.executions(of))
}

func TestTriggers(t *testing.T) {
	onBoth(t, cases{
		"a change starts each pipeline that watches it once": aChangeStartsEachPipelineThatWatchesItOnce,
		"an update changes what is watched":                  anUpdateChangesWhatIsWatched,
		"a change that is part of a transaction":             aChangeThatIsPartOfATransaction,
		"a source that was unknown is watched":               aSourceThatWasUnknownIsWatched,
	})
}

func aChangeStartsEachPipelineThatWatchesItOnce(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	twice := post("twice", "in")
	also := action("Also", letters().Types()[0], map[string]string{"Box": "in"})
	twice.Stages[0].Actions = append(twice.Stages[0].Actions, also)
	h.create(twice)
	h.create(post("other", "elsewhere"))

	if n := h.changed(box("in"), "twice"); n != 2 {
		t.Errorf("%d executions after its creation and a change that two of its sources watch, want 2", n)
	}
	if n := len(h.executions("other")); n != 1 {
		t.Errorf("%d executions of a pipeline that watches another box, want 1", n)
	}
	trigger := h.executions("twice")[0].Trigger
	if trigger.TriggerType != cp.TriggerTypePollForSourceChanges || *trigger.TriggerDetail != "Also" {
		t.Errorf("trigger %s %s, want the source action that watches", trigger.TriggerType, *trigger.TriggerDetail)
	}
}

func anUpdateChangesWhatIsWatched(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	h.create(post("post", "in"))
	if _, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: post("post", "new")}); err != nil {
		t.Fatal(err)
	}
	if n := h.changed(box("in"), "post"); n != 1 {
		t.Errorf("%d executions after a change of the box before, want 1", n)
	}
	if n := h.changed(box("new"), "post"); n != 2 {
		t.Errorf("%d executions after a change of the new box, want 2", n)
	}
	if _, err := h.DeletePipeline(t.Context(), &cp.DeletePipelineInput{Name: new("post")}); err != nil {
		t.Fatal(err)
	}
	if err := h.Changed(t.Context(), box("new")); err != nil {
		t.Errorf("a change that nobody watches any more: %v", err)
	}
}

func aSourceThatWasUnknownIsWatched(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	h.create(post("post", "in"))
	forget := func() {
		err := h.db.Write(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM pipeline_watches`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Rewatch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	forget() // as an earlier version has it
	if n := h.changed(box("in"), "post"); n != 2 {
		t.Errorf("%d executions after a change once the watches were made anew, want 2", n)
	}
	forget() // it was done already
	if n := h.changed(box("in"), "post"); n != 2 {
		t.Errorf("%d executions: the watches were made anew once more", n)
	}
}

func aChangeThatIsPartOfATransaction(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	h.create(post("post", "in"))
	errUndone := errors.New("undone")
	change := func(name string, versions []string, end error) error {
		return h.db.Write(t.Context(), func(tx store.Tx) error {
			for _, version := range versions {
				o := event.Object{Bucket: "b", Key: name, Version: version}
				if err := event.ObjectWritten.Publish(context.Background(), tx, name+version, o); err != nil {
					return err
				}
			}
			return end
		})
	}
	if err := change("in", []string{"1"}, errUndone); !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	if err := change("nobody's", []string{"1"}, nil); err != nil {
		t.Fatal(err)
	}
	if err := change("in", []string{"2", "2", "3"}, nil); err != nil {
		t.Fatal(err)
	}
	h.until("two versions start two executions", func() bool { return len(h.executions("post")) == 3 })
	const changes = `SELECT COUNT(*) FROM jobs WHERE kind LIKE 'event.object-written.%'`
	h.until("no change is left: the undone one is gone, nobody wants one, and the same version is one", func() bool {
		var jobs int
		if err := h.db.QueryRow(t.Context(), changes).Scan(&jobs); err != nil {
			t.Fatal(err)
		}
		return jobs == 0
	})
}
