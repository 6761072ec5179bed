package forge

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// answerTime bounds how long a forge may take to answer.
const answerTime = 15 * time.Second

// Reachable refuses an address that no forge has: those of the services of a cloud's machines (link-local addresses)
// and, unless local, those of this machine.
func Reachable(a netip.Addr, local bool) error {
	a = a.Unmap()
	if a.IsLoopback() && local || a.IsGlobalUnicast() {
		return nil
	}
	return fmt.Errorf("%s is no address of a forge", a)
}

// NewClient makes the client that calls forges. Whoever may make a project or a connection names the host, so it
// follows no redirects, and reaches only addresses that are Reachable.
func NewClient(local bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return Reachable(at.Addr(), local)
		}}
	return &http.Client{
		Timeout:       answerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1},
	}
}
