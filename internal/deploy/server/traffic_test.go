package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"slipway/api/slipway"
	"slipway/internal/deploy"
	"slipway/internal/store"
)

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

// ready makes a deployment that waits before its traffic is shifted.
func (w *world) ready() string {
	w.t.Helper()
	id := w.deploy(w.release(fmt.Sprint("v", time.Now().UnixNano()), nil))
	w.until(func() bool { return w.get(id).Status == types.DeploymentStatusReady })
	if o := w.get(id).DeploymentOverview; o.Ready != 2 || o.InProgress != 0 {
		w.t.Errorf("%+v", o)
	}
	return id
}

// proceed lets the traffic of a deployment shift, to its end.
func (w *world) proceed(id string) {
	w.t.Helper()
	in := &codedeploy.ContinueDeploymentInput{
		DeploymentId:       &id,
		DeploymentWaitType: types.DeploymentWaitTypeReadyWait,
	}
	if _, err := w.api.ContinueDeployment(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
	next(w.t, w.releases.begun)
	w.releases.end(id, deploy.Released{Shifted: true})
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
	first := w.ready()
	if _, err := w.api.SkipWaitTimeForInstanceTermination(t.Context(),
		&codedeploy.SkipWaitTimeForInstanceTerminationInput{DeploymentId: &first}); code(
		err) != "DeploymentIsNotInReadyStateException" {
		t.Error(err)
	}
	w.proceed(first)
	w.wait(first) // there is nothing to terminate
	second := w.ready()
	w.proceed(second)
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
	third := w.ready()
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
