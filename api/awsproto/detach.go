package awsproto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// answerTime bounds how long a client may take to take a detached answer.
const answerTime = 30 * time.Second

// errDetached says that a request is answered elsewhere.
var errDetached = errors.New("the request is detached")

// Detached has the operations that wait for something to happen. While they wait, their connections are taken from
// net/http, whose buffers and stacks are most of the cost of an idle request. Their connections close with the answer.
type Detached struct {
	// Context ends all of them, when the server begins to stop.
	Context context.Context //nolint:containedctx // of the server's polls
	Names   []string

	running sync.WaitGroup
}

// Wait waits until all have been answered, or until ctx ends.
func (d *Detached) Wait(ctx context.Context) {
	ended := make(chan struct{})
	go func() { d.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

func (d *Detached) has(name string) bool {
	if d == nil {
		return false
	}
	for _, n := range d.Names {
		if n == name {
			return true
		}
	}
	return false
}

// detach lets a goroutine of its own answer a request. It reports false where the connection can't be had alone, as
// with HTTP/2.
func (s *Server) detach(q *request, w http.ResponseWriter, r *http.Request, caller Caller) bool {
	if !s.Detached.has(q.asked) || r.ProtoMajor != 1 {
		return false
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return false
	}
	// The request is decoded here: what that takes of the stack is not kept while the operation waits.
	do, failure := q.endpoint.begin(q.decode)
	header := w.Header().Clone()
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return false
	}
	q.body, q.form = nil, nil
	_ = conn.SetDeadline(time.Time{})
	d := s.Detached
	d.running.Go(func() {
		defer conn.Close()
		a := &detachedAnswer{header: header, status: http.StatusOK}
		if failure != nil {
			s.fail(a, q, failure)
		} else {
			s.conclude(q, a, WithCaller(d.Context, caller), do)
		}
		a.send(conn)
	})
	return true
}

// conclude does the operation and writes its answer.
func (s *Server) conclude(q *request, w http.ResponseWriter,
	ctx context.Context, do run) { //nolint:revive // it follows the writer, as in net/http
	out, err := contained(ctx, do)
	if err != nil {
		s.fail(w, q, err)
		return
	}
	s.answer(w, q, out)
}

// contained lets a panic cost its own request alone, as net/http does.
func contained(ctx context.Context, do run) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return do(ctx)
}

// detachedAnswer collects an answer for a connection that net/http has let go of.
type detachedAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *detachedAnswer) Header() http.Header         { return a.header }
func (a *detachedAnswer) WriteHeader(status int)      { a.status = status }
func (a *detachedAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }

func (a *detachedAnswer) send(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(answerTime))
	resp := http.Response{StatusCode: a.status, ProtoMajor: 1, ProtoMinor: 1, Header: a.header, Close: true,
		ContentLength: int64(a.body.Len()), Body: io.NopCloser(&a.body)}
	_ = resp.Write(conn) // who has gone away misses it
}
