package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/api/cloudwatch"
	"slipway/api/elbv2"
	"slipway/api/slipway"
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

// blueGreen makes two blue and two green hosts with agents and services, and their group.
func (w *world) blueGreen(change ...func(*codedeploy.CreateDeploymentGroupInput)) {
	w.t.Helper()
	for i, h := range []string{"blue1", "blue2", "green1", "green2"} {
		x := w.newHost(h, map[string]string{"side": strings.TrimRight(h, "12")})
		w.start(x)
		w.serves(h, fmt.Sprintf("10.0.0.%d:80", i+1))
	}
	tag := func(value string) []types.TagFilter {
		return []types.TagFilter{{Key: aws.String("side"), Value: &value, Type: types.TagFilterTypeKeyAndValue}}
	}
	w.group("CodeDeployDefault.AllAtOnce",
		append([]func(*codedeploy.CreateDeploymentGroupInput){func(in *codedeploy.CreateDeploymentGroupInput) {
			in.OnPremisesInstanceTagFilters = nil
			in.OnPremisesTagSet = &types.OnPremisesTagSet{OnPremisesTagSetList: [][]types.TagFilter{tag("blue"),
				tag("green")}}
			in.DeploymentStyle = &types.DeploymentStyle{DeploymentType: types.DeploymentTypeBlueGreen,
				DeploymentOption: types.DeploymentOptionWithTrafficControl}
			in.LoadBalancerInfo = &types.LoadBalancerInfo{
				TargetGroupPairInfoList: []types.TargetGroupPairInfo{
					{TargetGroups: []types.TargetGroupInfo{{Name: aws.String("blue")}, {Name: aws.String("green")}},
						ProdTrafficRoute: &types.TrafficRoute{
							ListenerArns: []string{"arn:aws:elasticloadbalancing:r:1:listener/app/x/0/0"},
						}},
				},
			}
		}}, change...)...)
}

func (w *world) serves(host, address string) {
	w.t.Helper()
	if _, err := w.slipway.PutHostService(w.t.Context(),
		&slipway.PutHostServiceInput{HostIdentifier: &host, Address: &address}); err != nil {
		w.t.Fatal(err)
	}
}

// first makes the first deployment to a blueGreen group: it takes the blue side.
func (w *world) first() {
	w.t.Helper()
	id := w.deploy(w.release("v1", nil))
	if s := next(w.t, w.releases.begun); s.DeploymentID != id || s.To != groupARN("blue") || s.Routing != nil {
		w.t.Fatalf("%+v", s)
	}
	w.releases.end(id, deploy.Released{Shifted: true})
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
		w.t.Fatalf("%+v", d.ErrorInformation)
	}
	if got := w.balancer.in("blue"); got != "10.0.0.1:80 10.0.0.2:80" {
		w.t.Fatal(got)
	}
}

func (w *world) events(id, host string) string {
	w.t.Helper()
	var all []string
	for _, e := range w.target(id, host).LifecycleEvents {
		all = append(all, *e.LifecycleEventName+":"+string(e.Status))
	}
	return strings.Join(all, " ")
}

func TestBlueGreen(t *testing.T) {
	w := newWorld(t)
	w.blueGreen()
	w.first()
	id := w.deploy(w.release("v2", nil))
	if s := next(t, w.releases.begun); s.From != groupARN("blue") || s.To != groupARN("green") {
		t.Fatalf("%+v", s)
	}
	if got := w.balancer.in("green"); got != "10.0.0.3:80 10.0.0.4:80" {
		t.Fatal(got)
	}
	if got, want := w.events(id,
		"green1"), "ApplicationStop:Succeeded DownloadBundle:Succeeded BeforeInstall:Succeeded Install:Succeeded "+
		"AfterInstall:Succeeded ApplicationStart:Succeeded "+
		"ValidateService:Succeeded BeforeAllowTraffic:Succeeded AllowTraffic:InProgress "+
		"AfterAllowTraffic:Pending"; got != want {
		t.Errorf("%s", got)
	}
	if got := w.events(id,
		"blue1"); got != "BeforeBlockTraffic:Pending BlockTraffic:Pending AfterBlockTraffic:Pending" {
		t.Errorf("the originals move before the traffic has: %s", got)
	}
	w.releases.end(id, deploy.Released{Shifted: true})
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded || d.DeploymentOverview.Succeeded != 4 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	if got := w.balancer.in("blue"); got != "" {
		t.Errorf("blue has %s", got)
	}
	if got := w.events(id,
		"blue1"); got != "BeforeBlockTraffic:Succeeded BlockTraffic:Succeeded AfterBlockTraffic:Succeeded" {
		t.Errorf("%s", got)
	}
	if x := w.target(id, "blue1"); x.InstanceLabel != types.TargetLabelBlue {
		t.Errorf("%s", x.InstanceLabel)
	}
	labels := must[*codedeploy.ListDeploymentTargetsOutput](t)(w.api.ListDeploymentTargets(t.Context(),
		&codedeploy.ListDeploymentTargetsInput{DeploymentId: &id,
			TargetFilters: map[string][]string{"ServerInstanceLabel": {"Green"}}}))
	if !slices.Equal(labels.TargetIds, []string{"green1", "green2"}) {
		t.Errorf("%v", labels.TargetIds)
	}
	// The next one takes the other side.
	id = w.deploy(w.release("v3", nil))
	if s := next(t, w.releases.begun); s.From != groupARN("green") || s.To != groupARN("blue") {
		t.Fatalf("%+v", s)
	}
	w.releases.end(id, deploy.Released{Shifted: true})
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
}

// TestBlueGreenTakesTheSideThatIsIdle creates a deployment whose look at the load balancer takes so long that meanwhile
// another one makes the other side live: it must not install on the side that carries the traffic now.
func TestBlueGreenTakesTheSideThatIsIdle(t *testing.T) {
	w := newWorld(t)
	w.blueGreen()
	w.first()
	w.balancer.asked = func() {
		id := w.deploy(w.release("v2", nil))
		next(t, w.releases.begun)
		w.releases.end(id, deploy.Released{Shifted: true})
		if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
			t.Errorf("%+v", d.ErrorInformation)
		}
	}
	id := w.deploy(w.release("v3", nil))
	if s := next(t, w.releases.begun); s.DeploymentID != id || s.From != groupARN("green") || s.To != groupARN("blue") {
		t.Fatalf("%+v", s)
	}
	if got := w.balancer.in("green"); got != "10.0.0.3:80 10.0.0.4:80" {
		t.Errorf("the live side has %s", got)
	}
}

func TestBlueGreenThatIsRolledBack(t *testing.T) {
	for name, c := range map[string]struct {
		events types.AutoRollbackEvent
		during func(w *world, id string) // after the release has begun
		script string                    // of AfterAllowTraffic
		status types.DeploymentStatus
		code   types.ErrorCode
		asked  bool // for the way back
	}{
		"analysis": {types.AutoRollbackEventDeploymentFailure, func(w *world, id string) {
			w.releases.end(id, deploy.Released{Reason: "p95 is slower"})
		}, "", types.DeploymentStatusFailed, types.ErrorCodeCustomerApplicationUnhealthy, false},
		"by hand": {types.AutoRollbackEventDeploymentStopOnRequest, func(w *world, id string) {
			w.releases.end(id, deploy.Released{Reason: "Rolled back by ada", ByHand: true})
		}, "", types.DeploymentStatusStopped, types.ErrorCodeManualStop, false},
		"stop": {types.AutoRollbackEventDeploymentStopOnRequest, func(w *world, id string) {
			if _, err := w.api.StopDeployment(w.t.Context(),
				&codedeploy.StopDeploymentInput{DeploymentId: &id}); err != nil {
				w.t.Fatal(err)
			}
		}, "", types.DeploymentStatusStopped, types.ErrorCodeManualStop, true},
		"alarm": {types.AutoRollbackEventDeploymentStopOnAlarm, func(w *world, _ string) {
			if err := w.db.Write(w.t.Context(), func(tx store.Tx) error {
				return w.service.AlarmChanged(w.t.Context(), tx, "errors", "ALARM")
			}); err != nil {
				w.t.Fatal(err)
			}
		}, "", types.DeploymentStatusStopped, types.ErrorCodeAlarmActive, true},
		"hook": {types.AutoRollbackEventDeploymentFailure, func(w *world, id string) {
			w.releases.end(id, deploy.Released{Shifted: true})
		}, "exit 4", types.DeploymentStatusFailed, types.ErrorCodeHealthConstraints, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.alarms["errors"] = "OK"
			w.blueGreen(rollBack(c.events), func(in *codedeploy.CreateDeploymentGroupInput) {
				in.AlarmConfiguration = &types.AlarmConfiguration{Enabled: true,
					Alarms: []types.Alarm{{Name: aws.String("errors")}}}
			})
			w.first()
			id := w.deploy(w.release("v2", map[string]string{"AfterAllowTraffic": c.script}))
			next(t, w.releases.begun)
			c.during(w, id)
			if c.asked {
				if got := next(t, w.releases.back); got != id {
					t.Fatal(got)
				}
				if w.get(id).CompleteTime != nil {
					t.Fatal("it ended before the traffic was back")
				}
				w.releases.end(id, deploy.Released{Reason: "The deployment was stopped."})
			}
			d := w.wait(id)
			if d.Status != c.status || d.ErrorInformation.Code != c.code || d.RollbackInfo.RollbackDeploymentId == nil {
				t.Fatalf("%+v %+v", d.ErrorInformation, d.RollbackInfo)
			}
			back := *d.RollbackInfo.RollbackDeploymentId
			if s := next(t,
				w.releases.begun); s.DeploymentID != back || s.To != groupARN("blue") || s.From != groupARN("green") ||
				s.Routing != nil || !s.AtOnce {
				t.Fatalf("%+v", s)
			}
			w.releases.end(back, deploy.Released{Shifted: true})
			if d := w.wait(back); d.Status != types.DeploymentStatusSucceeded {
				t.Fatalf("%+v", d.ErrorInformation)
			}
			if got := w.events(back,
				"blue1"); got != "BeforeAllowTraffic:Succeeded AllowTraffic:Succeeded AfterAllowTraffic:Succeeded" {
				t.Error(got)
			}
			if b, g := w.balancer.in("blue"), w.balancer.in("green"); b != "10.0.0.1:80 10.0.0.2:80" || g != "" {
				t.Errorf("blue has %q, green %q", b, g)
			}
			// The idle side is the same again.
			id = w.deploy(w.release("v3", nil))
			if s := next(t, w.releases.begun); s.To != groupARN("green") {
				t.Fatalf("%+v", s)
			}
			w.releases.end(id, deploy.Released{Shifted: true})
			w.wait(id)
		})
	}
}

func TestBlueGreenWaits(t *testing.T) {
	w := newWorld(t)
	w.blueGreen(func(in *codedeploy.CreateDeploymentGroupInput) {
		in.BlueGreenDeploymentConfiguration = &types.BlueGreenDeploymentConfiguration{
			DeploymentReadyOption: &types.DeploymentReadyOption{
				ActionOnTimeout: types.DeploymentReadyActionStopDeployment, WaitTimeInMinutes: 60,
			},
			TerminateBlueInstancesOnDeploymentSuccess: &types.BlueInstanceTerminationOption{
				Action: types.InstanceActionTerminate, TerminationWaitTimeInMinutes: 5,
			},
		}
	})
	ready := func() string {
		t.Helper()
		id := w.deploy(w.release(fmt.Sprint("v", time.Now().UnixNano()), nil))
		w.until(func() bool { return w.get(id).Status == types.DeploymentStatusReady })
		if o := w.get(id).DeploymentOverview; o.Ready != 2 || o.InProgress != 0 {
			t.Errorf("%+v", o)
		}
		return id
	}
	proceed := func(id string) {
		t.Helper()
		if _, err := w.api.ContinueDeployment(t.Context(),
			&codedeploy.ContinueDeploymentInput{DeploymentId: &id,
				DeploymentWaitType: types.DeploymentWaitTypeReadyWait}); err != nil {
			t.Fatal(err)
		}
		next(t, w.releases.begun)
		w.releases.end(id, deploy.Released{Shifted: true})
	}
	first := ready()
	if _, err := w.api.SkipWaitTimeForInstanceTermination(t.Context(),
		&codedeploy.SkipWaitTimeForInstanceTerminationInput{DeploymentId: &first}); code(
		err) != "DeploymentIsNotInReadyStateException" {
		t.Error(err)
	}
	proceed(first)
	w.wait(first) // there is nothing to terminate
	second := ready()
	proceed(second)
	w.until(func() bool { return aws.ToBool(&w.get(second).InstanceTerminationWaitTimeStarted) })
	if got := w.events(second, "blue1"); !strings.HasSuffix(got, "ApplicationStop:Pending") {
		t.Error(got)
	}
	if _, err := w.api.ContinueDeployment(t.Context(),
		&codedeploy.ContinueDeploymentInput{DeploymentId: &second,
			DeploymentWaitType: types.DeploymentWaitTypeTerminationWait}); err != nil {
		t.Fatal(err)
	}
	if d := w.wait(second); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	if got := w.events(second, "blue1"); !strings.HasSuffix(got, "ApplicationStop:Succeeded") {
		t.Error(got)
	}
	// Nobody continues: it stops.
	third := ready()
	w.run("deploy.wait", third)
	if d := w.wait(third); d.Status != types.DeploymentStatusStopped ||
		d.ErrorInformation.Code != types.ErrorCodeTimeout {
		t.Fatalf("%+v %+v", d.Status, d.ErrorInformation)
	}
	if got := w.balancer.in("blue"); got != "" {
		t.Errorf("a replacement that was never let in is in the target group: %s", got)
	}
}

func TestInPlaceWithTraffic(t *testing.T) {
	w := newWorld(t)
	w.fleet(2)
	w.serves("web1", "10.0.0.1:80")
	w.group("CodeDeployDefault.OneAtATime", func(in *codedeploy.CreateDeploymentGroupInput) {
		in.DeploymentStyle = &types.DeploymentStyle{DeploymentType: types.DeploymentTypeInPlace,
			DeploymentOption: types.DeploymentOptionWithTrafficControl}
		in.LoadBalancerInfo = &types.LoadBalancerInfo{
			TargetGroupInfoList: []types.TargetGroupInfo{{Name: aws.String("web")}, {Name: aws.String("api")}},
		}
	})
	// web2 did not say where its service is.
	id := w.deploy(w.release("v1", nil))
	if d := w.wait(id); d.DeploymentOverview.Succeeded != 1 || d.DeploymentOverview.Failed != 1 {
		t.Fatalf("%+v %+v", d.ErrorInformation, d.DeploymentOverview)
	}
	if m := *event1(w.target(id, "web2"), "BlockTraffic").Diagnostics.Message; !strings.Contains(m, "--service") ||
		!strings.Contains(m, "PutHostService") {
		t.Error(m)
	}
	w.serves("web2", "10.0.0.2:80")
	w.balancer.heal(w, "10.0.0.2:80", false)
	id = w.deploy(w.release("v2", nil))
	w.until(func() bool {
		return event1(w.target(id, "web2"), "AllowTraffic").Status == types.LifecycleEventStatusInProgress
	})
	if got := w.events(id, "web1"); !strings.HasPrefix(got, "BeforeBlockTraffic:Pending") {
		t.Errorf("the host that had failed comes first, and is waited for: %s", got)
	}
	w.balancer.heal(w, "10.0.0.2:80", true)
	if d := w.wait(id); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	if got := w.balancer.in("api"); got != "10.0.0.1:80 10.0.0.2:80" {
		t.Error(got)
	}
	if got := w.events(id,
		"web1"); got != "BeforeBlockTraffic:Succeeded BlockTraffic:Succeeded AfterBlockTraffic:Succeeded "+
		"ApplicationStop:Succeeded DownloadBundle:Succeeded BeforeInstall:Succeeded "+
		"Install:Succeeded AfterInstall:Succeeded ApplicationStart:Succeeded ValidateService:Succeeded "+
		"BeforeAllowTraffic:Succeeded AllowTraffic:Succeeded AfterAllowTraffic:Succeeded" {
		t.Error(got)
	}
}

func TestAlarmsThatAreOnOrMissing(t *testing.T) {
	w := newWorld(t)
	w.fleet(1)
	w.group("CodeDeployDefault.AllAtOnce")
	r := w.release("v1", nil)
	with := func(ignore bool, names ...string) func(*codedeploy.CreateDeploymentInput) {
		return func(in *codedeploy.CreateDeploymentInput) {
			in.OverrideAlarmConfiguration = &types.AlarmConfiguration{Enabled: true, IgnorePollAlarmFailure: ignore}
			for _, name := range names {
				in.OverrideAlarmConfiguration.Alarms = append(in.OverrideAlarmConfiguration.Alarms,
					types.Alarm{Name: &name})
			}
		}
	}
	w.alarms["on"], w.alarms["off"] = "ALARM", "OK"
	for name, c := range map[string]struct {
		change func(*codedeploy.CreateDeploymentInput)
		says   string
	}{
		"on":      {with(true, "off", "on"), "The alarm on is on."},
		"missing": {with(false, "off", "none"), "does not exist"},
	} {
		if d := w.wait(w.deploy(r, c.change)); d.Status != types.DeploymentStatusStopped ||
			d.ErrorInformation.Code != types.ErrorCodeAlarmActive ||
			!strings.Contains(*d.ErrorInformation.Message, c.says) {
			t.Errorf("%s: %s %+v", name, d.Status, d.ErrorInformation)
		}
	}
	if d := w.wait(w.deploy(r, with(true, "off", "none"))); d.Status != types.DeploymentStatusSucceeded {
		t.Errorf("%+v", d.ErrorInformation)
	}
}
