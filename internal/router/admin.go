package router

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// serveAdmin serves the router's metrics and whether it lives, at an address that is not one of a listener. A router
// whose address somebody else has serves without.
func (s *server) serveAdmin() (stop func()) {
	if s.Metrics == "" {
		return func() {}
	}
	l, err := net.Listen("tcp", s.Metrics)
	if err != nil {
		s.log.Error("metrics are not served; choose another address with --metrics", "error", err)
		return func() {}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		all := s.metrics()
		slices.SortFunc(all, func(a, b *metrics) int { return cmp.Compare(a.group, b.group) })
		expose(w, all)
	})
	mux.HandleFunc(
		"GET /healthz", func(w http.ResponseWriter,
			_ *http.Request) {
			fmt.Fprintf(w, "ok, version %d\n", s.applied())
		})
	hs := &http.Server{Handler: mux, ReadHeaderTimeout: headLimit, IdleTimeout: time.Minute}
	go func() { _ = hs.Serve(l) }()
	s.log.Info("metrics are served", "address", l.Addr())
	return func() { _ = hs.Close() }
}
