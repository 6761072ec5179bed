package router

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// Limits of a request's head, those of Application Load Balancers.
const (
	maxLine = 16 << 10 // the request line, or one header
	maxHead = 64 << 10 // all of it
)

// requestReader reads the HTTP/1 requests of a connection. It is the only reader of HTTP/1 requests: what it does not
// take is refused, never read in another way. It reads to the letter of RFC 9112: lines end with CRLF, one space parts
// the request line, no header is folded, and a body has one framing. The request that it returns is good until the next
// one is read.
type requestReader struct {
	long    []byte // a head that is larger than the connection's buffer
	request http.Request
	url     url.URL
	header  http.Header
	bound   boundBody
	chunks  chunkedBody
	codings int // Transfer-Encoding headers
	lengths int // Content-Length headers
}

// read reads the head of the next request, and readies its body. The error is a *requestError for a request that is
// refused, else the connection's.
func (p *requestReader) read(r *bufio.Reader) (*http.Request, error) {
	head, err := p.head(r)
	if err != nil {
		return nil, err
	}
	if p.header == nil {
		p.header = http.Header{}
	}
	clear(p.header)
	p.codings, p.lengths = 0, 0
	p.request = http.Request{URL: &p.url, Header: p.header, ProtoMajor: 1, Body: http.NoBody}
	line, rest, _ := strings.Cut(head, "\r\n")
	if err := p.requestLine(line); err != nil {
		return nil, err
	}
	if err := p.fields(rest); err != nil {
		return nil, err
	}
	if err := p.frame(r); err != nil {
		return nil, err
	}
	q := &p.request
	if q.URL.Host != "" { // of an absolute target, which counts instead of the Host header (RFC 9112, section 3.2.2)
		q.Host = q.URL.Host
	}
	q.Close = closes(q)
	return q, checkGrammar(q)
}

// head reads up to the empty line that ends the head, and returns it with the end of the last header. One empty line
// before it is skipped, as old clients send one after a body (RFC 9112, section 2.2).
func (p *requestReader) head(r *bufio.Reader) (string, error) {
	if start, err := r.Peek(2); err == nil && string(start) == "\r\n" {
		_, _ = r.Discard(2) // they are there
	}
	p.long = p.long[:0]
	var lines lineScan
	for {
		came, err := r.Peek(max(r.Buffered(), 1))
		if err != nil {
			return "", err
		}
		kept := len(p.long)
		all := came
		if kept > 0 {
			p.long = append(p.long, came...)
			all = p.long
		}
		end, err := lines.scan(all)
		if err != nil {
			return "", err
		}
		if end > 0 {
			head := string(all[:lines.line])
			_, err := r.Discard(end - kept)
			return head, err
		}
		if kept > 0 || len(came) == r.Size() { // it does not fit the buffer
			if kept == 0 {
				p.long = append(p.long, came...)
			}
			_, _ = r.Discard(len(came)) // they are there
		} else if _, err := r.Peek(len(came) + 1); err != nil {
			return "", err
		}
	}
}

// lineScan looks through the lines of a head as they come.
type lineScan struct {
	looked int // how far it was looked for line ends
	line   int // where the last line begins
}

// scan looks on in a head of which more has come. end is what follows the empty line that ends it; 0 if that has not
// come yet.
func (s *lineScan) scan(all []byte) (end int, err error) {
	for {
		n := bytes.IndexByte(all[s.looked:], '\n')
		if n < 0 {
			s.looked = len(all)
			break
		}
		end := s.looked + n
		if s.looked = end + 1; end == s.line || all[end-1] != '\r' {
			return 0, malformed("a line ends without a carriage return")
		}
		if end-s.line > maxLine {
			return 0, tooLong(s.line)
		}
		if end-s.line == 1 {
			return end + 1, nil
		}
		s.line = end + 1
	}
	switch {
	case len(all)-s.line > maxLine:
		return 0, tooLong(s.line)
	case len(all) > maxHead:
		return 0, &requestError{http.StatusRequestHeaderFieldsTooLarge, "the head is larger than 64 KB"}
	}
	return 0, nil
}

func tooLong(start int) error {
	if start == 0 {
		return &requestError{http.StatusRequestURITooLong, "the request line is longer than 16 KB"}
	}
	return &requestError{http.StatusRequestHeaderFieldsTooLarge, "a header is longer than 16 KB"}
}

// requestLine reads "GET /path HTTP/1.1".
func (p *requestReader) requestLine(line string) error {
	method, line, ok1 := strings.Cut(line, " ")
	uri, proto, ok2 := strings.Cut(line, " ")
	q := &p.request
	switch {
	case !ok1 || !ok2 || !isTarget(uri):
		return malformed("the request line is malformed")
	case proto == "HTTP/1.1":
		q.ProtoMinor = 1
	case proto != "HTTP/1.0":
		return malformed("the version is neither HTTP/1.1 nor HTTP/1.0")
	}
	q.Method, q.RequestURI, q.Proto = method, uri, proto
	if plainURI(uri) {
		path, query, _ := strings.Cut(uri, "?")
		p.url = url.URL{Path: path, RawQuery: query, ForceQuery: query == "" && strings.HasSuffix(uri, "?")}
		return nil
	}
	if uri == "*" && method != http.MethodOptions {
		return malformed("the target * is for OPTIONS alone")
	}
	return p.target(uri)
}

// target reads a target that is more than a plain path.
func (p *requestReader) target(uri string) error {
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return malformed("the target is not a path or an address with valid percent encoding")
	}
	web := u.Scheme == "http" || u.Scheme == "https"
	if u.Scheme != "" && (!web || u.Host == "" || u.User != nil || u.Opaque != "") {
		return malformed("the target is an address of another kind")
	}
	p.url = *u
	return nil
}

// fields reads the headers.
func (p *requestReader) fields(rest string) error {
	values := make([]string, 0, strings.Count(rest, "\r\n"))
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return malformed("a header line has no colon, or is folded")
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		value = strings.Trim(value, " \t")
		switch key {
		case "Host":
			if p.request.Host != "" || value == "" {
				return malformed("the host is not said exactly once")
			}
			p.request.Host = value
			continue
		case "Content-Length":
			p.lengths++
		case "Transfer-Encoding":
			p.codings++
		}
		if before := p.header[key]; before != nil {
			p.header[key] = append(before, value)
			continue
		}
		values = append(values, value)
		n := len(values)
		p.header[key] = values[n-1 : n : n]
	}
	return nil
}

// frame decides how the body ends: after a length, with the last chunk, or there is none (RFC 9112, section 6.3). More
// than one answer to that is refused.
func (p *requestReader) frame(r *bufio.Reader) error {
	q := &p.request
	switch {
	case p.codings+p.lengths > 1:
		return malformed("the length of the body is said more than once")
	case p.codings == 1:
		return p.frameChunks(r)
	case p.lengths == 1:
		n, ok := length(q.Header["Content-Length"][0])
		if !ok {
			return malformed("the length of the body is not a number")
		}
		if q.ContentLength = n; n > 0 {
			p.bound = boundBody{r, n}
			q.Body = &p.bound
		}
	}
	return nil
}

func (p *requestReader) frameChunks(r *bufio.Reader) error {
	q := &p.request
	if q.ProtoMinor == 0 {
		return malformed("HTTP/1.0 has no transfer encoding")
	}
	if !strings.EqualFold(q.Header["Transfer-Encoding"][0], "chunked") {
		return &requestError{http.StatusNotImplemented, "a transfer encoding other than chunked"}
	}
	q.ContentLength, q.TransferEncoding = -1, []string{"chunked"}
	p.chunks = chunkedBody{r: r, trailer: http.Header{}}
	for _, name := range q.Header["Trailer"] {
		for _, key := range names(name) {
			p.chunks.trailer[key] = nil
		}
	}
	q.Body, q.Trailer = &p.chunks, p.chunks.trailer
	return nil
}

// closes reports whether the connection ends after the request (RFC 9112, section 9.3).
func closes(q *http.Request) bool {
	keep := false
	for _, line := range q.Header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			switch name = strings.TrimSpace(name); {
			case strings.EqualFold(name, "close"):
				return true
			case strings.EqualFold(name, "keep-alive"):
				keep = true
			}
		}
	}
	return q.ProtoMinor == 0 && !keep
}

// length reads a Content-Length, which is of digits alone and less than 10^15.
func length(value string) (n int64, ok bool) {
	if value == "" || len(value) > 15 {
		return 0, false
	}
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// plainURI reports whether a target is a path, with a query perhaps, of characters that stand for themselves.
func plainURI(uri string) bool {
	if !strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "//") {
		return false
	}
	for i := range len(uri) {
		if !plainURIBytes[uri[i]] {
			return false
		}
	}
	return true
}

var plainURIBytes = func() (all [256]bool) {
	for c := range all {
		b := byte(c)
		all[c] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
			strings.IndexByte("/-._~?=&+,:;@$", b) >= 0
	}
	return all
}()

// boundBody is a body of a length that was said.
type boundBody struct {
	r    *bufio.Reader
	left int64
}

func (b *boundBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	if b.left -= int64(n); err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	if b.left == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (b *boundBody) Close() error { return nil }
