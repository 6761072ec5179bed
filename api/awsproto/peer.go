package awsproto

import (
	"context"
	"net/http"
	"net/netip"
)

// Peer is where a request came from.
type Peer struct {
	Address   netip.Addr // the zero Addr if the request did not come over the network; behind a proxy the proxy's
	UserAgent string
	Referer   string
	Secure    bool // the request came by TLS
}

type peerKey struct{}

// WithPeer returns the context of a request with its peer.
func WithPeer(r *http.Request) context.Context {
	c := Peer{UserAgent: r.UserAgent(), Referer: r.Referer(), Secure: r.TLS != nil}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Address = at.Addr().Unmap()
	}
	return context.WithValue(r.Context(), peerKey{}, c)
}

// PeerOf returns the peer of a request, or the zero Peer if it did not come over the network.
func PeerOf(ctx context.Context) Peer {
	c, _ := ctx.Value(peerKey{}).(Peer)
	return c
}
