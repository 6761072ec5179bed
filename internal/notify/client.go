package notify

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Time limits of a delivery, as SNS has them for web addresses.
const (
	dialLimit   = 5 * time.Second
	answerLimit = 15 * time.Second
)

// newClient makes the client that delivers. Whoever may subscribe names the address, so that the client reaches the
// public internet and some networks alone, follows no redirects and uses no proxy. The address is checked when it is
// dialled, after its name was looked up.
func newClient(networks []netip.Prefix) *http.Client {
	dialer := &net.Dialer{
		Timeout: dialLimit,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return reachable(at.Addr(), networks)
		},
	}
	return &http.Client{
		Timeout:       dialLimit + answerLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    dialLimit,
			ResponseHeaderTimeout:  answerLimit,
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
	}
}

// special are networks that are not public, besides those that netip knows.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // shared by carriers
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), // for measurements
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), // to IPv4
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
}

// reachable returns an error for an address that deliveries must not go to.
func reachable(a netip.Addr, networks []netip.Prefix) error {
	a = a.Unmap()
	for _, n := range networks {
		if n.Contains(a) {
			return nil
		}
	}
	public := a.IsGlobalUnicast() && !a.IsPrivate()
	for _, n := range special {
		public = public && !n.Contains(a)
	}
	if !public {
		return fmt.Errorf("%s is no public address: start the server with --notify-networks to deliver there", a)
	}
	return nil
}
