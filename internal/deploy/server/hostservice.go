package server

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// PutHostService implements slipway:PutHostService: an instance says at which IP:PORT its service takes requests from a
// load balancer; "" takes that back. A deployment with traffic control puts this address into the target group.
func (s *Service) PutHostService(ctx context.Context,
	in *slipway.PutHostServiceInput) (*slipway.PutHostServiceOutput, error) {
	identifier := *in.HostIdentifier
	if !strings.HasPrefix(identifier, "arn:") {
		identifier = s.arn("instance/", identifier)
	}
	host, err := s.host(ctx, identifier)
	if err != nil {
		return nil, err
	}
	address := *in.Address
	if address != "" {
		a, err := netip.ParseAddrPort(address)
		if err != nil || a.Port() == 0 || a.Addr().IsUnspecified() {
			return nil, &awsproto.Error{
				Code:   "ValidationException",
				Status: 400,
				Message: fmt.Sprintf(
					"%q is no address of a service: give the IP address and the port at which the load balancer "+
						"reaches it, as in 10.0.0.7:8080.", address),
			}
		}
		if err := s.publishable(ctx, a.Addr().Unmap()); err != nil {
			return nil, err
		}
		address = a.String()
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE deploy_instances SET service = $2 WHERE name = $1`, host, address)
		return err
	})
}

// publishable refuses an address that is not the host's own. A load balancer sends users' requests and health checks
// there: a host must not turn the router against others by its word. Allowed are the address that the host calls from,
// addresses of this machine if it calls from here, and the networks that the operator lists. An administrator says what
// is right.
func (s *Service) publishable(ctx context.Context, a netip.Addr) error {
	peer := awsproto.PeerOf(ctx).Address
	switch {
	case awsproto.May(ctx, ActForHost, "host/*"), a == peer,
		peer.IsLoopback() && (a.IsLoopback() || isOurs(a)):
		return nil
	}
	for _, n := range s.Networks {
		if n.Contains(a) {
			return nil
		}
	}
	return &awsproto.Error{Code: "AccessDeniedException", Status: 403,
		Message: fmt.Sprintf("A host may publish its own address, %s, not %s. "+
			"If that is right (a proxy, or several networks), start the server with --host-networks, or say it as an "+
			"administrator.", peer, a)}
}

// isOurs reports whether an address is of this machine.
func isOurs(a netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, x := range all {
		if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().Unmap() == a {
			return true
		}
	}
	return false
}
