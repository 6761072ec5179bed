package router

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// reading1 is what a reader makes of bytes: a request with its body, and what is left for the next one.
type reading1 struct {
	request    *http.Request
	body, rest string
	err        error
}

func readAll(q *http.Request, r *bufio.Reader, err error) reading1 {
	if err != nil {
		return reading1{err: err}
	}
	got := reading1{request: q}
	body, err := io.ReadAll(q.Body)
	if got.body, got.err = string(body), err; err == nil {
		rest, _ := io.ReadAll(r)
		got.rest = string(rest)
	}
	return got
}

func routersReading(said string) reading1 {
	r := bufio.NewReaderSize(strings.NewReader(said), 4<<10)
	q, err := new(requestReader).read(r)
	return readAll(q, r, err)
}

func netReading(said string) reading1 {
	r := bufio.NewReaderSize(strings.NewReader(said), 4<<10)
	q, err := http.ReadRequest(r)
	return readAll(q, r, err)
}

// strictly are the reasons for which the router refuses what net/http takes. Each is a rule of RFC 9112, or a request
// that two readers may read differently. A disagreement that is not in this list is a fault of one of the two.
var strictly = map[string]bool{
	"a line ends without a carriage return":                              true,
	"the length of the body is said more than once":                      true,
	"CONNECT is not for a load balancer":                                 true,
	"no host":                                                            true,
	"the authority is not a host with an optional port":                  true,
	"the host is not said exactly once":                                  true,
	"a header line has no colon, or is folded":                           true,
	"a header's name is not a token":                                     true,
	"a header's value has control characters":                            true,
	"an expectation other than 100-continue":                             true,
	"the request line is malformed":                                      true,
	"the version is neither HTTP/1.1 nor HTTP/1.0":                       true,
	"the target * is for OPTIONS alone":                                  true,
	"the target is an address of another kind":                           true,
	"HTTP/1.0 has no transfer encoding":                                  true,
	"the length of the body is not a number":                             true, // more than 15 digits
	"the request line is longer than 16 KB":                              true,
	"a header is longer than 16 KB":                                      true,
	"the head is larger than 64 KB":                                      true,
	"the target is not a path or an address with valid percent encoding": false,
	"a transfer encoding other than chunked":                             false,
	"the method is not a token":                                          false,
}

// compareReadings fails the test if the router and net/http read the same bytes as different requests.
func compareReadings(t *testing.T, said string) {
	t.Helper()
	ours, theirs := routersReading(said), netReading(said)
	bad, refused := errors.AsType[*requestError](ours.err)
	switch {
	case refused && theirs.err == nil && !strictly[bad.reason]:
		t.Fatalf("%q is refused because %q, and net/http reads it as %+v", said, bad.reason, theirs)
	case errors.Is(ours.err, errChunk), ours.err != nil:
		return // refused, or it broke off; the body is never passed on as whole
	case theirs.err != nil:
		if strings.HasPrefix(said, "\r\n") { // an empty line before the request, which only the router skips
			compareReadings(t, said[2:])
			return
		}
		t.Fatalf("%q is taken, and net/http refuses it: %v", said, theirs.err)
	}
	ignored := cmpopts.IgnoreFields(http.Request{}, "Body", "Pattern", "Trailer")
	want := theirs.request.Clone(t.Context())
	got := ours.request.Clone(t.Context())
	for _, h := range []http.Header{want.Header, got.Header} {
		h.Del("Cache-Control") // net/http makes one of Pragma
		h.Del("Transfer-Encoding")
		h.Del("Trailer")
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(http.Request{}), ignored); diff != "" {
		t.Fatalf("%q is read differently (-net/http +router):\n%s", said, diff)
	}
	if ours.body != theirs.body || ours.rest != theirs.rest {
		t.Fatalf("%q: the body and the rest are %q and %q, for net/http %q and %q", said, ours.body, ours.rest,
			theirs.body, theirs.rest)
	}
}

var requestSeeds = []string{
	"GET / HTTP/1.1\r\nHost: a.example.com\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n",
	"POST /a?b=c HTTP/1.1\r\nHost: a:8080\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n" +
		"hello, and what follows",
	"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
		"5;e=1\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\nGET / HTTP/1.1\r\n",
	"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil " +
		"HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://b.test/x%20y HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: [::1]:80\r\nPragma: no-cache\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nab",
	"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellox0\r\n\r\n",
	"get /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /ä|{} HTTP/1.1\r\nHost: a\r\nConnection: Close, X\r\nUpgrade: websocket\r\n\r\n",
}

// FuzzRequest compares the router's reading of requests with net/http's, in both directions: what the router takes,
// net/http reads as the same request; what only the router refuses, it refuses for a reason that is listed.
func FuzzRequest(f *testing.F) {
	for _, said := range requestSeeds {
		f.Add(said)
	}
	f.Fuzz(compareReadings)
}

// FuzzForwardedHead: whatever request is taken, what the target is sent is one request with the same method, target and
// host.
func FuzzForwardedHead(f *testing.F) {
	for _, said := range requestSeeds {
		f.Add(said)
	}
	f.Fuzz(func(t *testing.T, said string) {
		got := routersReading(said)
		if got.err != nil {
			return
		}
		q := &incoming{Request: got.request, route: &route{settings: settings{preserveHost: true}}, peer: "192.0.2.1",
			trace: "Root=1"}
		uri, ok := q.uri()
		if !ok || q.hasBody() {
			return
		}
		sent := netReading(string(q.head(nil, uri, "")))
		if sent.err != nil || sent.rest != "" || sent.body != "" {
			t.Fatalf("%q is sent on as what net/http does not read as one request: %+v", said, sent)
		}
		if r := sent.request; r.Method != q.Method || r.RequestURI != uri || r.Host != q.Host {
			t.Fatalf("%q arrives as %s %s at %s", said, r.Method, r.RequestURI, r.Host)
		}
	})
}

func TestRequestIsReadAsItComes(t *testing.T) {
	long := "GET /" + strings.Repeat("x", 12<<10) + " HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("y", 15<<10) +
		"\r\n\r\nrest"
	for _, said := range append(requestSeeds[:3:3], long) {
		whole := routersReading(said)
		r := bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(said)), 4<<10)
		q, err := new(requestReader).read(r)
		bytewise := readAll(q, r, err)
		if bytewise.err != nil || bytewise.body != whole.body || bytewise.rest != whole.rest ||
			bytewise.request.RequestURI != whole.request.RequestURI {
			t.Errorf("%.40q is read differently byte by byte: %+v", said, bytewise)
		}
	}
}

func TestRequestsAreRefused(t *testing.T) {
	big := strings.Repeat("x", maxLine)
	for said, want := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n":                                                                         400,
		"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n":                                                   400,
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                                                            400,
		"GET / HTTP/1.1\r\nHost: x/../y?z\r\n\r\n":                                                       400,
		"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n":                                                            400,
		"GET / HTTP/1.1\r\nHost: a:http\r\n\r\n":                                                         400,
		"GET / HTTP/1.1\nHost: a\n\n":                                                                    400,
		"GET / HTTP/1.1\r\nHost: a\r\nA: b\nB: c\r\n\r\n":                                                400,
		"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n":                                                400,
		"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n":                                                     400,
		"GET  / HTTP/1.1\r\nHost: a\r\n\r\n":                                                             400,
		"GET / x HTTP/1.1\r\nHost: a\r\n\r\n":                                                            400,
		"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n":                                                             400,
		"G(T / HTTP/1.1\r\nHost: a\r\n\r\n":                                                              400,
		"GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n":                                                          400,
		"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n":                                                           400,
		"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n":                                                       400,
		"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n":                                                    400,
		"GET * HTTP/1.1\r\nHost: a\r\n\r\n":                                                              400,
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n":                                                              400,
		"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n":                                                        400,
		"GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n":                                          417,
		"GET /" + big + " HTTP/1.1\r\nHost: a\r\n\r\n":                                                   414,
		"GET / HTTP/1.1\r\nHost: a\r\nA: " + big + "\r\n\r\n":                                            431,
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n":                                          400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na":                                    400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na":                  400,
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n":                501,
		"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: "+strings.Repeat("y", 1000)+"\r\n", 70):     431,
	} {
		bad, ok := errors.AsType[*requestError](routersReading(said).err)
		if !ok || bad.status != want {
			t.Errorf("%.70q: %v, want status %d", said, bad, want)
		}
	}
}

// TestChunksAreNotHeldBack: a part of a chunk is handed on before the rest of it comes.
func TestChunksAreNotHeldBack(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	body := &chunkedBody{r: bufio.NewReader(pr)}
	go func() { _, _ = pw.Write([]byte("5\r\nhel")) }()
	b := make([]byte, 10)
	if n, err := body.Read(b); err != nil || string(b[:n]) != "hel" {
		t.Fatalf("got %q, %v", b[:n], err)
	}
	go func() { _, _ = pw.Write([]byte("lo\r\n0\r\nX-Sum: 7\r\nContent-Length: 3\r\n\r\n")) }()
	if rest, err := io.ReadAll(body); err != nil || string(rest) != "lo" {
		t.Fatalf("then got %q, %v", rest, err)
	}
	if len(body.trailer) != 1 || body.trailer.Get("X-Sum") != "7" {
		t.Errorf("the trailer is %v", body.trailer)
	}
}

func TestChunksAreReadStrictly(t *testing.T) {
	for _, said := range []string{"zz\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "-1\r\n", "\r\n",
		"0x5\r\nhello\r\n0\r\n\r\n", "1000000000000000\r\n",
		"5\rx\r\nhello\r\n0\r\n\r\n", "0\r\nbad trailer\r\n\r\n", "0\r\nA: b\n\r\n",
		"5;" + strings.Repeat("x", 2<<10) + "\r\nhello\r\n0\r\n\r\n",
		strings.Repeat("1;"+strings.Repeat("x", 500)+"\r\na\r\n", 100) + "0\r\n\r\n"} {
		if body, err := io.ReadAll(&chunkedBody{r: bufio.NewReader(strings.NewReader(said))}); !errors.Is(err,
			errChunk) {
			t.Errorf("%.40q is read as %q, %v", said, body, err)
		}
	}
	for _, said := range []string{"5\r\nhel", "5\r\nhello\r\n", "0\r\n", ""} {
		if body, err := io.ReadAll(&chunkedBody{r: bufio.NewReader(strings.NewReader(said))}); !errors.Is(err,
			io.ErrUnexpectedEOF) {
			t.Errorf("%.40q is read as %q, %v", said, body, err)
		}
	}
}
