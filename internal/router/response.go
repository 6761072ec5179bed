package router

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// response1 writes the response of an HTTP/1 request.
type response1 struct {
	c        *client
	out      committer
	bw       *bufio.Writer
	header   http.Header
	head     bool // of a HEAD request
	minor    int  // of the request's version
	wrote    bool // the head
	chunked  bool
	left     int64 // of the length that was said; -1 for none
	closing  bool  // the connection is closed afterwards
	hijacked bool
	keepOld  bool      // an HTTP/1.0 client that asked to keep the connection
	from     *response // of the target, whose headers go before those of header
}

// committer is the connection, and knows whether anything of the response was sent.
type committer struct {
	conn net.Conn
	sent bool
}

func (c *committer) Write(b []byte) (int, error) {
	c.sent = true
	return c.conn.Write(b)
}

// reset forgets a response of which nothing was sent. Another one can be written then, after which the connection is
// closed.
func (w *response1) reset() {
	w.bw.Reset(&w.out)
	clear(w.header)
	w.from, w.wrote, w.chunked, w.left, w.closing = nil, false, false, -1, true
}

var writers = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 8<<10) }}

func newResponse(c *client, q *http.Request) *response1 {
	w := &response1{c: c, out: committer{conn: c.conn}, header: http.Header{}, left: -1, minor: 1}
	if q != nil {
		w.head, w.minor, w.closing = q.Method == http.MethodHead, q.ProtoMinor, q.Close
		w.keepOld = q.ProtoMinor == 0 && !q.Close
	}
	return w
}

func (w *response1) Header() http.Header { return w.header }

func (w *response1) buffer() *bufio.Writer {
	if w.bw == nil {
		w.bw = writers.Get().(*bufio.Writer)
		w.bw.Reset(&w.out)
	}
	return w.bw
}

// WriteHeader writes the head, and decides how the body ends.
func (w *response1) WriteHeader(status int) {
	if w.wrote {
		return
	}
	b := w.buffer()
	w.status(b, status)
	if status < 200 {
		w.fields(b)
		_, _ = b.WriteString("\r\n")
		if w.wrote = status == http.StatusSwitchingProtocols; !w.wrote {
			_ = b.Flush() // a hint; who does not get it does not get the rest either
		}
		return
	}
	w.wrote = true
	w.frame(status)
	if !w.dated() {
		_, _ = b.WriteString("Date: ")
		_, _ = b.Write(time.Now().UTC().AppendFormat(b.AvailableBuffer(), http.TimeFormat))
		_, _ = b.WriteString("\r\n")
	}
	if w.from != nil {
		w.from.passed(func(key, value string) { writeField(b, key, value) })
	}
	w.fields(b)
	switch {
	case w.closing:
		_, _ = b.WriteString("Connection: close\r\n")
	case w.keepOld:
		_, _ = b.WriteString("Connection: keep-alive\r\n")
	}
	if w.chunked {
		_, _ = b.WriteString("Transfer-Encoding: chunked\r\n")
	}
	_, _ = b.WriteString("\r\n") // errors of the buffer stay with it until it is flushed
}

func (w *response1) status(b *bufio.Writer, status int) {
	_, _ = b.WriteString("HTTP/1.1 ")
	_, _ = b.Write(strconv.AppendInt(b.AvailableBuffer(), int64(status), 10))
	_, _ = b.WriteString(" " + http.StatusText(status) + "\r\n")
}

// dated reports whether the target said the date.
func (w *response1) dated() bool {
	if w.from != nil && slices.ContainsFunc(w.from.fields, func(f field) bool { return f.key == "Date" }) {
		return true
	}
	_, ok := w.header["Date"]
	return ok
}

// frame decides how the body ends: after the length that is said, with the last chunk, or with the connection.
func (w *response1) frame(status int) {
	if w.header.Get("Connection") == "close" {
		w.closing = true
	}
	delete(w.header, "Connection")
	delete(w.header, "Transfer-Encoding")
	if w.c.ending() {
		w.closing = true
	}
	length := w.header["Content-Length"]
	switch {
	case w.from != nil:
		w.frameFrom()
	case status == http.StatusNoContent || status == http.StatusNotModified || w.head:
		if status == http.StatusNoContent {
			delete(w.header, "Content-Length")
		}
		w.head, w.left = true, 0
	case len(length) == 1:
		n, err := strconv.ParseInt(length[0], 10, 64)
		if err != nil {
			n, w.closing = 0, true
		}
		w.left = n
	case w.minor == 0:
		w.closing = true
	default:
		w.chunked = true
	}
}

// frameFrom decides how the body of a target's response ends.
func (w *response1) frameFrom() {
	switch r := w.from; {
	case r.bare:
		w.head, w.left = true, 0
	case r.left >= 0:
		w.left = r.left
	case w.minor == 0:
		w.closing = true
	default:
		w.chunked = true
	}
}

func writeField(b *bufio.Writer, key, value string) {
	_, _ = b.WriteString(key)
	_, _ = b.WriteString(": ")
	_, _ = b.WriteString(value)
	_, _ = b.WriteString("\r\n")
}

var lineEnds = strings.NewReplacer("\n", " ", "\r", " ")

func (w *response1) fields(b *bufio.Writer) {
	for key, values := range w.header {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			continue
		}
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n") {
				v = lineEnds.Replace(v)
			}
			writeField(b, key, v)
		}
	}
}

func (w *response1) Write(p []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.head || len(p) == 0:
		return len(p), nil
	case w.chunked:
		_, _ = w.bw.Write(strconv.AppendInt(w.bw.AvailableBuffer(), int64(len(p)), 16))
		_, _ = w.bw.WriteString("\r\n")
		_, _ = w.bw.Write(p)
		_, err := w.bw.WriteString("\r\n")
		return len(p), err
	case w.left >= 0:
		if int64(len(p)) > w.left {
			return 0, http.ErrContentLength
		}
		w.left -= int64(len(p))
	}
	return w.bw.Write(p)
}

// Flush sends what was written so far.
func (w *response1) Flush() {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	_ = w.bw.Flush() // an error stays with the buffer
}

var errShort = errors.New("the response is shorter than it said")

// finish ends the response.
func (w *response1) finish() error {
	if !w.wrote {
		w.header["Content-Length"] = []string{"0"}
		w.WriteHeader(http.StatusOK)
	}
	if w.chunked {
		_, _ = w.bw.WriteString("0\r\n")
		for key, values := range w.header {
			if name, ok := strings.CutPrefix(key, http.TrailerPrefix); ok {
				for _, v := range values {
					_, _ = w.bw.WriteString(name + ": " + lineEnds.Replace(v) + "\r\n")
				}
			}
		}
		_, _ = w.bw.WriteString("\r\n")
	}
	err := w.bw.Flush()
	w.release()
	if err == nil && w.left > 0 {
		err = errShort
	}
	return err
}

// SetReadDeadline ends a read of the body.
func (w *response1) SetReadDeadline(t time.Time) error {
	w.closing = true
	return w.c.conn.SetReadDeadline(t)
}

// hijack gives the connection away once the head is written.
func (w *response1) hijack() (*hijacked, error) {
	if err := w.bw.Flush(); err != nil {
		return nil, err
	}
	w.release()
	w.hijacked = true
	return &hijacked{Conn: w.c.conn, r: w.c.br}, nil
}

func (w *response1) release() {
	w.bw.Reset(nil)
	writers.Put(w.bw)
	w.bw = nil
}

// hijacked is a connection that reads first what was read already.
type hijacked struct {
	net.Conn
	r io.Reader
}

func (h *hijacked) Read(b []byte) (int, error) { return h.r.Read(b) }

func (h *hijacked) CloseWrite() error {
	if c, ok := h.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
