package router

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// plainAndNet reads the same bytes as the router's own reader and as net/http do.
func plainAndNet(said string) (plain, net *http.Request, rest, netRest string, netErr error) {
	r := bufio.NewReader(strings.NewReader(said))
	_, _ = r.Peek(1)
	var p plainRequest
	if plain = p.read(r); plain != nil {
		body, _ := io.ReadAll(plain.Body)
		left, _ := io.ReadAll(r)
		rest = string(body) + "|" + string(left)
	}
	n := bufio.NewReader(strings.NewReader(said))
	if net, netErr = http.ReadRequest(n); netErr == nil {
		body, _ := io.ReadAll(net.Body)
		left, _ := io.ReadAll(n)
		netRest = string(body) + "|" + string(left)
	}
	return plain, net, rest, netRest, netErr
}

// TestPlainRequestIsNetHTTPs: what the router's own reader takes it reads as net/http does, to the last byte.
func TestPlainRequestIsNetHTTPs(t *testing.T) {
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		// Most parts are as usual, the first of their values, so that what is not meets what is.
		oneOf := func(label string, values ...string) string {
			if label != "header" && rapid.IntRange(0, 7).Draw(t, "usual "+label) > 0 {
				return values[0]
			}
			return rapid.SampledFrom(values).Draw(t, label)
		}
		end := oneOf("end", "\r\n", "\n")
		var b strings.Builder
		fmt.Fprintf(&b, "%s%s%s%s%s%s", oneOf("method", "GET", "POST", "PUT", "get", "CONNECT", "OPTIONS", ""), oneOf("space", " ", "  ", "\t"),
			oneOf("uri", "/", "/a/b?c=d", "/a?", "*", "//a/b", "http://x/y", "/a%20b", "/a#b", "/a b", "/ä", ""), oneOf("space2", " ", "  "),
			oneOf("version", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 "), end)
		b.WriteString(oneOf("host", "Host: a\r\n", "host:a:80 \r\n", "", "Host: a\r\nHost: b\r\n", "Host:\r\n"))
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			b.WriteString(oneOf("header", "Accept: */*", "x-a: 1", "X-A: 2", "X-Empty:", "Cookie: a=b; c=d", "Content-Length: 5", "Content-Length: 5", "Content-Length: 6", "Content-Length: +5", "Content-Length: 5, 5",
				"Content-Length: ", "Transfer-Encoding: chunked", "Transfer-Encoding : chunked", "Connection: close", "Connection: keep-alive", "Connection: Close, X-A", "Expect: 100-continue",
				" folded", "Bad Name: x", "X: a\x01b", "X: a\rb", "X: a\nTransfer-Encoding: chunked", ": x", "X", "Pragma: no-cache", "Upgrade: websocket") + end)
		}
		b.WriteString(oneOf("last", "\r\n", "\r\n", "\n", "") + "hello, and what follows")
		plain, net, rest, netRest, err := plainAndNet(b.String())
		if plain == nil {
			return
		}
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b.String(), err)
		}
		taken++
		if diff := cmp.Diff(net, plain, cmpopts.IgnoreUnexported(http.Request{}), cmpopts.IgnoreFields(http.Request{}, "Body")); diff != "" {
			t.Fatalf("%q is read otherwise:\n%s", b.String(), diff)
		}
		if rest != netRest {
			t.Fatalf("%q: the body and the rest are %q, for net/http %q", b.String(), rest, netRest)
		}
		if refusal(net, nil) != 0 && net.Host != "" {
			t.Fatalf("%q is taken, and refused as net/http reads it", b.String())
		}
	})
	if taken == 0 {
		t.Error("nothing was taken")
	}
}

func TestPlainRequestTakesTheUsual(t *testing.T) {
	for _, said := range []string{"GET / HTTP/1.1\r\nHost: a.example.com\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n",
		"POST /a?b=c HTTP/1.1\r\nHost: a:8080\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello"} {
		if plain, _, _, _, _ := plainAndNet(said); plain == nil {
			t.Errorf("%q is left to net/http", said)
		}
	}
}
