package router

import (
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// A requestError is a request that the router does not route, with the status that the client gets. The connection is
// closed after it, since where the next request begins may be in doubt.
type requestError struct {
	status int
	reason string
}

func (e *requestError) Error() string { return e.reason }

func malformed(reason string) error { return &requestError{http.StatusBadRequest, reason} }

// checkGrammar is the one check that each request passes before it is routed, whichever version of HTTP it came by.
// What passes can be read in one way only, and can be written as HTTP/1.1 without becoming another request (RFC 9110,
// sections 4 to 9).
func checkGrammar(q *http.Request) error {
	switch {
	case !isToken(q.Method):
		return malformed("the method is not a token")
	case q.Method == http.MethodConnect:
		return malformed("CONNECT is not for a load balancer")
	case q.Host == "" && q.ProtoAtLeast(1, 1):
		return malformed("no host")
	case q.Host != "" && !isAuthority(q.Host):
		return malformed("the authority is not a host with an optional port")
	}
	for key, values := range q.Header {
		if !isToken(key) {
			return malformed("a header's name is not a token")
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return malformed("a header's value has control characters")
			}
		}
	}
	if expect := q.Header["Expect"]; len(expect) > 0 &&
		(len(expect) > 1 || !strings.EqualFold(expect[0], "100-continue")) {
		return &requestError{http.StatusExpectationFailed, "an expectation other than 100-continue"}
	}
	return nil
}

// tokenBytes are the characters of a token (RFC 9110, section 5.6.2).
var tokenBytes = func() (all [256]bool) {
	for c := range all {
		b := byte(c)
		all[c] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
			strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
	}
	return all
}()

func isToken[T string | []byte](name T) bool {
	for i := range len(name) {
		if !tokenBytes[name[i]] {
			return false
		}
	}
	return len(name) > 0
}

// hostBytes are the characters of a registered name (RFC 3986, section 3.2.2) without percent encoding, which no host
// needs and which two readers may decode differently.
var hostBytes = func() (all [256]bool) {
	for c := range all {
		b := byte(c)
		all[c] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
			strings.IndexByte("-._~!$&'()*+,;=", b) >= 0
	}
	return all
}()

// isAuthority reports whether a Host header or an :authority is uri-host [ ":" port ].
func isAuthority(s string) bool {
	if address, ok := strings.CutPrefix(s, "["); ok {
		address, port, ok := strings.Cut(address, "]")
		ip, err := netip.ParseAddr(address)
		return ok && err == nil && ip.Is6() && ip.Zone() == "" && (port == "" || port[0] == ':' && isPort(port[1:]))
	}
	host, port, found := strings.Cut(s, ":")
	for i := range len(host) {
		if !hostBytes[host[i]] {
			return false
		}
	}
	return host != "" && (!found || isPort(port))
}

// isPort reports whether a port is one to five digits.
func isPort(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 5
}

// isTarget reports whether a request target has no character that ends it early for another reader: no space, no
// control, no fragment. Characters that a strict client would have encoded, such as | or ä, pass as they are.
func isTarget(uri string) bool {
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c == 0x7f || c == '#' {
			return false
		}
	}
	return uri != ""
}
