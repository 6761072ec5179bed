package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
)

// ServeHTTP does with a request what the listener's rules say.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(clientKey{}).(*client)
	if c == nil {
		http.NotFound(w, r)
		return
	}
	q := &incoming{Request: r, peer: c.peer, port: c.port, l: c.l, since: c.since}
	if err := checkGrammar(r); err != nil || !isTarget(r.RequestURI) {
		status := http.StatusBadRequest
		if bad, ok := errors.AsType[*requestError](err); ok {
			status = bad.status
		}
		answer(w, c.l.route.Load(), status)
		return
	}
	if r.Body != http.NoBody {
		q.body = &requestBody{ReadCloser: r.Body}
		r.Body = q.body
	}
	s.handle(w, q)
}

// handle does with a request what the listener's rules say.
func (s *server) handle(w http.ResponseWriter, q *incoming) {
	for route := q.l.route.Load(); ; {
		q.route = route
		if q.ProtoMajor == 2 && !route.http2 {
			answer(w, route, http.StatusHTTPVersionNotSupported)
			return
		}
		if time.Since(q.since) > route.keepAlive {
			w.Header().Set("Connection", "close")
		}
		served, g := s.serve(w, q)
		// A request that found its way gone goes by the new one, if there is one since.
		now := q.l.route.Load()
		if served {
			return
		}
		if now == route {
			if g != nil {
				g.metrics.failed()
			}
			answer(w, route, http.StatusServiceUnavailable)
			return
		}
		route = now
	}
}

// serve is false if there was no target to send the request to. Then nothing was sent to anybody.
func (s *server) serve(w http.ResponseWriter, q *incoming) (bool, *group) {
	var from netip.Addr
	if len(q.route.rules) > 1 {
		a, err := netip.ParseAddr(q.peer)
		if err != nil {
			answer(w, q.route, http.StatusInternalServerError)
			return true, nil
		}
		from = a.Unmap()
	}
	switch a := q.route.match(q.Request, from); {
	case a.forward != nil:
		return s.forward(w, q, a.forward)
	case a.redirect != nil:
		redirect(w, q, a.redirect)
	default:
		contentType := a.fixed.contentType
		if contentType == "" {
			contentType = "text/plain; charset=utf-8"
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(a.fixed.body)))
		sayServer(w, q.route)
		w.WriteHeader(a.fixed.status)
		_, _ = w.Write([]byte(a.fixed.body)) // a client that has gone away needs no answer
	}
	return true, nil
}

func sayServer(w http.ResponseWriter, r *route) {
	if r.server {
		w.Header()["Server"] = serverName
	}
}

var serverName = []string{"slipway"}

// answer is what the router itself says.
func answer(w http.ResponseWriter, r *route, status int) {
	sayServer(w, r)
	body := strconv.Itoa(status) + " " + http.StatusText(status) + "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // a client that has gone away needs no answer
}

// redirect answers with another address, put together from the one asked for.
func redirect(w http.ResponseWriter, q *incoming, c *elb.RedirectActionConfig) {
	fill := strings.NewReplacer("#{protocol}", q.scheme(), "#{host}", withoutPort(q.Host), "#{port}",
		strconv.Itoa(int(q.route.Port)),
		"#{path}", strings.TrimPrefix(rawPath(q.Request), "/"), "#{query}", q.URL.RawQuery)
	host := fill.Replace(awsproto.Value(c.Host))
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	to := strings.ToLower(fill.Replace(awsproto.Value(c.Protocol))) + "://" + host + ":" +
		fill.Replace(awsproto.Value(c.Port)) +
		fill.Replace(awsproto.Value(c.Path))
	if query := fill.Replace(awsproto.Value(c.Query)); query != "" {
		to += "?" + query
	}
	status := http.StatusFound
	if c.StatusCode == elb.RedirectActionStatusCodeEnumHttp301 {
		status = http.StatusMovedPermanently
	}
	w.Header().Set("Location", to)
	answer(w, q.route, status)
}

// forward sends the request to a group's target, chosen by weight unless a cookie binds the client to a group.
func (s *server) forward(w http.ResponseWriter, q *incoming, f *forward) (bool, *group) {
	g := f.bound(q.Request)
	if g == nil {
		i, ok := f.choice.pick()
		if !ok {
			return false, nil
		}
		g = f.groups[i]
	}
	uri, ok := q.uri()
	if !ok {
		answer(w, q.route, http.StatusBadRequest)
		return true, nil
	}
	q.trace = traceID(q.Header)
	x := &exchange{server: s, w: w, q: q, group: g, config: g.config.Load(), forward: f, uri: uri}
	x.tried = x.first[:0]
	return x.run(), g
}

// exchange is one request on its way to a target and back.
type exchange struct {
	*server
	w       http.ResponseWriter
	q       *incoming
	group   *group
	config  *groupConfig
	forward *forward
	uri     string

	started bool      // a body that is not small has begun to be read
	fault   int       // the status for a client that is to blame
	answer  *answered // the target's, until it is counted
	tried   []*target
	first   [2]*target // room for those tried, without an allocation
	began   time.Time  // when the request was sent
}

// smallBody is up to what size a request's body is read before a target is chosen: it can be sent again, and a slow
// client holds no target.
const smallBody = 8 << 10

// outcome is how a try at a target ended.
type outcome int

const (
	done   outcome = iota // answered, or given up
	unsent                // nothing that a target could have acted on was sent: another may be tried
	failed                // the target may have acted on the request
	late                  // it did not answer in time
	// What the client did is never counted against the target.
	refused   // the client's body broke off, was malformed or did not come
	abandoned // the client went away
)

// run tries targets until one has the request. It is false if there was none to try.
func (x *exchange) run() bool {
	if x.q.small == nil && x.q.ContentLength > 0 && x.q.ContentLength <= smallBody {
		if !x.readSmall() {
			return true
		}
	}
	first := x.config.bound(x.q.Request, x.group)
	result := unsent
	for result == unsent {
		t := first
		if first = nil; t == nil {
			t = x.group.pick(x.tried)
		}
		if t == nil {
			break
		}
		x.tried = append(x.tried, t)
		if !t.begin() {
			continue
		}
		if x.config.http2 {
			result = x.atHTTP2(t)
		} else {
			result = x.at(t)
		}
		t.done()
	}
	return x.settle(result)
}

// settle answers for a request that no target has answered. It is false if there was no target to try.
func (x *exchange) settle(result outcome) bool {
	switch result {
	case done:
	case refused:
		x.refuse(x.fault)
	case abandoned:
		x.group.metrics.clientFailed()
	case late:
		x.fail(http.StatusGatewayTimeout)
	case failed:
		x.fail(http.StatusBadGateway)
	case unsent:
		if len(*x.group.members.Load()) == 0 {
			return false
		}
		x.fail(http.StatusBadGateway)
	}
	return true
}

func (x *exchange) readSmall() bool {
	x.q.ask()
	x.q.small = make([]byte, x.q.ContentLength)
	for n := 0; n < len(x.q.small); {
		m, err := x.q.Body.Read(x.q.small[n:])
		if n += m; err != nil && n < len(x.q.small) {
			x.refuse(http.StatusBadRequest) // it went away, or sent less than it said
			return false
		}
	}
	return true
}

// refuse answers a client that is to blame, as Application Load Balancers do: with 400 for a body that is malformed or
// not whole, with 408 for one that did not come in time. One that went away does not hear it. It counts as
// HTTPCode_ELB_4XX.
func (x *exchange) refuse(status int) {
	x.group.metrics.clientFailed()
	x.w.Header().Set("Connection", "close")
	answer(x.w, x.q.route, status)
}

// fail answers for a target that did not.
func (x *exchange) fail(status int) {
	x.group.metrics.failed()
	answer(x.w, x.q.route, status)
}

// gone reports whether the client has gone away.
func (x *exchange) gone() bool {
	if c := x.q.client; c != nil {
		return c.isGone.Load()
	}
	return x.q.Context().Err() != nil
}

// whenGone is something that is done when the client goes away.
type whenGone struct {
	c    *client
	do   *func()
	stop func() bool
}

// whenGone does something when the client goes away, until it is forgotten.
func (x *exchange) whenGone(do *func()) whenGone {
	if c := x.q.client; c != nil {
		c.onGone.Store(do)
		return whenGone{c: c, do: do}
	}
	return whenGone{stop: context.AfterFunc(x.q.Context(), *do)}
}

// forget is false if it was done.
func (g whenGone) forget() bool {
	if g.c != nil {
		return g.c.onGone.CompareAndSwap(g.do, nil)
	}
	return g.stop()
}
