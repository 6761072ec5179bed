package kit

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	x := newThrottle()
	for range freeTries {
		if !x.begin("ann", "10.0.0.1") {
			t.Fatal("a try is refused too early")
		}
		x.end("ann", "10.0.0.1", true)
	}
	if x.begin("ann", "10.0.0.1") {
		t.Error("a source that guessed ten times may guess on")
	}
	if !x.begin("ann", "10.0.0.2") {
		t.Error("another source pays for that")
	}
	if !x.begin("bob", "10.0.0.1") {
		t.Error("another name pays for that")
	}
	if x.begin("eve", "10.0.0.1") {
		t.Error("one source has two secrets checked at the same time")
	}
	x.end("bob", "10.0.0.1", false)
	for range 2 * maxTried / freeTries { // names of any length, and of any number
		name := strings.Repeat("n", 60_000)
		if x.begin(name, "10.0.0.3") {
			x.end(name, "10.0.0.3", true)
		}
	}
	if n := x.failures.Len(); n > maxTried {
		t.Errorf("%d are remembered", n)
	}
}

// TestThrottleByAddressAndByName guesses for many names from one source, and for one name from many.
func TestThrottleByAddressAndByName(t *testing.T) {
	t.Parallel()
	x := newThrottle()
	try := func(name, source string, failed bool) bool {
		ok := x.begin(name, source)
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
