package e2e

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestRouterRefuses what a hostile client sends.
func TestRouterRefuses(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	b.forward(b.listener, weights(b.group("blue", "HTTP1", blue.address), 1))
	served := blue.served.Load()
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n":                                                         400, // no host
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                                   400,
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                                            400,
		"GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n":                                     400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n":                                  400,
		"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n":                                   400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab": 400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na":                      400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na":  400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil " +
			"HTTP/1.1\r\nHost: a\r\n\r\n": 400,
		"GET / HTTP/1.1\nHost: a\n\n":                                                        400,
		"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n":                                              400,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n":         501,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n": 501,
		"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n":                                          400,
		"GET / HTTP/3.0\r\nHost: a\r\n\r\n":                                                  400,
		"nonsense\r\n\r\n":                                                                   400,
		"GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n":        431,
		"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n":                              417,
	} {
		c := must(net.Dial("tcp", b.address))(t)
		_, _ = io.WriteString(c, request)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != want || !resp.Close {
			t.Errorf("%.70q: %v, %v; want %d and the end of the connection", request, resp, err, want)
		}
		_ = c.Close()
	}
	if blue.served.Load() != served {
		t.Error("a target got some of it")
	}
	// What follows the last chunk is a request of its own, of this client.
	c := must(net.Dial("tcp", b.address))(t)
	defer c.Close()
	_, _ = io.WriteString(c,
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /request "+
			"HTTP/1.1\r\nHost: a\r\n\r\n")
	r := bufio.NewReader(c)
	for _, want := range []string{"hello", "GET /request"} {
		resp := must(http.ReadResponse(r, nil))(t)
		if body := must(io.ReadAll(resp.Body))(t); !strings.HasPrefix(string(body), want) {
			t.Errorf("%q, want %q", body, want)
		}
	}
	// Who waits to be asked for the body is asked; who is slow to say what it wants is let go.
	_, _ = io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	if line, err := r.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = r.ReadString('\n')
	_, _ = io.WriteString(c, "hello")
	resp := must(http.ReadResponse(r, nil))(t)
	if body := must(io.ReadAll(resp.Body))(t); string(body) != "hello" {
		t.Errorf("%q", body)
	}
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: slow")
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := r.ReadByte(); err != io.EOF && !strings.Contains(err.Error(), "reset") {
		t.Errorf("half a head is waited for: %v", err)
	}
}

// TestRouterPatience: who is silent for longer than the idle timeout is not waited for, and nobody works for a client
// that is gone.
func TestRouterPatience(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	two := newApplication(t, "two")
	groups := map[string]string{"HTTP/1": b.group("one", "HTTP1", blue.address),
		"HTTP/2": b.group("two", "HTTP2", two.address)}
	for kind, app := range map[string]*application{"HTTP/1": blue, "HTTP/2": two} {
		b.forward(b.listener, weights(groups[kind], 1))
		c := must(net.Dial("tcp", b.address))(t)
		_, _ = io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		eventually(t, "the request is at the target", func() error {
			if app.slow.Load() == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		_ = c.Close()
		eventually(t, "the target hears that the client is gone", func() error {
			if app.left.Load() == 0 {
				return errors.New("not yet")
			}
			return nil
		})
	}
	b.does(func() {
		must(b.elb.ModifyLoadBalancerAttributes(t.Context(),
			&elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: &b.lb,
				Attributes: []types.LoadBalancerAttribute{{Key: aws.String("idle_timeout.timeout_seconds"),
					Value: aws.String("1")}}}))(t)
	})
	for kind, group := range groups {
		b.forward(b.listener, weights(group, 1))
		tr := &http.Transport{} // connections of its own: those of before keep the timeout that they had
		if resp, _ := ask(t, &http.Client{Transport: tr}, "GET",
			"http://"+b.address+"/slow"); resp.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("%s: %d for a target that does not answer", kind, resp.StatusCode)
		}
		tr.CloseIdleConnections()
	}
	c := must(net.Dial("tcp", b.address))(t)
	defer c.Close()
	_, _ = io.WriteString(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nnot all of it")
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("a client that sends nothing more is waited for: %v", err)
	}
}

// TestRouterEdges are what HTTP/1 allows besides the usual.
func TestRouterEdges(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	b.forward(b.listener, weights(b.group("blue", "HTTP1", blue.address), 1))
	say := func(request string) *bufio.Reader {
		c := must(net.Dial("tcp", b.address))(t)
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		must(io.WriteString(c, request))(t)
		return bufio.NewReader(c)
	}
	t.Run("an HTTP/1.0 client gets no chunks", func(t *testing.T) {
		close(blue.goOn)
		text := string(must(io.ReadAll(say("GET /stream HTTP/1.0\r\n\r\n")))(t))
		if !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || strings.Contains(text, "chunked") ||
			!strings.HasSuffix(text, "\r\n\r\nevent 0\nevent 1\nevent 2\n") {
			t.Errorf("%q", text)
		}
	})
	t.Run("requests that come at once are answered in order", func(t *testing.T) {
		r := say(strings.Repeat("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 20) +
			"GET /request?last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		for n := range 21 {
			resp := must(http.ReadResponse(r, nil))(t)
			body := string(must(io.ReadAll(resp.Body))(t))
			if last := n == 20; last != strings.Contains(body, "/request?last") || resp.Close != last {
				t.Errorf("response %d: %q, close %v", n, body, resp.Close)
			}
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("after the last: %v", err)
		}
	})
	t.Run("hints go before the response", func(t *testing.T) {
		r := say("GET /hints HTTP/1.1\r\nHost: a\r\n\r\n")
		for _, want := range []int{103, 200} {
			resp := must(http.ReadResponse(r, nil))(t)
			if resp.StatusCode != want || want == 103 && resp.Header.Get("Link") == "" {
				t.Errorf("%+v, want %d", resp, want)
			}
		}
	})
	t.Run("a response that breaks off does not look whole", func(t *testing.T) {
		resp := must(http.ReadResponse(say("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n"), nil))(t)
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "only this" {
			t.Errorf("%q, %v", body, err)
		}
	})
	t.Run("an absolute address", func(t *testing.T) {
		resp := must(http.ReadResponse(say("GET http://web.test/request?a HTTP/1.1\r\nHost: other\r\n\r\n"), nil))(t)
		if body := string(must(io.ReadAll(resp.Body))(t)); !strings.HasPrefix(body,
			"GET /request?a HTTP/1.1\nHost: web.test") {
			t.Errorf("%q", body)
		}
	})
}
