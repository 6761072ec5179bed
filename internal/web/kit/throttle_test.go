package kit

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	x := newThrottle()
	for range freeTries {
		if !x.begin(t.Context(), "ann", "10.0.0.1") {
			t.Fatal("a try is refused too early")
		}
		x.end("ann", "10.0.0.1", true)
	}
	if x.begin(t.Context(), "ann", "10.0.0.1") {
		t.Error("a source that guessed ten times may guess on")
	}
	if !x.begin(t.Context(), "ann", "10.0.0.2") {
		t.Error("another source pays for that")
	}
	if !x.begin(t.Context(), "bob", "10.0.0.1") {
		t.Error("another name pays for that")
	}
	given, stop := context.WithCancel(t.Context())
	stop()
	if x.begin(given, "eve", "10.0.0.1") {
		t.Error("one source has two secrets checked at the same time")
	}
	x.end("bob", "10.0.0.1", false)
	for range 2 * maxTried / freeTries { // names of any length, and of any number
		name := strings.Repeat("n", 60_000)
		if x.begin(t.Context(), name, "10.0.0.3") {
			x.end(name, "10.0.0.3", true)
		}
	}
	if n := x.failures.Len(); n > maxTried {
		t.Errorf("%d are remembered", n)
	}
}

// People behind one address who sign in at the same time all get in, one after the other. Guesses that come at the same
// time are not more than those that come one by one.
func TestThrottleTakesTurns(t *testing.T) {
	t.Parallel()
	x := newThrottle()
	var checking, checked atomic.Int32
	try := func(name string, failed bool) bool {
		if !x.begin(t.Context(), name, "10.0.0.1") {
			return false
		}
		if checking.Add(1) > 1 {
			t.Error("one source has two secrets checked at the same time")
		}
		runtime.Gosched()
		checking.Add(-1)
		checked.Add(1)
		x.end(name, "10.0.0.1", failed)
		return true
	}
	var people sync.WaitGroup
	for i := range maxAsking {
		people.Go(func() {
			if !try(fmt.Sprint("name", i), false) {
				t.Error("somebody with the right secret is refused")
			}
		})
	}
	people.Wait()
	checked.Store(0)
	for range maxAsking {
		people.Go(func() { try("ann", true) })
	}
	people.Wait()
	if n := checked.Load(); n != freeTries {
		t.Errorf("%d guesses were checked, want %d", n, freeTries)
	}
	if len(x.asking) != 0 {
		t.Errorf("%d sources are remembered as asking", len(x.asking))
	}
}

// A source that asks very often at the same time does not fill the memory with those that wait.
func TestThrottleBoundsWhoWaits(t *testing.T) {
	t.Parallel()
	x := newThrottle()
	if !x.begin(t.Context(), "ann", "10.0.0.1") {
		t.Fatal("the first try is refused")
	}
	var refused sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	results := make(chan bool, 2*maxAsking)
	for range cap(results) {
		refused.Go(func() { results <- x.begin(ctx, "ann", "10.0.0.1") })
	}
	for range cap(results) - (maxAsking - 1) { // those for whom there is no place
		if <-results {
			t.Fatal("two secrets are checked at the same time")
		}
	}
	stop()
	refused.Wait()
	x.end("ann", "10.0.0.1", false)
	if len(x.asking) != 0 {
		t.Errorf("%d sources are remembered as asking", len(x.asking))
	}
}

// TestThrottleByAddressAndByName guesses for many names from one source, and for one name from many.
func TestThrottleByAddressAndByName(t *testing.T) {
	t.Parallel()
	x := newThrottle()
	try := func(name, source string, failed bool) bool {
		ok := x.begin(t.Context(), name, source)
		if ok {
			x.end(name, source, failed)
		}
		return ok
	}
	for i := range sourceTries {
		if !try(fmt.Sprint("name", i), "10.0.0.1", true) {
			t.Fatalf("guess %d is refused too early", i)
		}
	}
	if try("ann", "10.0.0.1", true) {
		t.Error("a source that guessed for many names may guess on")
	}
	try("bob", "10.0.0.9", false)
	for i := range nameTries {
		try("bob", fmt.Sprint("10.0.1.", i), true)
	}
	if try("bob", "10.0.0.8", true) {
		t.Error("one more source may guess for a name for which many do")
	}
	if !try("bob", "10.0.0.9", false) {
		t.Error("the guesses of others lock somebody out")
	}
}

func TestSourceOf(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"192.0.2.1:80": "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::", "pipe": "pipe"} {
		if got := sourceOf(&http.Request{RemoteAddr: address}); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
