package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// reverseProxyArg makes the benchmark's own binary the proxy of the standard library, in a process of its own as the
// others are.
const reverseProxyArg = "reverse-proxy"

// startReverseProxy starts httputil.ReverseProxy before the target. The router's own front is worth its lines only
// while it is at least 1.3 times as fast.
func (b *bench) startReverseProxy(ctx context.Context, target string) (*proxy, func(), error) {
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	c := exec.Command(self, reverseProxyArg, address, target)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return startProxy(ctx, c, address)
}

// serveReverseProxy is the process that startReverseProxy starts.
func serveReverseProxy(ctx context.Context, address, target string) error {
	to := &url.URL{Scheme: "http", Host: target}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.SetXForwarded()
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	s := &http.Server{Addr: address, Handler: p, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
