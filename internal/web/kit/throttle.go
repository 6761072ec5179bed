package kit

import (
	"context"
	"crypto/sha256"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
)

const (
	freeTries   = 10             // wrong secrets for a name from one source
	sourceTries = 50             // wrong secrets of one source, for whatever names
	nameTries   = 100            // wrong secrets for a name, from whatever sources
	window      = time.Minute    // in which they count
	familiar    = 24 * time.Hour // how long it is remembered that a source signed in with a name
	maxTried    = 10_000         // names and sources that are remembered
	maxAsking   = 16             // tries of one source at the same time; all but one wait
)

// throttle slows down who guesses secrets: after some failures a source has to wait, sooner for one name than for many.
// While many sources guess for one name, only those that signed in with it before may try. So nobody locks somebody
// else out of where they always sign in.
type throttle struct {
	mu       sync.Mutex
	failures *expirable.LRU[attempt, int]
	known    *expirable.LRU[attempt, bool] // names and sources that signed in
	asking   map[string]*turns             // sources of which a secret is being checked, which costs memory and time
}

// turns let the tries of a source be checked one after the other: people behind one address sign in at the same time.
// A try that waited is refused if those before it failed too often.
type turns struct {
	free  chan struct{} // holds a value while a try is checked
	tries int           // the one that is checked, and those that wait
}

// attempt is a name that a source tried, hashed: it may be of any length.
type attempt [sha256.Size]byte

func newThrottle() *throttle {
	return &throttle{
		failures: expirable.NewLRU[attempt, int](maxTried, nil, window),
		known:    expirable.NewLRU[attempt, bool](maxTried, nil, familiar),
		asking:   map[string]*turns{},
	}
}

func attemptOf(name, source string) attempt { return sha256.Sum256([]byte(source + "\x00" + name)) }

// begin lets a source try a secret for a name. It waits until its turn comes. Each begin that is allowed is followed by
// end.
func (t *throttle) begin(ctx context.Context, name, source string) bool {
	turn := t.enter(name, source)
	if turn == nil {
		return false
	}
	select {
	case turn.free <- struct{}{}:
	case <-ctx.Done():
		t.mu.Lock()
		defer t.mu.Unlock()
		t.leave(source, turn)
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refuses(name, source) {
		<-turn.free
		t.leave(source, turn)
		return false
	}
	return true
}

// enter takes a place among the tries of a source. It returns nil if there is none.
func (t *throttle) enter(name, source string) *turns {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := t.asking[source]
	if turn == nil {
		turn = &turns{free: make(chan struct{}, 1)}
	}
	if turn.tries >= maxAsking || t.refuses(name, source) {
		return nil
	}
	turn.tries++
	t.asking[source] = turn
	return turn
}

func (t *throttle) leave(source string, turn *turns) {
	turn.tries--
	if turn.tries == 0 {
		delete(t.asking, source)
	}
}

// refuses reports whether there were too many failures.
func (t *throttle) refuses(name, source string) bool {
	return t.failed(name, source) >= freeTries || t.failed("", source) >= sourceTries ||
		t.failed(name, "") >= nameTries && !t.known.Contains(attemptOf(name, source))
}

func (t *throttle) end(name, source string, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	turn := t.asking[source]
	<-turn.free
	t.leave(source, turn)
	if !failed {
		t.known.Add(attemptOf(name, source), true)
		return
	}
	for _, a := range []attempt{attemptOf(name, source), attemptOf("", source), attemptOf(name, "")} {
		n, _ := t.failures.Get(a)
		t.failures.Add(a, n+1)
	}
}

// failed counts the failures for a name from a source; "" is for any.
func (t *throttle) failed(name, source string) int {
	n, _ := t.failures.Get(attemptOf(name, source))
	return n
}

// sourceOf is the address that a request comes from, without its port; of an IPv6 address, the network that one
// customer has.
func sourceOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return ip.Mask(net.CIDRMask(64, 128)).String()
	}
	return host
}
