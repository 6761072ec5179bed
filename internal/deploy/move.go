package deploy

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"slipway/api/elbv2"
	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// lookAgain is a safety net under the load balancer's word that the health of a target changed.
const lookAgain = 30 * time.Second

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
		return text(t.Id)
	}
	return net.JoinHostPort(text(t.Id), strconv.Itoa(int(*t.Port)))
}

// enter puts a host into a target group under the address that it has now, unless it is there, and tells whether it is
// healthy. The member is written down first: what may have been put in is taken out again.
func (s *Service) enter(ctx context.Context, group, host string) (healthy bool, err error) {
	address, err := addressOf(ctx, s.db, host)
	if err != nil {
		return false, err
	}
	if address == "" {
		return false, unaddressed(host)
	}
	states, err := s.states(ctx, group, []string{address})
	if err != nil {
		return false, err
	}
	if h := states[address]; h != nil && registered(h) {
		if h.Reason == elbv2.TargetHealthReasonEnumTargetNotInUse {
			return false, unused(group)
		}
		return h.State == elbv2.TargetHealthStateEnumHealthy, nil
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
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
	_, err = s.Balancer.RegisterTargets(ctx,
		&elbv2.RegisterTargetsInput{TargetGroupArn: &group, Targets: asTargets([]string{address})})
	return false, err
}

// registered tells whether a target takes requests, or will once it is healthy.
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

// leave takes a host out of a target group and tells whether its last request has ended.
func (s *Service) leave(ctx context.Context, group, host string) (gone bool, err error) {
	addresses, err := members(ctx, s.db, group, host)
	if err != nil || len(addresses) == 0 {
		return err == nil, err
	}
	states, err := s.states(ctx, group, addresses)
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
		_, err := s.Balancer.DeregisterTargets(ctx,
			&elbv2.DeregisterTargetsInput{TargetGroupArn: &group, Targets: asTargets(in)})
		fault.Point("traffic.after-leave")
		return false, err // the load balancer says when it has drained: it is asked again then
	}
	if draining {
		return false, nil
	}
	return true, s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM deploy_members WHERE target_group = $1 AND host = $2`, group, host)
		return err
	})
}

type unused string

func (group unused) Error() string {
	return "No listener forwards to the target group " + string(group) +
		", so that its targets are not checked. Add it to the forward action of the listener, with the weight 0."
}

// move does what a host's BlockTraffic or AllowTraffic asks for, and looks whether it has come about.
func (s *Service) move(ctx context.Context, j store.Running) (store.Outcome, error) {
	id, host, _ := strings.Cut(j.Key, "/")
	d, err := loadDeployment(ctx, s.db, id)
	if absent(err) {
		return store.Done, nil
	}
	if err != nil {
		return store.Done, err
	}
	t, err := loadTarget(ctx, s.db, id, host)
	if err != nil || t == nil || t.Phase != rollout.Moving {
		return store.Done, err
	}
	done, stuck := true, ""
	if block := *t.Event().LifecycleEventName == rollout.BlockTraffic; block && t.ComesBack() {
		// A host that could not join its target group again is not taken out of it.
		if address, err := addressOf(ctx, s.db, host); err != nil {
			return store.Done, err
		} else if address == "" {
			done, stuck = false, unaddressed(host).Error()
		}
	}
	for _, group := range d.traffic.of(t) {
		if stuck != "" {
			break
		}
		var ok bool
		if *t.Event().LifecycleEventName == rollout.BlockTraffic {
			ok, err = s.leave(ctx, group, host)
		} else {
			ok, err = s.enter(ctx, group, host)
		}
		switch err.(type) {
		case nil:
		case unaddressed, unused:
			stuck = err.Error()
		default:
			return store.Done, fmt.Errorf("%s of %s: %w", *t.Event().LifecycleEventName, host, err)
		}
		done = done && ok
	}
	if !done && stuck == "" {
		return store.Again(s.Now().Add(lookAgain)), nil
	}
	var late bool
	err = s.db.Write(ctx, func(tx store.Tx) error {
		late = true
		_, err := s.change(ctx, tx, id, host, func(_ *deployment, x *rollout.Target) bool {
			if late = x.At != t.At; late {
				return false
			}
			if stuck != "" {
				return x.Stuck(stuck, s.Now())
			}
			return x.Moved(s.Now())
		})
		return err
	})
	fault.Point("traffic.after-move")
	return store.Done, err
}

// HealthChanged takes the load balancer's word that something changed in the health of targets: whoever waits for it
// looks again.
func (s *Service) HealthChanged(ctx context.Context) error {
	keys, err := store.Strings(ctx, s.db, `SELECT deployment || '/' || target FROM deploy_targets WHERE moving = 1`)
	if err != nil {
		return err
	}
	undoing, err := store.Strings(ctx, s.db, `SELECT id FROM deploy_deployments WHERE live = 1 AND undoing = 1`)
	if err != nil || len(keys)+len(undoing) == 0 {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, key := range keys {
			if err := tx.Enqueue(ctx, store.Job{Kind: moveJob, Key: key}); err != nil {
				return err
			}
		}
		for _, id := range undoing {
			if err := tx.Enqueue(ctx, store.Job{Kind: undoJob, Key: id}); err != nil {
				return err
			}
		}
		return nil
	})
}
