package event_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"slipway/internal/event"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

// Every subscriber hears of a fact, and the failure of one is not the other's.
func TestSubscribers(t *testing.T) {
	db := storetest.Open(t)
	heard, tried := make(chan event.Push, 10), make(chan struct{}, 10)
	event.Pushed.Subscribe(db, "failing", func(context.Context, string, event.Push) error {
		tried <- struct{}{}
		return errors.New("no")
	})
	event.Pushed.Subscribe(db, "good", func(_ context.Context, key string, p event.Push) error {
		if key != "key" {
			t.Errorf("the key is %q", key)
		}
		heard <- p
		return nil
	})
	event.BuildEnded.Subscribe(db, "other", func(context.Context, string, event.Ended) error {
		t.Error("another topic's subscriber hears of it")
		return nil
	})
	storetest.Work(t, db)
	want := event.Push{Repository: "web", Ref: "refs/heads/main", New: "abc"}
	if err := db.Write(t.Context(), func(tx store.Tx) error {
		return event.Pushed.Publish(t.Context(), tx, "key", want)
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []func(){
		func() {
			if got := <-heard; got != want {
				t.Errorf("heard %+v", got)
			}
		},
		func() { <-tried },
	} {
		c()
	}
	left, err := store.Strings(t.Context(), db, `SELECT kind FROM jobs`)
	for deadline := time.Now().Add(10 * time.Second); err == nil && len(left) != 1 && time.Now().Before(deadline); {
		left, err = store.Strings(t.Context(), db, `SELECT kind FROM jobs`)
	}
	if err != nil || len(left) != 1 || left[0] != "event.push.failing" {
		t.Errorf("left are %v, %v", left, err)
	}
}
