package app

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"

	"slipway/api/awsproto"
	"slipway/internal/object/s3"
)

// router tells apart what shares the one address: S3 by its signature alone, the JSON and Query services, Git, and the pages.
type router struct {
	api   *awsproto.Server
	s3    http.Handler
	git   http.Handler
	pages http.Handler
	ready func() error
	log   *slog.Logger
}

// recovered answers for a handler that panicked: one request fails, and the log says where.
func (r *router) recovered(w http.ResponseWriter, q *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p != http.ErrAbortHandler {
		r.log.Error("a request panicked", "method", q.Method, "path", q.URL.Path, "target", q.Header.Get("X-Amz-Target"), "panic", p, "stack", string(debug.Stack()))
	}
	http.Error(w, "The request failed inside the server; its log says why.", http.StatusInternalServerError)
}

func (r *router) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	defer r.recovered(w, q)
	switch {
	case s3.Accepts(q):
		r.s3.ServeHTTP(w, q)
	case r.api.Accepts(q):
		r.api.ServeHTTP(w, q)
	case strings.HasPrefix(q.URL.Path, "/v1/repos/"):
		r.git.ServeHTTP(w, q)
	case q.URL.Path == "/healthz":
		_, _ = w.Write([]byte("ok\n"))
	case q.URL.Path == "/readyz":
		if err := r.ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	default:
		r.pages.ServeHTTP(w, q)
	}
}
