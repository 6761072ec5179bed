package router

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// requestBody is a request's body, which is asked for if the client waits to be asked. It notes what the client did
// wrong, so that this is not taken for the target's fault.
type requestBody struct {
	io.ReadCloser
	w       *response1 // of an HTTP/1 request
	expects bool
	err     atomic.Pointer[error] // that reading ended with
	reading atomic.Bool           // the client is waited for
	came    atomic.Int64          // when something came last; 0 for never
}

// ask asks for the body, if the client waits for that.
func (b *requestBody) ask() {
	if b.expects {
		b.expects = false
		_, _ = io.WriteString(b.w.c.conn, "HTTP/1.1 100 Continue\r\n\r\n") // a client that is gone does not send it
	}
}

func (b *requestBody) Read(p []byte) (int, error) {
	b.reading.Store(true)
	n, err := b.ReadCloser.Read(p)
	b.reading.Store(false)
	if n > 0 {
		b.came.Store(time.Now().UnixNano())
	}
	if err != nil {
		b.err.Store(&err)
	}
	return n, err
}

// fault is the status for a client that broke its own body off, or wrote it malformed; 0 if it did neither.
func (b *requestBody) fault() int {
	if err := b.err.Load(); err == nil || *err == io.EOF {
		return 0
	}
	return http.StatusBadRequest
}

// whole reports whether the body was read to its end.
func (b *requestBody) whole() bool {
	err := b.err.Load()
	return err != nil && *err == io.EOF
}

// maxDrain is how much of a body that nobody wanted is read so that the connection can be used again.
const maxDrain = 64 << 10

// drain reads what is left of the body; false if the connection cannot be used again.
func (b *requestBody) drain() bool {
	if b.whole() {
		return true
	}
	if b.expects || b.err.Load() != nil {
		return false
	}
	_, _ = io.CopyN(io.Discard, b, maxDrain)
	return b.whole()
}
