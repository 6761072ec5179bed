package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// rawTarget is a target that answers each request with bytes of its own, whatever they are. Health checks are answered
// well.
func rawTarget(t *testing.T, answer func(c net.Conn, head string)) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					head := ""
					for !strings.HasSuffix(head, "\r\n\r\n") {
						line, err := r.ReadString('\n')
						if err != nil {
							return
						}
						head += line
					}
					if !strings.Contains(strings.ToLower(head), "x-forwarded-for") { // a health check
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
						continue
					}
					answer(c, head)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestRouterPassesOn what targets answer: heads at once, large headers, and cut answers as 502 where the client got
// nothing yet.
func TestRouterPassesOn(t *testing.T) {
	t.Parallel()
	b := balance(t)
	goOn := make(chan struct{})
	target := rawTarget(t, func(c net.Conn, head string) {
		switch path := strings.Fields(head)[1]; path {
		case "/head":
			_, _ = io.WriteString(c,
				"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			<-goOn
			_, _ = io.WriteString(c, "5\r\nhel")
			<-goOn
			_, _ = io.WriteString(c, "lo\r\n0\r\n\r\n")
		case "/large":
			_, _ = fmt.Fprintf(c,
				"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=%s\r\nSet-Cookie: slipway=FIXED\r\nX: "+
					"%s\r\n\r\nok", strings.Repeat("h", 15000), strings.Repeat("x", 15000))
		case "/toolarge":
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: %s\r\n\r\nok",
				strings.Repeat("x", 17<<10))
		case "/badchunk":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
		case "/silent":
			_ = c.Close()
		case "/cookies":
			_, cookies, _ := strings.Cut(head, "\r\nCookie: ")
			cookies, _, _ = strings.Cut(cookies, "\r\n")
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(cookies), cookies)
		}
	})
	b.forward(b.listener, weights(b.group("raw", "HTTP1", target), 1))
	u := "http://" + b.address
	resp := must(http.Get(u + "/head"))(t) // returns once the head is here
	goOn <- struct{}{}
	part := make([]byte, 3)
	if _, err := io.ReadFull(resp.Body, part); err != nil || string(part) != "hel" {
		t.Errorf("a part of a chunk: %q, %v", part, err)
	}
	goOn <- struct{}{}
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "lo" {
		t.Errorf("the rest: %q, %v", rest, err)
	}
	_ = resp.Body.Close()
	for path, want := range map[string]int{"/large": 200, "/toolarge": 502, "/badchunk": 502, "/silent": 502} {
		resp := must(http.Get(u + path))(t)
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, resp.Status, want)
		}
		if path == "/large" && (len(resp.Header["Set-Cookie"]) != 1 || len(resp.Header.Get("Set-Cookie")) != 15002) {
			t.Errorf("%d cookies are set, want the application's alone", len(resp.Header["Set-Cookie"]))
		}
	}
	req := must(http.NewRequestWithContext(t.Context(), http.MethodGet, u+"/cookies", nil))(t)
	req.Header.Set("Cookie", "a=b; slipway=secret; c=d")
	if _, body := do(t, req); body != "a=b; c=d" {
		t.Errorf("the target was sent the cookies %q", body)
	}
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	resp := must(http.DefaultClient.Do(req))(t)
	defer resp.Body.Close()
	return resp, string(must(io.ReadAll(resp.Body))(t))
}

// TestRouterBlamesTheClient: uploads that are broken off, malformed or too slow count as 4xx of the client, never
// against the group.
func TestRouterBlamesTheClient(t *testing.T) {
	t.Parallel()
	b := balance(t)
	for version, name := range map[string]string{"HTTP1": "one", "HTTP2": "two"} {
		app := newApplication(t, name)
		arn := b.group(name, version, app.address)
		b.forward(b.listener, weights(arn, 1))
		say := func(request string) string {
			c := must(net.Dial("tcp", b.address))(t)
			defer c.Close()
			_, _ = io.WriteString(c, request)
			_ = c.(*net.TCPConn).CloseWrite()
			_ = c.SetReadDeadline(time.Now().Add(patience))
			text, _ := io.ReadAll(c)
			return string(text)
		}
		for range 3 {
			if got := say("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" +
				strings.Repeat("x", 20000)); !strings.HasPrefix(got, "HTTP/1.1 400 ") {
				t.Errorf("%s: an upload that broke off: %.60q", version, got)
			}
		}
		if got := say(
			"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"); !strings.HasPrefix(
			got, "HTTP/1.1 400 ") {
			t.Errorf("%s: a malformed chunk: %.60q", version, got)
		}
		if got := say("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nshort"); !strings.HasPrefix(got,
			"HTTP/1.1 400 ") {
			t.Errorf("%s: a small upload that broke off: %.60q", version, got)
		}
		eventually(t, "the client's faults are counted", func() error {
			if n := b.counted(arn, "HTTPCode_ELB_4XX_Count"); n < 5 {
				return fmt.Errorf("HTTPCode_ELB_4XX_Count is %g, want 5", n)
			}
			return nil
		})
		if n := b.counted(arn, "HTTPCode_ELB_5XX_Count"); n != 0 {
			t.Errorf("%s: HTTPCode_ELB_5XX_Count is %g", version, n)
		}
	}
}

// TestRouterBlamesTheTarget: a response that its target ends in the middle counts against the group, though its head
// said 200; one that the client does not wait for does not.
func TestRouterBlamesTheTarget(t *testing.T) {
	t.Parallel()
	b := balance(t)
	for version, name := range map[string]string{"HTTP1": "one", "HTTP2": "two"} {
		app := newApplication(t, name)
		arn := b.group(name, version, app.address)
		b.forward(b.listener, weights(arn, 1))
		ask := func(path string) *http.Response {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
			return must(client.Get("http://" + b.address + path))(t)
		}
		impatient := ask("/stream")
		_ = must(impatient.Body.Read(make([]byte, len("event 0\n"))))(t)
		_ = impatient.Body.Close()
		eventually(t, "the target hears that the client went away", func() error {
			if app.left.Load() == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		for range 3 {
			if body, err := io.ReadAll(ask("/cut").Body); err == nil {
				t.Errorf("%s: a response that broke off looks whole: %q", version, body)
			}
		}
		eventually(t, "the target's faults are counted", func() error {
			if n := b.counted(arn, "HTTPCode_ELB_5XX_Count"); n < 3 {
				return fmt.Errorf("HTTPCode_ELB_5XX_Count is %g, want 3", n)
			}
			return nil
		})
		if n := b.counted(arn, "HTTPCode_ELB_5XX_Count"); n != 3 {
			t.Errorf("%s: HTTPCode_ELB_5XX_Count is %g, want 3", version, n)
		}
		if n := b.counted(arn, "RequestCount"); n != 4 {
			t.Errorf("%s: RequestCount is %g, want 4", version, n)
		}
	}
}

// counted is the sum of a metric of a target group.
func (b *balanced) counted(group, metric string) (n float64) {
	b.t.Helper()
	out := must(b.cloudwatch().GetMetricStatistics(b.t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/ApplicationELB"), MetricName: &metric, Period: aws.Int32(60),
		Statistics: []cwtypes.Statistic{cwtypes.StatisticSum},
		StartTime:  aws.Time(time.Now().Add(-10 * time.Minute)), EndTime: aws.Time(time.Now().Add(time.Minute)),
		Dimensions: []cwtypes.Dimension{{Name: aws.String("TargetGroup"),
			Value: aws.String(group[strings.LastIndex(group, ":")+1:])}},
	}))(b.t)
	for _, d := range out.Datapoints {
		n += *d.Sum
	}
	return n
}

func (b *balanced) cloudwatch() *cloudwatch.Client { return cloudwatch.NewFromConfig(b.sdk()) }

// TestRouterReadsHTTP2AsHTTP1: what could become another request on its way to an HTTP/1 target is refused.
func TestRouterReadsHTTP2AsHTTP1(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	b.forward(b.listener, weights(b.group("blue", "HTTP1", blue.address), 1))
	for _, c := range []struct {
		method, path, authority string
		want                    string
	}{
		{"GET", "/request", "a", "200"},
		{"GET /admin HTTP/1.1", "/public", "a", "400"},
		{"GET\t", "/public", "a", "400"},
		{"GET", "/public", "x y", "400"},
		{"GET", "/public", "x/../y?z", "400"},
		{"GET", "/public", "", "400"},
		{"GET", "/public#x", "a", "400"},
	} {
		if got := statusHTTP2(t, b.address, c.method, c.path, c.authority); got != c.want {
			t.Errorf("%q %q at %q: %s, want %s", c.method, c.path, c.authority, got, c.want)
		}
	}
}

// statusHTTP2 sends a request's pseudo headers as they are, and returns the status, or what ended the stream.
func statusHTTP2(t *testing.T, address, method, path, authority string) string {
	t.Helper()
	c := must(net.Dial("tcp", address))(t)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	must(io.WriteString(c, http2.ClientPreface))(t)
	f := http2.NewFramer(c, c)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block strings.Builder
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", method}, {":scheme", "http"}, {":authority", authority},
		{":path", path}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	_ = f.WriteSettings()
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte(block.String()),
		EndStream: true, EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return err.Error()
		}
		switch x := frame.(type) {
		case *http2.MetaHeadersFrame:
			return x.PseudoValue("status")
		case *http2.RSTStreamFrame:
			return x.ErrCode.String()
		case *http2.GoAwayFrame:
			return x.ErrCode.String()
		}
	}
}

// peerProxy starts a proxy that is installed on this machine before a target, and returns its address.
func peerProxy(t *testing.T, name, target string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("SKIPPED: %s is not installed, so its reading of HTTP is not compared: apt-get install -y nginx-light haproxy",
			name)
	}
	dir, l := t.TempDir(), must(net.Listen("tcp", "127.0.0.1:0"))(t)
	address := l.Addr().String()
	_ = l.Close()
	file := filepath.Join(dir, "conf")
	config, args := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/log; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s; location / { proxy_pass http://%[3]s; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; } } }
`, dir, address, target), []string{"-c", file}
	if name == "haproxy" {
		config, args = fmt.Sprintf(
			"defaults\n mode http\n timeout connect 2s\n timeout client 2s\n timeout server 2s\n option "+
				"forwardfor\nfrontend f\n bind %s\n default_backend b\nbackend b\n server s %s\n",
			address, target), []string{"-db", "-q", "-f", file}
	}
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := exec.CommandContext(ctx, name, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = c.Wait() })
	eventually(t, name+" listens", func() error {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	return address
}

// TestRouterReadsAsPeersDo: a request that both the router and a widespread proxy pass on arrives as the same request.
func TestRouterReadsAsPeersDo(t *testing.T) {
	t.Parallel()
	b := balance(t)
	target := rawTarget(t, func(c net.Conn, head string) {
		line, _, _ := strings.Cut(head, "\r\n")
		_, host, _ := strings.Cut(strings.ToLower(head), "\r\nhost: ")
		host, _, _ = strings.Cut(host, "\r\n")
		text := line + " at " + host
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	})
	b.forward(b.listener, weights(b.group("raw", "HTTP1", target), 1))
	through := func(address, request string) (bodies []string) {
		c := must(net.Dial("tcp", address))(t)
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(3 * time.Second))
		// What follows ends the connection, and shows whether all that comes before was read as one request.
		_, _ = io.WriteString(c, request+"GET /end HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n")
		for r := bufio.NewReader(c); ; {
			resp, err := http.ReadResponse(r, nil)
			if err != nil || resp.StatusCode != 200 {
				return bodies
			}
			body, _ := io.ReadAll(resp.Body)
			bodies = append(bodies, string(body))
		}
	}
	for _, name := range []string{"nginx", "haproxy"} {
		t.Run(name, func(t *testing.T) {
			peer := peerProxy(t, name, target)
			both := 0
			for _, request := range []string{
				"GET /a HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET /a?b=%20 HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a%2fb HTTP/1.1\r\nHost: a:1\r\n\r\n", "get /a HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nContent-Length: 0\r\n\r\nGET /b HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET " +
					"/b HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nA: b\r\n c\r\n\r\n", "GET /a HTTP/1.1\nHost: a:1\n\n",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nX : y\r\n\r\n", "GET //a/b HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a#b HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET /a%zz HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nHost: b:1\r\n\r\n", "\r\nGET /a HTTP/1.1\r\nHost: a:1\r\n\r\n",
				"GET /a HTTP/1.1\r\nHost: a:1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nGET /b " +
					"HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET  /a HTTP/1.1\r\nHost: a:1\r\n\r\n",
			} {
				ours, theirs := through(b.address, request), through(peer, request)
				if len(ours) == 0 || len(theirs) == 0 {
					continue // one of them refuses it: nobody behind the other sees two requests
				}
				if both++; strings.Join(ours, "\n") != strings.Join(theirs, "\n") {
					t.Errorf("%q: the target was sent %q, by %s %q", request, ours, name, theirs)
				}
			}
			if both < 4 {
				t.Errorf("only %d requests were passed on by both", both)
			}
		})
	}
}
