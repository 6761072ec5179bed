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
	freeTries = 10          // wrong secrets for a name from one source
	window    = time.Minute // in which they count
	maxTried  = 10_000      // names and sources that are remembered
)

// throttle slows down who guesses secrets: after some failures for a name, its source has to wait. It never
// looks at what others did, so that nobody locks somebody else out.
type throttle struct {
	mu       sync.Mutex
	failures *expirable.LRU[attempt, int]
	asking   map[string]bool // sources of which a password is being checked, which costs memory and time
}

// attempt is a name that a source tried, hashed: it may be of any length.
type attempt [sha256.Size]byte

func newThrottle() *throttle {
	return &throttle{failures: expirable.NewLRU[attempt, int](maxTried, nil, window), asking: map[string]bool{}}
}

func attemptOf(name, source string) attempt { return sha256.Sum256([]byte(source + "\x00" + name)) }

// begin lets a source try a secret for a name, one at a time. Each begin that is allowed is followed by end.
func (t *throttle) begin(name, source string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, _ := t.failures.Get(attemptOf(name, source)); n >= freeTries || t.asking[source] {
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
		return
	}
	a := attemptOf(name, source)
	n, _ := t.failures.Get(a)
	t.failures.Add(a, n+1)
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
