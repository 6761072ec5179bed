package router

import (
	"net/http"
	"strings"
)

// sessionCookie is the name of the cookie by which Slipway's pages know who is signed in. Cookies know no ports: where
// the pages and a load balancer share a host name, browsers send it to the deployed applications too, and an
// application could set it. The router passes it on in neither direction.
const sessionCookie = "slipway"

// withoutSession is a Cookie header without Slipway's cookie; "" if nothing is left.
func withoutSession(line string) string {
	if !strings.Contains(line, sessionCookie) {
		return line
	}
	kept := make([]string, 0, strings.Count(line, ";")+1)
	for pair := range strings.SplitSeq(line, ";") {
		if pair = strings.TrimSpace(pair); pair != "" && !isSession(pair) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "; ")
}

// setsSession reports whether a Set-Cookie header sets Slipway's cookie.
func setsSession(line string) bool {
	pair, _, _ := strings.Cut(line, ";")
	return isSession(pair)
}

// isSession reports whether a browser would send a pair as Slipway's cookie. A cookie without a name is sent as its
// value alone, so "=slipway=x" comes back as "slipway=x" (RFC 6265bis, section 5.7).
func isSession(pair string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(pair, "= \t"), "=")
	return strings.Trim(name, " \t\"") == sessionCookie
}

// dropSession removes Set-Cookie headers that set Slipway's cookie.
func dropSession(h http.Header) {
	all := h["Set-Cookie"]
	kept := all[:0:0]
	for _, line := range all {
		if !setsSession(line) {
			kept = append(kept, line)
		}
	}
	switch {
	case len(kept) == 0:
		delete(h, "Set-Cookie")
	case len(kept) < len(all):
		h["Set-Cookie"] = kept
	}
}
