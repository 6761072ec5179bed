package router

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listener is an open port. It stays open from table to table; what is done with its requests is its route.
type listener struct {
	s     *server
	arn   string
	port  int32
	route atomic.Pointer[route]

	mu     sync.Mutex
	tcp    net.Listener
	err    error // why it is not open
	closed bool
	retry  *time.Timer
}

// reopenEvery is how often it is tried to open a port that somebody else has.
const reopenEvery = 5 * time.Second

// open opens the port, and tries again and again if it cannot.
func (l *listener) open(s *server) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	tcp, err := net.Listen("tcp", net.JoinHostPort(s.Listen, strconv.Itoa(int(l.port))))
	if errors.Is(err, syscall.EACCES) {
		err = fmt.Errorf("%w. Ports below %d need the right to open them (CAP_NET_BIND_SERVICE)", err, 1024)
	}
	if l.err == nil && err != nil {
		s.log.Error("cannot listen", "listener", l.arn, "error", err)
	}
	before := l.err
	if l.tcp, l.err = tcp, err; err != nil {
		l.retry = time.AfterFunc(reopenEvery, func() { l.open(s) })
	} else {
		s.log.Info("listening", "listener", l.arn, "address", tcp.Addr())
		go l.accept(s, tcp)
	}
	if (before == nil) != (err == nil) || before != nil && before.Error() != l.err.Error() {
		s.news()
	}
}

func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.retry != nil {
		l.retry.Stop()
	}
	if l.tcp != nil {
		_ = l.tcp.Close()
	}
}

// state is where the listener listens, or why it does not.
func (l *listener) state() (address, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return "", l.err.Error()
	case l.tcp != nil:
		return l.tcp.Addr().String(), ""
	}
	return "", ""
}

// accept takes connections until the listener is closed.
func (l *listener) accept(s *server, tcp net.Listener) {
	for pause := time.Duration(0); ; {
		c, err := tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Error("cannot take a connection", "listener", l.arn, "error", err)
			select {
			case <-time.After(pause):
				continue
			case <-s.ended:
				return
			}
		}
		pause = 0
		if s.watcher.full() {
			_ = c.Close()
			continue
		}
		route := l.route.Load()
		x := newClient(c, l, route.idle+idleGrace)
		s.clients.Go(func() { s.serveClient(x) })
	}
}

// idleGrace is how much longer a client's connection may be silent than a target's, so that the client hears that the
// target was.
const idleGrace = 2 * time.Second

// front is where net/http gets the connections that speak HTTP/2.
type front struct{ s *server }

func (f front) Accept() (net.Conn, error) {
	select {
	case c := <-f.s.accepted:
		return c, nil
	case <-f.s.ended:
		return nil, net.ErrClosed
	}
}

func (f front) Close() error   { return nil }
func (f front) Addr() net.Addr { return &net.TCPAddr{} }

// connContext lets requests know the connection that they came on.
func connContext(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if p, ok := c.(*prefaced); ok {
		c = p.client
	}
	if x, ok := c.(*client); ok {
		return context.WithValue(ctx, clientKey{}, x)
	}
	return ctx
}
