package loadbalancer

import (
	"context"
	"database/sql"
	"fmt"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// listener is a listener's row.
type listener struct {
	elb.Listener // without actions
	certificates []string
	attributes   map[string]string
}

func scanListener(r *sql.Rows) (*listener, error) {
	l := &listener{}
	return l, r.Scan(store.JSON(&l.Listener), store.JSON(&l.certificates), store.JSON(&l.attributes))
}

const listenerColumns = `SELECT doc, certificates, attributes FROM lb_listeners `

// findListener finds the listener of an ARN.
func (s *Service) findListener(ctx context.Context, q store.Queryer, arn string) (*listener, error) {
	if err := s.check(kindListener, arn); err != nil {
		return nil, err
	}
	all, err := store.All(ctx, q, scanListener, listenerColumns+`WHERE arn = $1`, arn)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noListener()
	}
	return all[0], nil
}

// CreateListener implements elbv2:CreateListener.
func (s *Service) CreateListener(ctx context.Context, in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	if in.Port == nil {
		return nil, invalid("A port must be specified")
	}
	if err := s.check(kindBalancer, *in.LoadBalancerArn); err != nil {
		return nil, err
	}
	l := &listener{Listener: elb.Listener{ListenerArn: new(child(*in.LoadBalancerArn, kindBalancer, kindListener)),
		LoadBalancerArn: in.LoadBalancerArn}, attributes: map[string]string{}}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.findBalancer(ctx, tx, *in.LoadBalancerArn); err != nil {
			return err
		}
		if err := atMost(ctx, tx, limits.listeners-1,
			&elb.TooManyListenersException{Message: fmt.Sprintf("The limit of %d listeners is reached",
				limits.listeners)},
			`SELECT COUNT(*) FROM lb_listeners WHERE balancer = $1`, *in.LoadBalancerArn); err != nil {
			return err
		}
		if err := s.setListener(ctx, tx, l,
			elb.ModifyListenerInput{Port: in.Port, Protocol: in.Protocol, SslPolicy: in.SslPolicy,
				Certificates: in.Certificates,
				AlpnPolicy:   in.AlpnPolicy, MutualAuthentication: in.MutualAuthentication}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx,
			`INSERT INTO lb_listeners (arn, balancer, port, certificates, attributes, doc)
				VALUES ($1, $2, $3, $4, '{}', $5)`,
			*l.ListenerArn, *in.LoadBalancerArn, *l.Port, store.JSON(l.certificates),
			store.JSON(&l.Listener)); err != nil {
			return err
		}
		r := &rule{
			Rule: elb.Rule{RuleArn: new(child(*l.ListenerArn, kindListener, kindRule)),
				Conditions: []elb.RuleCondition{}},
			listener: *l.ListenerArn,
			priority: defaultPriority,
		}
		if err := s.setActions(ctx, tx, r, in.DefaultActions, true); err != nil {
			return err
		}
		return s.setTags(ctx, tx, *l.ListenerArn, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	listeners, err := s.describeListener(ctx, *l.ListenerArn)
	return &elb.CreateListenerOutput{Listeners: listeners}, err
}

func (s *Service) describeListener(ctx context.Context, arn string) ([]elb.Listener, error) {
	out, err := s.DescribeListeners(ctx, &elb.DescribeListenersInput{ListenerArns: []string{arn}})
	if err != nil {
		return nil, err
	}
	return out.Listeners, nil
}

// setListener overlays a listener with what is given, but for its actions, and checks it.
func (s *Service) setListener(ctx context.Context, tx store.Tx, l *listener, in elb.ModifyListenerInput) error {
	if len(in.AlpnPolicy) > 0 {
		return refused("an ALPN policy; it is for listeners of the protocol TLS")
	}
	if m := in.MutualAuthentication; m != nil && awsproto.Value(m.Mode) != "" && awsproto.Value(m.Mode) != "off" {
		return refused("mutual authentication of the mode %s", awsproto.Value(m.Mode))
	}
	if in.Port != nil {
		if err := freePort(ctx, tx, l, *in.Port); err != nil {
			return err
		}
		l.Port = in.Port
	}
	switch {
	case in.Protocol == elb.ProtocolEnumHttp || in.Protocol == elb.ProtocolEnumHttps:
		l.Protocol = in.Protocol
	case in.Protocol != "":
		return refused("listeners of the protocol %s; HTTP and HTTPS are there", in.Protocol)
	case l.Protocol == "":
		return invalid("A listener protocol must be specified")
	}
	if l.Protocol == elb.ProtocolEnumHttp {
		if len(in.Certificates) > 0 || in.SslPolicy != nil {
			return invalid("Certificates and a security policy can be specified for HTTPS listeners only")
		}
		l.SslPolicy, l.certificates = nil, []string{}
		return nil
	}
	return s.setSecurity(ctx, tx, l, in)
}

// setSecurity overlays an HTTPS listener with a security policy and a certificate.
func (s *Service) setSecurity(ctx context.Context, tx store.Tx, l *listener, in elb.ModifyListenerInput) error {
	if in.SslPolicy != nil {
		l.SslPolicy = in.SslPolicy
	}
	if l.SslPolicy == nil {
		l.SslPolicy = new(defaultPolicy)
	}
	if policyOf(*l.SslPolicy) == nil {
		return noPolicy(*l.SslPolicy)
	}
	if in.Certificates == nil {
		if len(l.certificates) == 0 {
			return invalid("A certificate must be specified for HTTPS listeners")
		}
		return nil
	}
	if len(in.Certificates) != 1 || awsproto.Value(in.Certificates[0].IsDefault) {
		return invalid(
			"Exactly one certificate must be specified, without IsDefault; AddListenerCertificates adds further ones")
	}
	first := awsproto.Value(in.Certificates[0].CertificateArn)
	if err := s.certificatesExist(ctx, tx, first); err != nil {
		return err
	}
	l.certificates = append([]string{first}, without(l.certificates[min(1, len(l.certificates)):], first)...)
	return nil
}

// freePort checks that no other listener has a port: all load balancers share the routers, which open a port once.
func freePort(ctx context.Context, tx store.Tx, l *listener, port int32) error {
	var other, balancer string
	found, err := store.Find(ctx, tx, []any{&other, &balancer},
		`SELECT arn, balancer FROM lb_listeners WHERE port = $1`, port)
	if err != nil || !found || other == *l.ListenerArn {
		return err
	}
	message := fmt.Sprintf("A listener already exists on this port for this load balancer '%s'", balancer)
	if balancer != *l.LoadBalancerArn {
		message = fmt.Sprintf(
			"A listener already exists on this port, for the load balancer '%s': all load balancers of a Slipway "+
				"server share its routers' ports", balancer)
	}
	return &elb.DuplicateListenerException{Message: message}
}

// ModifyListener implements elbv2:ModifyListener.
func (s *Service) ModifyListener(ctx context.Context, in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		l, err := s.findListener(ctx, tx, *in.ListenerArn)
		if err != nil {
			return err
		}
		if err := s.setListener(ctx, tx, l, *in); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE lb_listeners SET port = $2, certificates = $3, doc = $4 WHERE arn = $1`,
			*l.ListenerArn, *l.Port, store.JSON(l.certificates), store.JSON(&l.Listener)); err != nil {
			return err
		}
		if in.DefaultActions == nil {
			_, err = s.changed(ctx, tx)
			return err
		}
		r, err := defaultRule(ctx, tx, *l.ListenerArn)
		if err != nil {
			return err
		}
		return s.setActions(ctx, tx, r, in.DefaultActions, false)
	})
	if err != nil {
		return nil, err
	}
	listeners, err := s.describeListener(ctx, *in.ListenerArn)
	return &elb.ModifyListenerOutput{Listeners: listeners}, err
}

// DescribeListeners implements elbv2:DescribeListeners.
func (s *Service) DescribeListeners(ctx context.Context,
	in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
	p := page{op: "DescribeListeners", marker: in.Marker, size: in.PageSize, key: "arn"}
	switch {
	case in.LoadBalancerArn != nil && len(in.ListenerArns) > 0:
		return nil, invalid("Load balancer ARN and listener ARNs cannot be specified at the same time")
	case in.LoadBalancerArn != nil:
		if _, err := s.findBalancer(ctx, s.db, *in.LoadBalancerArn); err != nil {
			return nil, err
		}
		p.on("balancer", *in.LoadBalancerArn)
	case len(in.ListenerArns) > 0:
		if err := s.check(kindListener, in.ListenerArns...); err != nil {
			return nil, err
		}
		p.among("arn", in.ListenerArns)
	default:
		return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
	}
	rows, next, err := list(ctx, s, p, scanListener,
		listenerColumns, func(l *listener) string { return *l.ListenerArn })
	if err != nil {
		return nil, err
	}
	rules, err := store.All(ctx, s.db, scanRule, ruleColumns+`WHERE priority = $1`, defaultPriority)
	if err != nil {
		return nil, err
	}
	actions := map[string][]elb.Action{}
	for _, r := range rules {
		actions[r.listener] = r.Actions
	}
	out, found := &elb.DescribeListenersOutput{Listeners: []elb.Listener{}, NextMarker: next}, map[string]bool{}
	for _, l := range rows {
		found[*l.ListenerArn] = true
		out.Listeners = append(out.Listeners, l.shown(actions[*l.ListenerArn]))
	}
	if p.missing(found) != "" && next == nil && in.Marker == nil {
		return nil, noListener()
	}
	return out, nil
}

func (l *listener) shown(actions []elb.Action) elb.Listener {
	shown := l.Listener
	shown.DefaultActions = actions
	if len(l.certificates) > 0 {
		shown.Certificates = []elb.Certificate{{CertificateArn: &l.certificates[0]}}
		shown.MutualAuthentication = &elb.MutualAuthenticationAttributes{Mode: new("off")}
	}
	return shown
}

// DeleteListener implements elbv2:DeleteListener.
func (s *Service) DeleteListener(ctx context.Context, in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.findListener(ctx, tx, *in.ListenerArn); err != nil {
			return err
		}
		if err := removeListener(ctx, tx, *in.ListenerArn); err != nil {
			return err
		}
		_, err := s.changed(ctx, tx)
		return err
	})
}

// removeListener deletes a listener with its rules.
func removeListener(ctx context.Context, tx store.Tx, arn string) error {
	rules, err := store.Strings(ctx, tx, `SELECT arn FROM lb_rules WHERE listener = $1`, arn)
	if err != nil {
		return err
	}
	for _, r := range rules {
		if err := removeRule(ctx, tx, r); err != nil {
			return err
		}
	}
	return remove(ctx, tx, "lb_listeners", arn)
}
