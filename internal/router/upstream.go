package router

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// upstream is a connection to an HTTP/1.1 target. (net/http's Transport hands each request to two goroutines of the
// connection, which costs more than all the rest of the router; here the goroutine that serves the client does it all.)
type upstream struct {
	*watched
	used    bool  // for a request before
	written int64 // bytes of the request
	br      *bufio.Reader
	res     response    // of the exchange at hand
	chunks  chunkedBody // its body, where that comes in chunks
	long    []byte      // a line of its head that is larger than the buffer
	hangUp  func()      // closes the connection
	waits   func()      // is called before the target is waited for; may be nil
}

const (
	readBuffer = 8 << 10
	// maxResponseHead bounds the head of a target's response, and maxLine one line of it, as with Application Load
	// Balancers.
	maxResponseHead = 32 << 10
)

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readBuffer) }}

func (u *upstream) Write(b []byte) (int, error) {
	n, err := u.watched.Write(b)
	u.written += int64(n)
	return n, err
}

// Read reads what the target said, for the buffer.
func (u *upstream) Read(b []byte) (int, error) {
	if u.waits != nil {
		u.waits()
	}
	return u.watched.Read(b)
}

// begin readies the connection for a request.
func (u *upstream) begin() {
	u.written = 0
	u.br = readers.Get().(*bufio.Reader)
	u.br.Reset(u)
}

// finish releases what an exchange needed.
func (u *upstream) finish() {
	if u.br != nil {
		u.br.Reset(nil)
		readers.Put(u.br)
		u.br = nil
	}
}

// stale reports whether the target closed the connection, or said something that nobody asked for, while it was idle.
func (u *upstream) stale() bool {
	c, ok := rawConn(u.Conn)
	if !ok {
		return true
	}
	stale := true
	err := c.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, rerr := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		stale = !errors.Is(rerr, syscall.EAGAIN)
		return true
	})
	return stale || err != nil
}

func rawConn(c any) (syscall.RawConn, bool) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, false
	}
	raw, err := s.SyscallConn()
	return raw, err == nil
}

// field is one header of a target's response.
type field struct{ key, value string }

// response is the head of a target's response.
type response struct {
	status  int
	fields  []field
	length  int64 // that is said; -1 for none
	left    int64 // bytes of the body that come; -1 for one that is chunked or goes on until the connection ends
	bare    bool  // no body comes, whatever is said
	named   bool  // there is a Connection header, which may name others
	chunked bool
	// keep says that the connection can take another request once the body was read.
	keep bool
}

var errMalformed = errors.New("the target's response is malformed")

// readHead reads the head of a response to a request of a method. A head that could be read in two ways is malformed:
// who reads it otherwise than the target meant it takes one response for another.
func (u *upstream) readHead(method string) (*response, error) {
	budget := maxResponseHead
	line, err := u.line(&budget)
	if err != nil {
		return nil, err
	}
	res := &u.res
	*res = response{fields: res.fields[:0], length: -1}
	minor, ok := res.statusLine(line)
	if !ok {
		return nil, errMalformed
	}
	for {
		line, err := u.line(&budget)
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if !ok || !isToken(name) {
			return nil, errMalformed // folded lines too
		}
		value = bytes.Trim(value, " \t")
		if bytes.IndexByte(value, 0) >= 0 || bytes.IndexByte(value, '\r') >= 0 {
			return nil, errMalformed
		}
		res.fields = append(res.fields, field{canonical(name), string(value)})
	}
	return res, res.frame(method, minor)
}

// statusLine reads "HTTP/1.1 200 OK".
func (r *response) statusLine(line []byte) (minor byte, ok bool) {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return 0, false
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return 0, false
		}
		r.status = r.status*10 + int(c-'0')
	}
	return line[7], r.status >= 100
}

// canonical is textproto's, which has the usual names ready without an allocation.
func canonical(name []byte) string {
	if known, ok := usual[string(name)]; ok {
		return known
	}
	return textproto.CanonicalMIMEHeaderKey(string(name))
}

// usual are names of headers as they usually come, by how they may be written.
var usual = func() map[string]string {
	all := map[string]string{}
	for _, name := range []string{"Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
		"Date", "Server", "Set-Cookie", "Cache-Control", "Etag", "Vary",
		"Last-Modified", "Expires", "Location", "Content-Encoding", "X-Powered-By", "X-Request-Id",
		"Strict-Transport-Security", "Accept-Ranges", "Age"} {
		all[name], all[strings.ToLower(name)] = name, name
	}
	all["ETag"] = "Etag"
	return all
}()

// frame finds out how the body ends (RFC 9112, section 6.3).
func (r *response) frame(method string, minor byte) error {
	codings, lengths, closes := 0, 0, false
	for _, f := range r.fields {
		switch f.key {
		case "Transfer-Encoding":
			if codings++; codings > 1 || !strings.EqualFold(f.value, "chunked") || minor == '0' {
				return errMalformed
			}
			r.chunked = true
		case "Content-Length":
			n, err := strconv.ParseUint(f.value, 10, 63)
			if err != nil || f.value[0] == '+' || lengths > 0 && int64(n) != r.length {
				return errMalformed
			}
			r.length, lengths = int64(n), lengths+1
		case "Connection":
			closes = closes || strings.Contains(strings.ToLower(f.value), "close")
			r.named = true
		}
	}
	if codings > 0 && lengths > 0 {
		return errMalformed
	}
	r.end(method, minor, closes)
	return nil
}

// end sets how the body ends, and whether the connection is good for a further request.
func (r *response) end(method string, minor byte, closes bool) {
	r.keep = minor != '0' && (r.chunked || r.length >= 0)
	r.bare = method == http.MethodHead || r.status < 200 || r.status == http.StatusNoContent ||
		r.status == http.StatusNotModified
	if r.bare {
		r.left, r.chunked, r.keep = 0, false, minor != '0'
	} else {
		r.left = r.length
	}
	r.keep = r.keep && !closes
}

// line reads one line of a head, without its end. The line is good until the next one is read.
func (u *upstream) line(budget *int) ([]byte, error) {
	line, err := u.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for u.long = u.long[:0]; errors.Is(err, bufio.ErrBufferFull) &&
			len(u.long) <= maxLine; line, err = u.br.ReadSlice('\n') {
			u.long = append(u.long, line...)
		}
		u.long = append(u.long, line...)
		line = u.long
	}
	if *budget -= len(line); *budget < 0 || len(line) > maxLine+len("\r\n") {
		return nil, errMalformed
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'}), nil
}

// body reads the body of a response.
func (u *upstream) body(r *response) io.Reader {
	switch {
	case r.chunked:
		u.chunks = chunkedBody{r: u.br}
		return &u.chunks
	case r.left >= 0:
		return io.LimitReader(u.br, r.left)
	}
	return u.br
}
