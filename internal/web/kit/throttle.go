package kit

import (
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
)

// throttle slows down who guesses secrets: after some failures a source has to wait, sooner for one name than for many.
// While many sources guess for one name, only those that signed in with it before may try. So nobody locks somebody
// else out of where they always sign in.
type throttle struct {
	mu       sync.Mutex
	failures *expirable.LRU[attempt, int]
	known    *expirable.LRU[attempt, bool] // names and sources that signed in
	asking   map[string]bool               // sources of which a password is being checked, which costs memory and time
}

// attempt is a name that a source tried, hashed: it may be of any length.
type attempt [sha256.Size]byte

func newThrottle() *throttle {
	return &throttle{
		failures: expirable.NewLRU[attempt, int](maxTried, nil, window),
		known:    expirable.NewLRU[attempt, bool](maxTried, nil, familiar),
		asking:   map[string]bool{},
	}
}

func attemptOf(name, source string) attempt { return sha256.Sum256([]byte(source + "\x00" + name)) }

// begin lets a source try a secret for a name, one at a time. Each begin that is allowed is followed by end.
func (t *throttle) begin(name, source string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asking[source] || t.failed(name, source) >= freeTries || t.failed("", source) >= sourceTries ||
		t.failed(name, "") >= nameTries && !t.known.Contains(attemptOf(name, source)) {
		return false
	}
	t.asking[source] = true
	return true
}

func (t *throttle) end(name, source string, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.asking, source)
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
