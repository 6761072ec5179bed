package deploy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// PutHostService implements slipway:PutHostService: an instance says at which IP:PORT its service takes requests from a load balancer; "" takes
// that back. A deployment with traffic control puts this address into the target group.
func (s *Service) PutHostService(ctx context.Context, in *slipway.PutHostServiceInput) (*slipway.PutHostServiceOutput, error) {
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
			return nil, &awsproto.Error{Code: "ValidationException", Status: 400, Message: fmt.Sprintf("%q is no address of a service: give the IP address and the port at which the load balancer reaches it, as in 10.0.0.7:8080.", address)}
		}
		address = a.String()
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE deploy_instances SET service = $2 WHERE name = $1`, host, address)
		return err
	})
}
