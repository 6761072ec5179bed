package router

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// reading is an upstream whose target said something.
func reading(said string) *upstream { return &upstream{br: bufio.NewReader(strings.NewReader(said))} }

func TestReadHead(t *testing.T) {
	for _, c := range []struct {
		name, method, said string
		status             int
		length             int64
		chunked, keep      bool
	}{
		{"a length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 5, false, true},
		{"no reason", "GET", "HTTP/1.1 204\r\n\r\n", 204, 0, false, true},
		{"the same length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 200, 5,
			false, true},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", 200, -1, true, true},
		{"until the end", "GET", "HTTP/1.1 200 OK\r\n\r\n", 200, -1, false, false},
		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 5\r\n\r\n", 200, 5, false, false},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 5, false, false},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, 0, false, true},
		{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, 0, false, true},
		{"line feeds alone", "GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", 200, 5, false, true},
	} {
		r, err := reading(c.said).readHead(c.method)
		if err != nil || r.status != c.status || r.left != c.length || r.chunked != c.chunked || r.keep != c.keep {
			t.Errorf("%s: %+v, %v", c.name, r, err)
		}
	}
}

// TestReadHeadRefuses what can be read in two ways.
func TestReadHeadRefuses(t *testing.T) {
	for _, said := range []string{
		"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "nonsense\r\n\r\n",
		"HTTP/1.1 099 Low\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", maxResponseHead) + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 20_000) + "\r\n",
	} {
		if r, err := reading(said).readHead("GET"); !errors.Is(err, errMalformed) {
			t.Errorf("%.60q was read as %+v, %v", said, r, err)
		}
	}
	if _, err := reading("HTTP/1.1 200 OK\r\nA: b\r\n").readHead("GET"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a head: %v", err)
	}
}

func TestCookies(t *testing.T) {
	key, other := make([]byte, 32), []byte(strings.Repeat("x", 32))
	now := time.Now()
	value := sealCookie(key, "scope", "target", now.Add(time.Minute))
	if got := openCookie(key, "scope", value, now); got != "target" {
		t.Errorf("opened as %q", got)
	}
	if strings.Contains(value, "target") {
		t.Error("anybody can read it")
	}
	for name, got := range map[string]string{"another key": openCookie(other, "scope", value, now),
		"another scope": openCookie(key, "group", value, now),
		"too late":      openCookie(key, "scope", value, now.Add(time.Hour)),
		"changed":       openCookie(key, "scope", value[:len(value)-2]+"AA", now),
		"nonsense":      openCookie(key, "scope", "x", now),
		"no key":        openCookie(nil, "scope", value, now)} {
		if got != "" {
			t.Errorf("%s: opened as %q", name, got)
		}
	}
}

// FuzzResponse: what the router takes of a target, net/http reads as the same response.
func FuzzResponse(f *testing.F) {
	for _, said := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\nuntil the end", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
	} {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		u := reading(said)
		res, err := u.readHead(http.MethodGet)
		if err != nil || res.status < 200 || res.status > 599 {
			return
		}
		got := ""
		if res.left != 0 {
			body, err := io.ReadAll(u.body(res))
			if err != nil || res.left > int64(len(body)) {
				return // it breaks off, and the client is told
			}
			got = string(body)
		}
		theirs, err := http.ReadResponse(bufio.NewReader(strings.NewReader(said)),
			&http.Request{Method: http.MethodGet})
		if err != nil {
			return // net/http refuses more, such as a header that is not UTF-8 clean
		}
		body, err := io.ReadAll(theirs.Body)
		if err != nil || theirs.StatusCode != res.status || string(body) != got {
			t.Fatalf("%q is read as %d %q, by net/http as %d %q, %v", said, res.status, got, theirs.StatusCode, body,
				err)
		}
	})
}
