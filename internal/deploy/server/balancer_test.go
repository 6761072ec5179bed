package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/cloudwatch"
	"slipway/api/elbv2"
	"slipway/internal/deploy"
	"slipway/internal/store"
)

// balancer is a load balancer in memory: targets are healthy at once, and drain at once, unless they are told to be
// slow.
type balancer struct {
	mu      sync.Mutex
	members map[string]map[string]bool // address by target group
	sick    map[string]bool            // addresses that do not get healthy
	changed func()
	asked   func() // if set, called once when somebody looks a target group up
}

func groupARN(name string) string {
	return "arn:aws:elasticloadbalancing:r:1:targetgroup/" + name + "/0"
}

func (b *balancer) DescribeTargetGroups(_ context.Context,
	in *elbv2.DescribeTargetGroupsInput) (*elbv2.DescribeTargetGroupsOutput, error) {
	b.mu.Lock()
	asked := b.asked
	b.asked = nil
	b.mu.Unlock()
	if asked != nil {
		asked()
	}
	if strings.HasPrefix(in.Names[0], "no-") {
		return nil, &elbv2.TargetGroupNotFoundException{Message: "One or more target groups not found"}
	}
	return &elbv2.DescribeTargetGroupsOutput{
		TargetGroups: []elbv2.TargetGroup{{TargetGroupName: &in.Names[0], TargetGroupArn: new(groupARN(in.Names[0]))}},
	}, nil
}

func address(t elbv2.TargetDescription) string { return fmt.Sprintf("%s:%d", *t.Id, *t.Port) }

func (b *balancer) DescribeTargetHealth(_ context.Context,
	in *elbv2.DescribeTargetHealthInput) (*elbv2.DescribeTargetHealthOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := &elbv2.DescribeTargetHealthOutput{}
	for _, t := range in.Targets {
		h := &elbv2.TargetHealth{State: elbv2.TargetHealthStateEnumUnused,
			Reason: elbv2.TargetHealthReasonEnumTargetNotRegistered}
		switch {
		case !b.members[*in.TargetGroupArn][address(t)]:
		case b.sick[address(t)]:
			h = &elbv2.TargetHealth{State: elbv2.TargetHealthStateEnumUnhealthy,
				Reason: elbv2.TargetHealthReasonEnumTargetFailedHealthChecks}
		default:
			h = &elbv2.TargetHealth{State: elbv2.TargetHealthStateEnumHealthy}
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions,
			elbv2.TargetHealthDescription{Target: &t, TargetHealth: h})
	}
	return out, nil
}

func (b *balancer) set(group string, targets []elbv2.TargetDescription, in bool) {
	b.mu.Lock()
	defer b.changed()
	defer b.mu.Unlock()
	if b.members[group] == nil {
		b.members[group] = map[string]bool{}
	}
	for _, t := range targets {
		b.members[group][address(t)] = in
	}
}

func (b *balancer) RegisterTargets(_ context.Context,
	in *elbv2.RegisterTargetsInput) (*elbv2.RegisterTargetsOutput, error) {
	b.set(*in.TargetGroupArn, in.Targets, true)
	return nil, nil
}

func (b *balancer) DeregisterTargets(_ context.Context,
	in *elbv2.DeregisterTargetsInput) (*elbv2.DeregisterTargetsOutput, error) {
	b.set(*in.TargetGroupArn, in.Targets, false)
	return nil, nil
}

// in are the addresses that are registered with a target group.
func (b *balancer) in(group string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for a, is := range b.members[groupARN(group)] {
		if is {
			all = append(all, a)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// heal makes an address healthy, or not, and says so.
func (b *balancer) heal(w *world, address string, healthy bool) {
	b.mu.Lock()
	b.sick[address] = !healthy
	b.mu.Unlock()
	if err := w.service.Look(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// releases take what deployments ask for; a test says what comes of it.
type releases struct {
	w     *world
	begun chan deploy.Shift
	back  chan string
}

func (r *releases) Begin(_ context.Context, tx store.Tx, s deploy.Shift) error {
	tx.AfterCommit(func() { r.begun <- s })
	return nil
}

func (r *releases) GroupRenamed(context.Context, store.Tx, string, string, string, string) error {
	return nil
}
func (r *releases) GroupDeleted(context.Context, store.Tx, string, string) error { return nil }

func (r *releases) RollBack(_ context.Context, tx store.Tx, id, reason string) error {
	tx.AfterCommit(func() { r.back <- id })
	return nil
}

// end tells a deployment how its release ended.
func (r *releases) end(id string, how deploy.Released) {
	r.w.t.Helper()
	err := r.w.db.Write(
		r.w.t.Context(), func(tx store.Tx) error { return r.w.service.ReleaseEnded(r.w.t.Context(), tx, id, how) })
	if err != nil {
		r.w.t.Fatal(err)
	}
}

func next[T any](t *testing.T, c chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patient):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// alarms are the states of alarms.
type alarms map[string]cloudwatch.StateValue

func (a alarms) AlarmStates(_ context.Context, names []string) (map[string]cloudwatch.StateValue, error) {
	return a, nil
}
