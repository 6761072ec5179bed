package router

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// plainRequest is room for a request of the plainest kind.
type plainRequest struct {
	request http.Request
	url     url.URL
	header  http.Header
	body    boundBody
}

// read reads a request whose head has come whole, and which can be read in one way only: HTTP/1.1 to the letter, with a path of plain
// characters, one host, and a length or none. It returns nil, and has read nothing, for any other: that one is net/http's to read. The request is
// good until the next one is read.
func (p *plainRequest) read(r *bufio.Reader) *http.Request {
	came, err := r.Peek(r.Buffered())
	if err != nil {
		return nil
	}
	end := bytes.Index(came, []byte("\r\n\r\n"))
	if end < 0 {
		return nil
	}
	head := string(came[:end+2])
	line, rest, _ := strings.Cut(head, "\r\n")
	method, line, ok1 := strings.Cut(line, " ")
	uri, ok2 := strings.CutSuffix(line, " HTTP/1.1")
	if !ok1 || !ok2 || !upper(method) || method == http.MethodConnect || !plainURI(uri) {
		return nil
	}
	if p.header == nil {
		p.header = http.Header{}
	}
	clear(p.header)
	p.request = http.Request{Method: method, RequestURI: uri, URL: &p.url, Header: p.header, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
	path, query, _ := strings.Cut(uri, "?")
	p.url = url.URL{Path: path, RawQuery: query, ForceQuery: query == "" && strings.HasSuffix(uri, "?")}
	if !p.fields(rest) || p.request.Host == "" {
		return nil
	}
	if p.request.ContentLength > 0 {
		p.body = boundBody{r, p.request.ContentLength}
		p.request.Body = &p.body
	}
	_, err = r.Discard(end + len("\r\n\r\n"))
	if err != nil {
		return nil
	}
	return &p.request
}

// fields reads the headers.
func (p *plainRequest) fields(rest string) bool {
	values := make([]string, 0, strings.Count(rest, "\r\n"))
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\r\n")
		name, value, ok := strings.Cut(line, ":")
		if value = strings.Trim(value, " \t"); !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return false
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		switch key {
		case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Pragma", "Te", "Http2-Settings":
			return false
		case "Host":
			if p.request.Host != "" || value == "" {
				return false
			}
			p.request.Host = value
			continue
		case "Connection":
			if p.request.Close = value == "close"; !p.request.Close && value != "keep-alive" {
				return false
			}
		case "Content-Length":
			if !p.length(value) {
				return false
			}
		}
		if before := p.header[key]; before != nil {
			if key == "Content-Length" || key == "Connection" {
				return false
			}
			p.header[key] = append(before, value)
			continue
		}
		values = append(values, value)
		n := len(values)
		p.header[key] = values[n-1 : n : n]
	}
	return true
}

func (p *plainRequest) length(value string) bool {
	if value == "" || len(value) > 15 {
		return false
	}
	n := int64(0)
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return false
		}
		n = n*10 + int64(c-'0')
	}
	p.request.ContentLength = n
	return true
}

func upper(method string) bool {
	for _, c := range []byte(method) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return method != ""
}

// plainURI tells whether what is asked for is a path, with a query perhaps, of characters that stand for themselves.
func plainURI(uri string) bool {
	if !strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "//") {
		return false
	}
	for _, c := range []byte(uri) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("/-._~?=&+,:;@!$*'()", c) < 0 {
			return false
		}
	}
	return true
}

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
