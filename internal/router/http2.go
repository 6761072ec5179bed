package router

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// http2Transport speaks HTTP/2 alone, with TLS or without.
func http2Transport(withTLS bool) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP2(withTLS)
	protocols.SetUnencryptedHTTP2(!withTLS)
	return &http.Transport{Protocols: &protocols, DialContext: (&net.Dialer{Timeout: dialLimit}).DialContext,
		TLSClientConfig: targetTLS(), TLSHandshakeTimeout: dialLimit,
		DisableCompression: true, IdleConnTimeout: time.Minute,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second}}
}

var errLate = errors.New("the target did not answer in time")

// atHTTP2 sends the request to an HTTP/2 target and its response to the client, trailers included: gRPC says how a call
// ended in them.
func (x *exchange) atHTTP2(t *target) outcome {
	ctx, cancel := context.WithCancelCause(x.q.Context())
	defer cancel(nil)
	if x.q.client != nil {
		hangUp := func() { cancel(context.Canceled) }
		defer x.whenGone(&hangUp).forget()
	}
	defer context.AfterFunc(t.lifetime(), func() { cancel(context.Canceled) })()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	body := x.bodyHTTP2()
	out, err := x.requestHTTP2(ctx, t, body)
	if err != nil {
		answer(x.w, x.q.route, http.StatusBadRequest)
		return done
	}
	x.began = time.Now()
	patience := time.AfterFunc(x.q.route.idle, func() { cancel(errLate) })
	defer patience.Stop()
	if body != nil {
		body.moved = func() { patience.Reset(x.q.route.idle) }
		x.q.ask()
	}
	res, err := t.h2.RoundTrip(out)
	defer func() { cancel(nil); body.end(x.w) }()
	if err != nil {
		if body != nil && x.q.small == nil && body.began.Load() {
			x.started = true
		}
		return x.brokenHTTP2(ctx, t, err, sent.Load())
	}
	defer res.Body.Close()
	x.group.metrics.answered(res.StatusCode, x.waited())
	if err := x.deliverHTTP2(t, res, patience); err != nil {
		x.log.Debug("a response was not delivered whole", "target", t.address, "error", err)
		if b := x.q.body; b == nil || x.q.small != nil || b.fault() == 0 {
			x.brokeOff(t, err)
		}
		panic(http.ErrAbortHandler) //nolint:forbidigo // as in exchange.on
	}
	return done
}

func (x *exchange) brokenHTTP2(ctx context.Context, t *target, err error, sent bool) outcome {
	if b := x.q.body; b != nil && x.q.small == nil {
		if errors.Is(context.Cause(ctx), errLate) && b.reading.Load() {
			x.fault = http.StatusRequestTimeout
			return refused
		}
		if x.fault = b.fault(); x.fault != 0 {
			return refused
		}
	}
	if errors.Is(context.Cause(ctx), errLate) {
		return late
	}
	if x.gone() {
		return abandoned
	}
	x.log.Debug("a target does not answer", "target", t.address, "error", err)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		t.suspect()
	}
	if !x.started && (!sent || x.q.replayable()) {
		return unsent
	}
	return failed
}

func (x *exchange) requestHTTP2(ctx context.Context, t *target, body *countedBody) (*http.Request, error) {
	u, err := url.ParseRequestURI(x.uri)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host = "http", t.address
	if t.tls {
		u.Scheme = "https"
	}
	out := &http.Request{
		Method:        x.q.Method,
		URL:           u,
		Host:          x.q.host(),
		Header:        http.Header{},
		ContentLength: x.q.ContentLength,
		ProtoMajor:    2,
	}
	x.q.each(func(key, value string) { out.Header[key] = append(out.Header[key], value) })
	for _, te := range x.q.Header["Te"] {
		if te == "trailers" {
			out.Header["Te"] = []string{te}
		}
	}
	if body != nil {
		out.Body, out.Trailer = body, x.q.Trailer
	}
	return out.WithContext(ctx), nil
}

// bodyHTTP2 is the request's body; one that is small can be sent again.
func (x *exchange) bodyHTTP2() *countedBody {
	switch {
	case x.q.small != nil:
		return &countedBody{Reader: bytes.NewReader(x.q.small), closed: make(chan struct{})}
	case x.q.hasBody():
		return &countedBody{Reader: x.q.Body, closed: make(chan struct{})}
	}
	return nil
}

// copyHeader hands a response's headers to the client.
func copyHeader(to, from http.Header) {
	drop := named(from)
	for key, values := range from {
		if !hop(key) {
			to[key] = values
		}
	}
	for _, key := range drop {
		delete(to, key)
	}
	dropSession(to)
	if _, ok := to["Content-Type"]; !ok {
		to["Content-Type"] = nil // nobody guesses one
	}
}

func (x *exchange) deliverHTTP2(t *target, res *http.Response, patience *time.Timer) error {
	h := x.w.Header()
	copyHeader(h, res.Header)
	x.setCookies(h, t, nil)
	for key := range res.Trailer {
		h.Add("Trailer", key)
	}
	announced := len(res.Trailer)
	x.w.WriteHeader(res.StatusCode)
	flusher, _ := x.w.(http.Flusher)
	if res.ContentLength != 0 && flusher != nil {
		flusher.Flush()
	}
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	b := (*pooled)[:cap(*pooled)]
	for {
		n, err := res.Body.Read(b)
		if n > 0 {
			patience.Reset(x.q.route.idle)
			if _, werr := x.w.Write(b[:n]); werr != nil {
				return werr
			}
			if err == nil && flusher != nil {
				flusher.Flush()
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return targetError{err}
		}
	}
	for key, values := range res.Trailer {
		if announced != len(res.Trailer) {
			key = http.TrailerPrefix + key
		}
		h[key] = values
	}
	return nil
}

// countedBody is a request's body that says that it moves.
type countedBody struct {
	io.Reader
	began  atomic.Bool
	moved  func()
	once   sync.Once
	closed chan struct{}
}

func (c *countedBody) Read(b []byte) (int, error) {
	c.began.Store(true)
	n, err := c.Reader.Read(b)
	if n > 0 && c.moved != nil {
		c.moved()
	}
	return n, err
}

// Close is called by the transport once it does not read any more.
func (c *countedBody) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// end waits until the body is not read any more. A response may be complete before that: then nobody wants the rest.
func (c *countedBody) end(w http.ResponseWriter) {
	if c == nil {
		return
	}
	select {
	case <-c.closed:
	default:
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		<-c.closed
	}
}

// tlsVersion and cipherName are what targets are told of the client's TLS.
func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return "TLSv1.3"
}

func cipherName(id uint16) string { return tls.CipherSuiteName(id) }
