package router

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

// client is a client's connection. Those that speak HTTP/1 are served here, request by request in one goroutine:
// net/http's server starts another goroutine for each request to see whether the client goes away, which halves what a
// proxy can serve. Connections that speak HTTP/2 are net/http's.
type client struct {
	*watched
	l          *listener
	since      time.Time
	peer, port string // the client's address
	tls        *tls.ConnectionState

	conn   net.Conn // the connection itself, or TLS over it
	br     *bufio.Reader
	reader requestReader
	state  atomic.Int32
	begun  atomic.Int64           // when the head of a request began to come; 0 while none does
	onGone atomic.Pointer[func()] // what is done when the client goes away while a request of its is served
	isGone atomic.Bool
}

// States of a connection.
const (
	resting int32 = iota // it waits for a request and can be closed
	working
	over
)

func newClient(conn net.Conn, l *listener, idle time.Duration) *client {
	c := &client{l: l, since: time.Now()}
	c.peer, c.port, _ = net.SplitHostPort(conn.RemoteAddr().String())
	c.watched = l.s.watcher.watch(conn, idle,
		watchedEvents{looked: c.looked, rest: func() bool { return c.state.CompareAndSwap(resting, over) }})
	c.conn = c.watched
	return c
}

// ending reports whether the router takes no more requests on connections.
func (c *client) ending() bool { return c.l.s.ending.Load() }

// serve serves a connection until it ends, or hands it to net/http.
func (s *server) serveClient(c *client) {
	keep := false
	defer func() {
		if !keep {
			_ = c.conn.Close()
		}
	}()
	if r := c.l.route.Load(); r.tls != nil {
		t := tls.Server(c, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if r := c.l.route.Load(); r.tls != nil {
				return r.tls.config, nil
			}
			return nil, errors.New("the listener does not speak TLS any more")
		}})
		limit, cancel := context.WithTimeout(context.Background(), headLimit)
		err := t.HandshakeContext(limit)
		cancel()
		if err != nil {
			return
		}
		state := t.ConnectionState()
		if state.NegotiatedProtocol == "h2" {
			keep = c.state.CompareAndSwap(resting, working) && s.hand(t)
			return
		}
		c.conn, c.tls = t, &state
	}
	c.br = bufio.NewReaderSize(c.conn, 4<<10)
	if c.tls == nil {
		if _, err := c.br.Peek(1); err != nil {
			return
		}
		c.begun.Store(time.Now().UnixNano())
		start, err := c.br.Peek(len("PRI"))
		if err != nil {
			return
		}
		if string(start) == "PRI" { // the preface of HTTP/2
			c.begun.Store(0)
			keep = c.state.CompareAndSwap(resting, working) && s.hand(&prefaced{client: c})
			return
		}
	}
	keep = s.requests(c)
}

// hand hands a connection to net/http.
func (s *server) hand(c net.Conn) bool {
	select {
	case s.accepted <- c:
		return true
	case <-s.ended:
		return false
	}
}

// prefaced is a connection of which the beginning was read already.
type prefaced struct{ *client }

func (p *prefaced) Read(b []byte) (int, error) { return p.br.Read(b) }

// requests serves one request after the other. hijacked says that the connection is somebody else's now.
func (s *server) requests(c *client) (hijacked bool) {
	for {
		if c.br.Buffered() == 0 {
			c.begun.Store(0)
		}
		if _, err := c.br.Peek(1); err != nil {
			return false
		}
		if !c.state.CompareAndSwap(resting, working) {
			return false // the router ends
		}
		c.begun.Store(time.Now().UnixNano())
		q, err := c.reader.read(c.br)
		c.begun.Store(0)
		if err != nil {
			c.refuse(err)
			return false
		}
		w := newResponse(c, q)
		if !s.one(c, w, q) {
			return w.hijacked
		}
		if !c.state.CompareAndSwap(working, resting) || s.ending.Load() {
			return false
		}
	}
}

// refuse answers a request that is not routed. A connection that ended within a head gets no answer.
func (c *client) refuse(err error) {
	bad, ok := errors.AsType[*requestError](err)
	if !ok {
		return
	}
	w := newResponse(c, nil)
	w.closing = true
	answer(w, c.l.route.Load(), bad.status)
	if w.finish() == nil {
		c.linger()
	}
}

const (
	// lingerLimit and lingerBytes bound what is still read of a client whose connection is closed, so that the reset
	// which its unread bytes would cause does not overtake the answer (RFC 9112, section 9.6).
	lingerLimit = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

func (c *client) linger() {
	if end, ok := c.conn.(interface{ CloseWrite() error }); !ok || end.CloseWrite() != nil {
		return
	}
	if c.conn.SetReadDeadline(time.Now().Add(lingerLimit)) == nil {
		_, _ = io.CopyN(io.Discard, c.conn, lingerBytes) // the connection is closed next, whatever came
	}
}

// one serves one request, and reports whether the connection can take another.
func (s *server) one(c *client, w *response1, q *http.Request) (again bool) {
	defer func() {
		if p := recover(); p != nil {
			again = false
			if p != http.ErrAbortHandler {
				s.log.Error("a request panicked", "method", q.Method, "path", q.URL.Path, "panic", p, "stack",
					string(debug.Stack()))
			}
		}
	}()
	q.TLS = c.tls
	body := &requestBody{ReadCloser: q.Body, w: w, expects: q.Header["Expect"] != nil && q.ProtoAtLeast(1, 1)}
	in := &incoming{Request: q, client: c, peer: c.peer, port: c.port, l: c.l, since: c.since}
	if q.Body != http.NoBody {
		q.Body, in.body = body, body
	}
	s.handle(w, in)
	if w.hijacked {
		return false
	}
	if q.Body != http.NoBody && !body.drain() {
		w.closing = true
	}
	return w.finish() == nil && !w.closing
}

// looked is called each second: a client that is slow to say what it wants is closed, and who waits for an answer is
// looked at, whether it still does.
func (c *client) looked(now time.Time) {
	if begun := c.begun.Load(); begun != 0 && now.UnixNano()-begun > int64(headLimit) {
		_ = c.Close()
		return
	}
	if f := c.onGone.Load(); f != nil && c.hungUp() {
		c.isGone.Store(true)
		if c.onGone.CompareAndSwap(f, nil) { // else the request is done
			(*f)()
		}
	}
}

// hungUp reports whether the client closed its side.
func (c *client) hungUp() bool {
	raw, ok := rawConn(c.Conn)
	if !ok {
		return false
	}
	gone := false
	err := raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	})
	return gone || err != nil
}
