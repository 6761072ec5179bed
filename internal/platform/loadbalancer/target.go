package loadbalancer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// target is a target's row.
type target struct {
	group, id, zone string
	port            int32
	draining        int64 // milliseconds; 0 for one that is registered
	version         int64
}

func (t *target) address() string {
	a, err := netip.ParseAddr(t.id)
	if err != nil {
		return t.id // checked when it was registered
	}
	return netip.AddrPortFrom(a, uint16(t.port)).String()
}

func scanTarget(r *sql.Rows) (*target, error) {
	t := &target{}
	return t, r.Scan(&t.group, &t.id, &t.port, &t.zone, &t.draining, &t.version)
}

const targetColumns = `SELECT target_group, id, port, zone, draining, version FROM lb_targets `

// RegisterTargets implements elbv2:RegisterTargets. A target that drains is registered again; one that is registered
// stays as it is, and a call that names no other changes nothing.
func (s *Service) RegisterTargets(ctx context.Context,
	in *elb.RegisterTargetsInput) (*elb.RegisterTargetsOutput, error) {
	var version int64
	err := s.db.Write(ctx, func(tx store.Tx) error {
		version = 0
		g, err := s.findGroup(ctx, tx, *in.TargetGroupArn)
		if err != nil {
			return err
		}
		for _, d := range in.Targets {
			id, err := addressOf(g, *d.Id)
			if err != nil {
				return err
			}
			if d.Port == nil {
				d.Port = g.Port
			}
			known, err := matching(ctx, tx, *g.TargetGroupArn, d)
			if err != nil {
				return err
			}
			if len(known) == 1 && known[0].draining == 0 && known[0].zone == awsproto.Value(d.AvailabilityZone) {
				continue
			}
			if version == 0 {
				if version, err = s.changed(ctx, tx); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(ctx,
				`INSERT INTO lb_targets (target_group, id, port, zone, draining, version) VALUES ($1, $2, $3, $4, 0, $5)
					ON CONFLICT (target_group, id, port) DO UPDATE
					SET draining = 0, zone = excluded.zone, version = excluded.version`,
				*g.TargetGroupArn, id, *d.Port, awsproto.Value(d.AvailabilityZone), version); err != nil {
				return err
			}
		}
		return atMost(ctx, tx, limits.targets,
			&elb.TooManyTargetsException{Message: fmt.Sprintf("A target group can have %d targets at most",
				limits.targets)},
			`SELECT COUNT(*) FROM lb_targets WHERE target_group = $1`, *g.TargetGroupArn)
	})
	if err == nil && version > 0 {
		s.healthChanged(*in.TargetGroupArn)
	}
	return nil, err
}

// addressOf checks a target's address. Any address that the router can reach may be one: there is no VPC whose subnets
// would bound it.
func addressOf(g *group, id string) (string, error) {
	a, err := netip.ParseAddr(id)
	if err != nil || a.Zone() != "" {
		return "", &elb.InvalidTargetException{
			Message: fmt.Sprintf("The IP address '%s' is not a valid IPv4 or IPv6 address", id),
		}
	}
	if a.IsUnspecified() || a.IsMulticast() || a.Is4() && a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return "", &elb.InvalidTargetException{Message: fmt.Sprintf("The IP address '%s' is not that of a host", id)}
	}
	if six := g.IpAddressType == elb.TargetGroupIpAddressTypeEnumIpv6; six != a.Is6() {
		return "", &elb.InvalidTargetException{
			Message: fmt.Sprintf("The IP address '%s' is not of the address type '%s' of the target group", id,
				g.IpAddressType),
		}
	}
	return a.String(), nil
}

// matching are the targets of a group that a description names: with its port, or with all ports.
func matching(ctx context.Context, q store.Queryer, group string, d elb.TargetDescription) ([]*target, error) {
	id := *d.Id
	if a, err := netip.ParseAddr(id); err == nil {
		id = a.String()
	}
	if d.Port != nil {
		return store.All(ctx, q, scanTarget, targetColumns+`WHERE target_group = $1 AND id = $2 AND port = $3`, group,
			id, *d.Port)
	}
	return store.All(ctx, q, scanTarget, targetColumns+`WHERE target_group = $1 AND id = $2 ORDER BY port`, group, id)
}

// DeregisterTargets implements elbv2:DeregisterTargets; a target that is not registered is no error. One that serves
// drains first.
func (s *Service) DeregisterTargets(ctx context.Context,
	in *elb.DeregisterTargetsInput) (*elb.DeregisterTargetsOutput, error) {
	var version int64
	err := s.db.Write(ctx, func(tx store.Tx) error {
		version = 0
		g, err := s.findGroup(ctx, tx, *in.TargetGroupArn)
		if err != nil {
			return err
		}
		delay, err := s.delay(ctx, tx, g)
		if err != nil {
			return err
		}
		for _, d := range in.Targets {
			targets, err := matching(ctx, tx, *g.TargetGroupArn, d)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if t.draining > 0 && delay > 0 {
					continue
				}
				if version == 0 {
					if version, err = s.changed(ctx, tx); err != nil {
						return err
					}
				}
				if err := s.deregister(ctx, tx, t, delay, version); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil && version > 0 {
		s.healthChanged(*in.TargetGroupArn)
	}
	return nil, err
}

// delay is how long targets of a group drain; one that nobody forwards to has no requests that could end.
func (s *Service) delay(ctx context.Context, q store.Queryer, g *group) (time.Duration, error) {
	used, err := store.Find(ctx, q, []any{new(string)}, `SELECT rule FROM lb_uses WHERE target_group = $1 LIMIT 1`,
		*g.TargetGroupArn)
	if err != nil || !used {
		return 0, err
	}
	seconds, err := strconv.Atoi(groupAttributes.value(g.attributes, "deregistration_delay.timeout_seconds"))
	return time.Duration(seconds) * time.Second, err
}

func (s *Service) deregister(ctx context.Context, tx store.Tx, t *target, delay time.Duration, version int64) error {
	if delay == 0 {
		return forget(ctx, tx, t)
	}
	end := s.Now().Add(delay)
	if _, err := tx.Exec(ctx,
		`UPDATE lb_targets SET draining = $4, version = $5 WHERE target_group = $1 AND id = $2 AND port = $3`,
		t.group, t.id, t.port, end.UnixMilli(), version); err != nil {
		return err
	}
	return tx.Enqueue(ctx,
		store.Job{
			Kind:    jobDrained,
			Key:     t.group + " " + t.address(),
			Payload: []string{t.group, t.id, strconv.Itoa(int(t.port))},
			RunAt:   end,
		})
}

func forget(ctx context.Context, tx store.Tx, t *target) error {
	_, err := tx.Exec(ctx, `DELETE FROM lb_targets WHERE target_group = $1 AND id = $2 AND port = $3`, t.group, t.id,
		t.port)
	return err
}

// drained ends the draining of a target whose time is over.
func (s *Service) drained(ctx context.Context, j store.Running) (store.Outcome, error) {
	var key [3]string
	if err := j.Decode(&key); err != nil {
		return store.Undecodable(err), nil
	}
	port, err := strconv.Atoi(key[2])
	if err != nil {
		return store.Undecodable(err), nil
	}
	var due int64
	err = s.db.Write(ctx, func(tx store.Tx) error {
		due = 0
		found, err := store.All(ctx, tx, scanTarget,
			targetColumns+`WHERE target_group = $1 AND id = $2 AND port = $3 AND draining > 0`, key[0], key[1], port)
		if err != nil || len(found) == 0 {
			return err
		}
		if t := found[0]; t.draining > s.Now().UnixMilli() { // registered and deregistered anew in between
			due = t.draining
			return nil
		}
		if err := forget(ctx, tx, found[0]); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return errors.Join(err, store.End(ctx, tx))
	})
	if err != nil {
		return store.Done, err
	}
	if due > 0 {
		return store.Again(time.UnixMilli(due)), nil
	}
	s.healthChanged(key[0])
	return store.Done, nil
}

func (s *Service) healthChanged(groups ...string) {
	if s.HealthChanged == nil {
		return
	}
	for _, g := range groups {
		s.HealthChanged(g)
	}
}
