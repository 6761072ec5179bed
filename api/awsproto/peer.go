package awsproto

import (
	"context"
	"net/netip"
)

type peerKey struct{}

// WithPeer returns the context of a request from an address, HOST:PORT as in http.Request.RemoteAddr.
func WithPeer(ctx context.Context, remote string) context.Context {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, at.Addr().Unmap())
}

// PeerOf returns the address that a request came from, or the zero Addr if it did not come over the network. Behind a
// proxy it is the proxy's address.
func PeerOf(ctx context.Context) netip.Addr {
	a, _ := ctx.Value(peerKey{}).(netip.Addr)
	return a
}
