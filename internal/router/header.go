package router

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	elb "slipway/api/elbv2"
)

// incoming is a request with what the router knows of it.
type incoming struct {
	*http.Request
	route  *route
	peer   string // the client's address, without port
	port   string // and its port
	l      *listener
	since  time.Time // when the connection began
	client *client   // of an HTTP/1 request; else nil
	body   *requestBody
	trace  string
	small  []byte // the body, if it is small and was read
}

// hop reports whether a header is of one connection alone, or one that the router sets itself.
func hop(key string) bool {
	switch key {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Expect":
		return true
	}
	return false
}

// ours reports whether a header of a request is one that the router writes.
func ours(key string) bool {
	switch key {
	case "Host", "Content-Length", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace-Id",
		"X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite":
		return true
	}
	return false
}

// named are the headers that a Connection header says are of the connection alone.
func named(h http.Header) []string {
	var all []string
	for _, line := range h["Connection"] {
		all = append(all, names(line)...)
	}
	return all
}

func names(line string) []string {
	var all []string
	for name := range strings.SplitSeq(line, ",") {
		all = append(all, http.CanonicalHeaderKey(strings.TrimSpace(name)))
	}
	return all
}

// each calls f for each header that goes to the target.
func (q *incoming) each(f func(key, value string)) {
	drop := named(q.Header)
	for key, values := range q.Header {
		if hop(key) || ours(key) || len(drop) > 0 && slices.Contains(drop, key) || q.route.dropInvalid && !plain(key) {
			continue
		}
		for _, v := range values {
			if key == "Cookie" {
				if v = withoutSession(v); v == "" {
					continue
				}
			}
			f(key, v)
		}
	}
	if value := q.forwardedFor(); value != "" {
		f("X-Forwarded-For", value)
	}
	f("X-Forwarded-Proto", q.scheme())
	f("X-Forwarded-Port", strconv.Itoa(int(q.route.Port)))
	f("X-Amzn-Trace-Id", q.trace)
	if q.TLS != nil && q.route.tlsHeaders {
		f("X-Amzn-Tls-Version", tlsVersion(q.TLS.Version))
		f("X-Amzn-Tls-Cipher-Suite", cipherName(q.TLS.CipherSuite))
	}
}

// forwardedFor is the X-Forwarded-For header that goes to the target; "" for none.
func (q *incoming) forwardedFor() string {
	before := strings.Join(q.Header["X-Forwarded-For"], ", ")
	switch q.route.forwardedFor {
	case "remove":
		return ""
	case "preserve":
		return before
	}
	peer := q.peer
	if q.route.clientPort {
		peer = net.JoinHostPort(q.peer, q.port)
	}
	if before == "" {
		return peer
	}
	return before + ", " + peer
}

// plain reports whether a header's name is of letters, digits and hyphens alone.
func plain(key string) bool {
	for _, c := range []byte(key) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func (q *incoming) scheme() string {
	if q.route.Protocol == elb.ProtocolEnumHttps {
		return "https"
	}
	return "http"
}

// host is what the target is told that the client asked for. Unless it is to be preserved, it says the port if it is
// not the usual one, and does not if it is, as Application Load Balancers do.
func (q *incoming) host() string {
	if q.route.preserveHost || q.Host == "" {
		return q.Host
	}
	usual := map[string]int32{"http": 80, "https": 443}[q.scheme()]
	host, port, err := net.SplitHostPort(q.Host)
	switch {
	case err == nil && q.route.Port == usual && port == strconv.Itoa(int(usual)):
		return host
	case err != nil && q.route.Port != usual:
		return q.Host + ":" + strconv.Itoa(int(q.route.Port))
	}
	return q.Host
}

// traceID is the request's place in a trace: the client's, with a part of our own, or a new one.
func traceID(h http.Header) string {
	var raw [16]byte
	binary.BigEndian.PutUint32(raw[:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint32(raw[4:], rand.Uint32())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64())
	text := append(make([]byte, 0, 48), "Root=1-"...)
	text = hex.AppendEncode(text, raw[:4])
	text = hex.AppendEncode(append(text, '-'), raw[4:])
	before := h.Get("X-Amzn-Trace-Id")
	if before == "" || len(before) > 512 || !strings.Contains(before, "Root=") {
		return string(text)
	}
	id := string(text[len("Root="):])
	var rest []string
	for part := range strings.SplitSeq(before, ";") {
		if part = strings.TrimSpace(part); part != "" && !strings.HasPrefix(part, "Self=") {
			rest = append(rest, part)
		}
	}
	return "Self=" + id + ";" + strings.Join(rest, ";")
}

// target is what is asked of the target; ok is false for what could be taken for more than that.
func (q *incoming) uri() (uri string, ok bool) {
	uri = q.RequestURI
	if !strings.HasPrefix(uri, "/") && uri != "*" || q.ProtoMajor == 2 {
		uri = q.URL.RequestURI()
	}
	for _, c := range []byte(uri) {
		if c <= ' ' || c == 0x7f {
			return "", false
		}
	}
	return uri, true
}

// head writes the head of the request as an HTTP/1.1 target gets it.
func (q *incoming) head(b []byte, uri, upgrade string) []byte {
	b = append(append(append(append(b, q.Method...), ' '), uri...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, q.host()...), "\r\n"...)
	q.each(func(key, value string) {
		b = append(append(append(append(b, key...), ": "...), value...), "\r\n"...)
	})
	switch {
	case upgrade != "":
		b = append(append(append(b, "Connection: Upgrade\r\nUpgrade: "...), upgrade...), "\r\n"...)
	case q.ContentLength > 0:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), q.ContentLength, 10), "\r\n"...)
	case q.hasBody():
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case q.Method == http.MethodPost || q.Method == http.MethodPut || q.Method == http.MethodPatch:
		b = append(b, "Content-Length: 0\r\n"...)
	}
	return append(b, "\r\n"...)
}

// ask asks a client for the body that waits to be asked.
func (q *incoming) ask() {
	if q.body != nil {
		q.body.ask()
	}
}

func (q *incoming) hasBody() bool {
	return q.Body != nil && q.Body != http.NoBody && q.ContentLength != 0
}

// replayable reports whether the request can be sent a second time when it is not known what became of the first (RFC
// 9110, section 9.2.2).
func (q *incoming) replayable() bool {
	switch q.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return !q.hasBody()
	}
	return false
}
