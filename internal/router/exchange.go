package router

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

var buffers = sync.Pool{New: func() any { return new(make([]byte, 0, 16<<10)) }}

// at sends the request to an HTTP/1.1 target and its response to the client.
func (x *exchange) at(t *target) outcome {
	if upgrade := x.q.upgrade(); upgrade != "" {
		return x.tunnel(t, upgrade)
	}
	for fresh := false; ; fresh = true {
		u, err := x.connect(t, fresh)
		if err != nil {
			return x.unreached()
		}
		result := x.on(t, u)
		// A connection that was kept may have been closed by the target in the meantime: that says nothing of the
		// target.
		if result != unsent || !u.used {
			return result
		}
	}
}

// unreached is the outcome for a target that took no connection; the client may have gone away meanwhile.
func (x *exchange) unreached() outcome {
	if x.gone() {
		return abandoned
	}
	return unsent
}

// connect returns a connection to a target: one that was kept, unless a fresh one is asked for. What can be sent but
// once is sent on a connection that was looked at.
func (x *exchange) connect(t *target, fresh bool) (*upstream, error) {
	for !fresh {
		u := t.take()
		if u == nil {
			break
		}
		if x.q.replayable() || !u.stale() {
			return u, nil
		}
		t.drop(u)
	}
	u, err := t.dial(x.q.Context(), x.watcher, x.q.route.idle)
	if err != nil && !x.gone() {
		t.suspect()
		x.log.Debug("a target takes no connection", "target", t.address, "error", err)
	}
	return u, err
}

// on does the exchange on a connection, which afterwards is kept, and may be another request's already, or closed.
func (x *exchange) on(t *target, u *upstream) outcome {
	u.begin()
	gone := x.whenGone(&u.hangUp)
	defer gone.forget()
	x.began = time.Now()
	body, err := x.send(u)
	var res *response
	if err == nil {
		res, err = x.readFinal(u)
	}
	if err != nil {
		t.drop(u)
		body.end(x.w)
		u.finish()
		if x.fault = body.fault(u.expired.Load()); x.fault != 0 {
			return refused
		}
		return x.broken(u, err)
	}
	x.answer = &answered{status: res.status, after: x.waited()}
	err = x.deliver(t, u, res)
	whole := body.end(x.w)
	clean := err == nil && whole && res.keep && u.br.Buffered() == 0
	u.finish()
	if clean && gone.forget() {
		t.give(u)
		return done
	}
	t.drop(u)
	if err != nil {
		x.log.Debug("a response was not delivered whole", "target", t.address, "error", err)
		if x.takeBack(err) {
			return failed
		}
		x.count()
		if body.fault(u.expired.Load()) == 0 {
			x.brokeOff(t, err)
		}
		// This closes the connection, so that the client sees that it did not get everything.
		panic(http.ErrAbortHandler) //nolint:forbidigo // the way of net/http
	}
	return done
}

// errNothing says that a target answered with not a single byte.
var errNothing = errors.New("the target closed the connection without an answer")

// broken decides what follows from an exchange that failed before there was a response.
func (x *exchange) broken(u *upstream, err error) outcome {
	switch {
	case x.gone():
		return abandoned
	case u.expired.Load():
		return late
	case u.written == 0 && !x.started, errors.Is(err, errNothing) && x.q.replayable():
		return unsent
	}
	x.log.Debug("a target does not answer", "target", u.RemoteAddr(), "error", err)
	return failed
}

// send writes the request: its head, and its body or the beginning of it.
func (x *exchange) send(u *upstream) (*sender, error) {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	b := x.q.head((*pooled)[:0], x.uri, "")
	b = append(b, x.q.small...)
	*pooled = b[:0]
	if _, err := u.Write(b); err != nil {
		return nil, err
	}
	if !x.q.hasBody() || x.q.small != nil {
		return nil, nil
	}
	x.started = true
	return startSender(u, x.q), nil
}

// readFinal reads the head of the response that is the last one, and passes on hints before it.
func (x *exchange) readFinal(u *upstream) (*response, error) {
	if _, err := u.br.Peek(1); err != nil {
		return nil, errors.Join(errNothing, err)
	}
	for {
		res, err := u.readHead(x.q.Method)
		if err != nil {
			return nil, err
		}
		switch {
		case res.status >= 200:
			return res, nil
		case res.status == http.StatusSwitchingProtocols:
			return nil, errMalformed // nobody asked for it
		case res.status == http.StatusEarlyHints:
			res.copyTo(x.w.Header())
			x.w.WriteHeader(res.status)
			clear(x.w.Header())
		}
	}
}

// passed are the headers that go to the client, in order.
func (r *response) passed(f func(key, value string)) {
	var drop []string
	if r.named {
		for _, x := range r.fields {
			if x.key == "Connection" {
				drop = append(drop, names(x.value)...)
			}
		}
	}
	for i, x := range r.fields {
		if hop(x.key) || len(drop) > 0 && slices.Contains(drop, x.key) || x.key == "Content-Length" && r.said(i) {
			continue
		}
		if x.key == "Set-Cookie" && setsSession(x.value) {
			continue
		}
		f(x.key, x.value)
	}
}

// said reports whether the length was said before a field.
func (r *response) said(i int) bool {
	return slices.ContainsFunc(r.fields[:i], func(x field) bool { return x.key == "Content-Length" })
}

// copyTo hands a response's headers to net/http.
func (r *response) copyTo(h http.Header) {
	r.passed(func(key, value string) { h[key] = append(h[key], value) })
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // nobody guesses one
	}
}

// answered is a target's answer that is not counted yet.
type answered struct {
	status int
	after  time.Duration
}

// waited is how long the target took for the head of its response: since it had the request, whose body may have come
// slowly.
func (x *exchange) waited() time.Duration {
	since := x.began
	if b := x.q.body; b != nil && x.q.small == nil {
		if came := time.Unix(0, b.came.Load()); came.After(since) {
			since = came
		}
	}
	return time.Since(since)
}

// count counts the target's answer, once it is known that the client gets it.
func (x *exchange) count() {
	if x.answer != nil {
		x.group.metrics.answered(x.answer.status, x.answer.after)
		x.answer = nil
	}
}

// targetError is an error of a target whose head was well.
type targetError struct{ error }

// takeBack takes back the head of a response whose body turned out to be broken, if nothing of it was sent to the
// client: then the client can be told.
func (x *exchange) takeBack(err error) bool {
	w, ok := x.w.(*response1)
	if _, target := errors.AsType[targetError](err); !ok || !target || x.answer == nil || w.out.sent {
		return false
	}
	w.reset()
	return true
}

// brokeOff counts an answer that ended in the middle as a failure of its group, if the target ended it: neither a
// client that went away or broke its upload off nor a target that was deregistered and had its time to drain says
// anything of the target.
func (x *exchange) brokeOff(t *target, err error) {
	if _, byTarget := errors.AsType[targetError](err); byTarget && !x.gone() && t.lifetime().Err() == nil {
		x.group.metrics.brokeOff()
	}
}

// flush sends on what is here of the response.
func (x *exchange) flush() {
	x.count()
	if f, ok := x.w.(http.Flusher); ok {
		f.Flush()
	}
}

// deliver hands a response to the client.
func (x *exchange) deliver(t *target, u *upstream, res *response) error {
	h := x.w.Header()
	if w, ok := x.w.(*response1); ok {
		w.from = res
	} else {
		res.copyTo(h)
	}
	x.setCookies(h, t, res)
	x.w.WriteHeader(res.status)
	if n := res.left; n >= 0 && int64(u.br.Buffered()) >= n { // all of it is here
		x.count()
		b, err := u.br.Peek(int(n))
		if err == nil && n > 0 {
			_, err = x.w.Write(b)
		}
		_, derr := u.br.Discard(int(n))
		return errors.Join(err, derr)
	}
	if err := x.copyBody(u, res); err != nil {
		return err
	}
	x.count()
	for key, values := range u.chunks.trailer {
		h[http.TrailerPrefix+key] = values
	}
	return nil
}

// copyBody hands on the body as it comes: neither the head nor what is here of the body is held back for what is not.
func (x *exchange) copyBody(u *upstream, res *response) error {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	b := (*pooled)[:cap(*pooled)]
	body, left := u.body(res), res.left
	u.waits = x.flush
	defer func() { u.waits = nil }()
	for left != 0 {
		n, err := body.Read(b)
		if n > 0 {
			left -= int64(n) // below zero where the length is not known
			if _, werr := x.w.Write(b[:n]); werr != nil {
				return werr
			}
		}
		switch {
		case err == io.EOF && left > 0:
			return targetError{io.ErrUnexpectedEOF}
		case err == io.EOF:
			return nil
		case err != nil:
			return targetError{err}
		}
	}
	return nil
}
