package event

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"slipway/api/slipway"
)

func TestWaitForChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHints(nil)
		ask := func(since *string, seconds int32, topics ...string) *slipway.WaitForChangeOutput {
			out, err := h.WaitForChange(t.Context(),
				&slipway.WaitForChangeInput{Topics: topics, Since: since, WaitSeconds: &seconds})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		began := time.Now()
		first := ask(nil, 20, "a")
		if *first.Changed || time.Since(began) > 0 {
			t.Errorf("without a place: %t after %s", *first.Changed, time.Since(began))
		}

		h.Now("a") // between two calls
		missed := ask(first.At, 20, "a", "b")
		if !*missed.Changed || time.Since(began) > 0 {
			t.Errorf("a change between two calls is missed: %t after %s", *missed.Changed, time.Since(began))
		}

		h.Now("c")
		over := ask(missed.At, 20, "a", "b")
		if *over.Changed || time.Since(began) != 20*time.Second {
			t.Errorf("with nothing changed: %t after %s", *over.Changed, time.Since(began))
		}

		go func() {
			<-time.After(time.Second)
			h.Now("c")
			<-time.After(time.Second)
			h.Now("b")
		}()
		began = time.Now()
		waited := ask(over.At, 20, "a", "b")
		if !*waited.Changed || time.Since(began) != 2*time.Second {
			t.Errorf("a change is told as %t after %s", *waited.Changed, time.Since(began))
		}

		for i := range remembered + 1 {
			h.Now(fmt.Sprint("other", i))
		}
		if out := ask(waited.At, 20, "a"); !*out.Changed {
			t.Error("what may have changed longer ago than is remembered must count as changed")
		}
		for _, since := range []string{NewHints(nil).epoch + "/0", "", "x", h.epoch + "/-1", h.epoch + "/x",
			h.epoch + "/99999999"} {
			if out := ask(&since, 20, "a"); !*out.Changed {
				t.Errorf("the place %q is of no use, and counts as unchanged", since)
			}
		}
		if len(h.waiting) != 0 {
			t.Errorf("%d names are still listened to", len(h.waiting))
		}
	})
}
