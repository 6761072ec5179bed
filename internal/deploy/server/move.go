package server

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"slipway/api/awsproto"
	"slipway/api/elbv2"
	"slipway/internal/deploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/store"
)

func asTargets(addresses []string) []elbv2.TargetDescription {
	var all []elbv2.TargetDescription
	for _, a := range addresses {
		host, port, err := net.SplitHostPort(a)
		n, nerr := strconv.ParseInt(port, 10, 32)
		if err != nil || nerr != nil {
			continue // it was checked when the host said it
		}
		all = append(all, elbv2.TargetDescription{Id: &host, Port: new(int32(n))})
	}
	return all
}

func joinAddress(t *elbv2.TargetDescription) string {
	if t.Port == nil {
		return awsproto.Value(t.Id)
	}
	return net.JoinHostPort(awsproto.Value(t.Id), strconv.Itoa(int(*t.Port)))
}

// enter puts a host into a target group under the address that it has now, unless it is there, and reports whether it
// is healthy. The member is written down first: what may have been put in is taken out again.
func (p *Platform) enter(ctx context.Context, group, host string) (healthy bool, err error) {
	address, err := p.addressOf(ctx, host)
	if err != nil {
		return false, err
	}
	if address == "" {
		return false, unaddressed(host)
	}
	states, err := p.states(ctx, group, []string{address})
	if err != nil {
		return false, err
	}
	if h := states[address]; h != nil && registered(h) {
		if h.Reason == elbv2.TargetHealthReasonEnumTargetNotInUse {
			return false, unused(group)
		}
		return h.State == elbv2.TargetHealthStateEnumHealthy, nil
	}
	err = p.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx,
			`INSERT INTO deploy_members (target_group, host, address) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
			group, host, address)
		return err
	})
	if err != nil {
		return false, err
	}
	fault.Point("traffic.before-join")
	// The load balancer says when its health changes: it is asked again then.
	_, err = p.balancer.RegisterTargets(ctx,
		&elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: asTargets([]string{address})})
	return false, err
}

// registered reports whether a target takes requests, or will once it is healthy.
func registered(h *elbv2.TargetHealth) bool {
	return h.Reason != elbv2.TargetHealthReasonEnumTargetNotRegistered &&
		h.State != elbv2.TargetHealthStateEnumDraining && h.State != elbv2.TargetHealthStateEnumUnhealthyDraining
}

type unaddressed string

func (host unaddressed) Error() string {
	return "The host " + string(host) +
		" did not say where its service listens, so that it can't join its target group. Start its agent with " +
		"--service ADDRESS:PORT; " +
		"for AWS's agent: slipway api slipway PutHostService '{\"hostIdentifier\": \"" + string(host) +
		"\", \"address\": \"ADDRESS:PORT\"}'."
}

// leave takes a host out of a target group and reports whether its last request has ended.
func (p *Platform) leave(ctx context.Context, group, host string) (gone bool, err error) {
	addresses, err := p.members(ctx, group, host)
	if err != nil || len(addresses) == 0 {
		return err == nil, err
	}
	states, err := p.states(ctx, group, addresses)
	if err != nil {
		return false, err
	}
	var in []string
	draining := false
	for address, h := range states {
		if registered(h) {
			in = append(in, address)
		}
		draining = draining || h.State == elbv2.TargetHealthStateEnumDraining
	}
	if len(in) > 0 {
		_, err := p.balancer.DeregisterTargets(ctx,
			&elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: asTargets(in)})
		fault.Point("traffic.after-leave")
		return false, err // the load balancer says when it has drained: it is asked again then
	}
	if draining {
		return false, nil
	}
	return true, p.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM deploy_members WHERE target_group = $1 AND host = $2`, group, host)
		return err
	})
}

type unused string

func (group unused) Error() string {
	return "No listener forwards to the target group " + string(group) +
		", so that its targets are not checked. Add it to the forward action of the listener, with the weight 0."
}

// Act implements deploy.Platform: a host leaves its target groups (BlockTraffic) or joins them (AllowTraffic).
func (p *Platform) Act(ctx context.Context, w deploy.Work) (deploy.Progress, error) {
	var act func(ctx context.Context, group, host string) (done bool, err error)
	switch w.Event {
	case rollout.BlockTraffic:
		act = p.leave
	case rollout.AllowTraffic:
		act = p.enter
	default:
		return deploy.Progress{}, fmt.Errorf("the host's agent carries out %s", w.Event)
	}
	host := w.Unit.Name
	if w.Event == rollout.BlockTraffic && w.Returns {
		// A host that could not join its target group again is not taken out of it.
		if address, err := p.addressOf(ctx, host); err != nil || address == "" {
			return deploy.Progress{Failed: unaddressed(host).Error()}, err
		}
	}
	all := deploy.Progress{Done: true}
	for _, group := range w.TargetGroups {
		done, err := act(ctx, group, host)
		switch err.(type) {
		case nil:
		case unaddressed, unused:
			return deploy.Progress{Failed: err.Error()}, nil
		default:
			return deploy.Progress{}, err
		}
		all.Done = all.Done && done
	}
	return all, nil
}

// addressOf is where the service of a host listens; "" if the host did not say.
func (p *Platform) addressOf(ctx context.Context, host string) (address string, err error) {
	_, err = store.Find(ctx, p.db, []any{&address}, `SELECT service FROM deploy_instances WHERE name = $1`, host)
	return address, err
}

// members are the addresses under which a host was put into a target group.
func (p *Platform) members(ctx context.Context, group, host string) ([]string, error) {
	return store.Strings(ctx, p.db,
		`SELECT address FROM deploy_members WHERE target_group = $1 AND host = $2 ORDER BY address`, group, host)
}

// states are what a target group says of addresses. An address that it does not know is left out.
func (p *Platform) states(ctx context.Context, group string,
	addresses []string) (map[string]*elbv2.TargetHealth, error) {
	out, err := p.balancer.DescribeTargetHealth(ctx,
		&elbv2.DescribeTargetHealthInput{TargetGroupArn: &group, Targets: asTargets(addresses)})
	if err != nil {
		return nil, err
	}
	all := map[string]*elbv2.TargetHealth{}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		all[joinAddress(d.Target)] = d.TargetHealth
	}
	return all, nil
}
