package loadbalancer_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/store/storetest"
)

// report reports as a router that serves a version.
func (w *world) report(router string, serves int64, listeners []slipway.RouterListener,
	targets ...slipway.RouterTarget) {
	w.t.Helper()
	if listeners == nil {
		listeners = []slipway.RouterListener{}
	}
	must(w.router.PutRouterReport(w.t.Context(),
		&slipway.PutRouterReportInput{Router: &router, AppliedVersion: &serves, Listeners: listeners,
			Targets: append([]slipway.RouterTarget{}, targets...)}))(w.t)
}

func target(group, address, state string, inFlight int64) slipway.RouterTarget {
	return slipway.RouterTarget{TargetGroupArn: &group, Address: &address, State: &state, InFlight: &inFlight}
}

func (w *world) healthOf(group string) string {
	w.t.Helper()
	all := must(w.sdk.DescribeTargetHealth(w.t.Context(),
		&elb.DescribeTargetHealthInput{TargetGroupArn: &group}))(w.t).TargetHealthDescriptions
	var states []string
	for _, h := range all {
		states = append(states, strings.TrimSpace(string(h.TargetHealth.State)+" "+string(h.TargetHealth.Reason)))
	}
	return strings.Join(states, ", ")
}

func (w *world) state(name string) string {
	w.t.Helper()
	s := must(w.sdk.DescribeLoadBalancers(w.t.Context(),
		&elb.DescribeLoadBalancersInput{Names: []string{name}}))(w.t).LoadBalancers[0].State
	return strings.TrimSpace(string(s.Code) + " " + aws.ToString(s.Reason))
}

func (w *world) register(group, id string) {
	w.t.Helper()
	must(w.sdk.RegisterTargets(w.t.Context(),
		&elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &id}}}))(w.t)
}

func (w *world) deregister(group, id string) {
	w.t.Helper()
	must(w.sdk.DeregisterTargets(w.t.Context(),
		&elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: []types.TargetDescription{{Id: &id}}}))(w.t)
}

func TestHealthIsWhatAllRoutersSay(t *testing.T) {
	w := start(t)
	_, _, blue, _ := w.balanced("web", 8001)
	w.register(blue, "10.0.0.1")
	at := w.take("one", 0).Version
	w.take("two", 0)
	for _, x := range []struct {
		one, two, want string
	}{
		{"", "", "initial Elb.RegistrationInProgress"}, {"healthy", "", "initial Elb.RegistrationInProgress"},
		{"healthy", "initial", "initial"},
		{"healthy", "healthy", "healthy"}, {"healthy", "unhealthy", "unhealthy"}, {"unhealthy", "initial", "unhealthy"},
	} {
		for router, state := range map[string]string{"one": x.one, "two": x.two} {
			if state != "" {
				w.report(router, at, nil, target(blue, "10.0.0.1:8000", state, 0))
			}
		}
		if got := w.healthOf(blue); got != x.want {
			t.Errorf("%s and %s: %s, want %s", x.one, x.two, got, x.want)
		}
	}
	// What was said of the target before it was registered again says nothing.
	w.report("one", at, nil, target(blue, "10.0.0.1:8000", "healthy", 0))
	w.report("two", at, nil, target(blue, "10.0.0.1:8000", "healthy", 0))
	w.deregister(blue, "10.0.0.1")
	w.register(blue, "10.0.0.1")
	if got := w.healthOf(blue); !strings.HasPrefix(got, "initial") {
		t.Errorf("registered anew: %s", got)
	}
}

func TestDraining(t *testing.T) {
	w := start(t)
	_, _, blue, _ := w.balanced("web", 8001)
	w.register(blue, "10.0.0.1")
	w.register(blue, "10.0.0.2")
	at := w.take("one", 0).Version
	w.report("one", at, nil, target(blue, "10.0.0.1:8000", "healthy", 3), target(blue, "10.0.0.2:8000", "healthy", 3))
	w.deregister(blue, "10.0.0.1")
	if got := w.healthOf(blue); got != "draining Target.DeregistrationInProgress, healthy" {
		t.Errorf("deregistered: %s", got)
	}
	// of a table in which the target does not drain yet
	w.report("one", at, nil, target(blue, "10.0.0.1:8000", "draining", 0))
	if got := w.healthOf(blue); !strings.HasPrefix(got, "draining") {
		t.Errorf("forgotten by an old report: %s", got)
	}
	table := w.take("one", at)
	if d := table.TargetGroups[0].Targets[0].Draining; d == nil || d.Sub(w.clock.now()) > 301*time.Second {
		t.Errorf("in the table it drains until %v", d)
	}
	w.report("one", table.Version, nil, target(blue, "10.0.0.1:8000", "draining", 2),
		target(blue, "10.0.0.2:8000", "healthy", 0))
	if got := w.healthOf(blue); got != "draining Target.DeregistrationInProgress, healthy" {
		t.Errorf("with requests in flight: %s", got)
	}
	w.report("one", table.Version, nil, target(blue, "10.0.0.1:8000", "draining", 0),
		target(blue, "10.0.0.2:8000", "healthy", 0))
	if got := w.healthOf(blue); got != "healthy" {
		t.Errorf("drained: %s", got)
	}

	// Without a router the time of the draining ends it.
	must(w.sdk.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &blue,
		Attributes: []types.TargetGroupAttribute{{Key: aws.String("deregistration_delay.timeout_seconds"),
			Value: aws.String("1")}}}))(t)
	for len(w.health) > 0 {
		<-w.health
	}
	w.deregister(blue, "10.0.0.2")
	w.clock.advance(2 * time.Second)
	<-w.health // it drains
	<-w.health // it is gone
	if got := w.healthOf(blue); got != "" {
		t.Errorf("after its time: %s", got)
	}
	w.register(blue, "10.0.0.2")
	if got := w.healthOf(blue); !strings.HasPrefix(got, "initial") {
		t.Errorf("registered anew: %s", got)
	}
}

func TestStateOfALoadBalancer(t *testing.T) {
	w := start(t)
	_, listener, _, _ := w.balanced("web", 80)
	if got := w.state("web"); got != "provisioning" {
		t.Errorf("without a router: %s", got)
	}
	table := w.take("one", 0)
	w.take("one", table.Version)
	if got := w.state("web"); got != "active" {
		t.Errorf("served: %s", got)
	}
	w.report("one", table.Version,
		[]slipway.RouterListener{{ListenerArn: &listener,
			Error: aws.String("listen tcp :80: bind: permission denied")}})
	if got := w.state("web"); got != "failed router one: listen tcp :80: bind: permission denied" {
		t.Errorf("with a port that cannot be opened: %s", got)
	}
	if _, err := w.service.InEffect(t.Context(), []string{listener}, nil); err == nil ||
		!strings.Contains(err.Error(), "permission denied") {
		t.Errorf("in effect: %v", err)
	}
	w.report("one", table.Version, nil)
	w.clock.advance(2 * time.Minute)
	if got := w.state("web"); !strings.HasPrefix(got, "active_impaired The server does not hear of any router") {
		t.Errorf("with a router that is silent: %s", got)
	}
}

func TestPollIsHeldUntilTheTableChanges(t *testing.T) {
	w := start(t)
	_, listener, blue, _ := w.balanced("web", 8001)
	at := w.take("one", 0).Version
	w.report("one", at, nil)
	answered := make(chan *slipway.PollRouterOutput, 1)
	go func() {
		out, err := w.router.PollRouter(t.Context(),
			&slipway.PollRouterInput{Router: aws.String("one"), AppliedVersion: &at})
		if err != nil {
			t.Error(err)
		}
		answered <- out
	}()
	if err := w.service.Weigh(t.Context(), []string{listener}, map[string]int{blue: 50}); err != nil {
		t.Fatal(err)
	}
	if out := <-answered; *out.Version <= at || out.Table == nil {
		t.Errorf("answered with %d after %d", *out.Version, at)
	}
}

func TestPollsByTheSameName(t *testing.T) {
	w := start(t)
	at := w.take("one", 0).Version
	w.report("one", at, nil)
	ended := make(chan error, 2)
	for range 2 { // whichever comes first is ended by the other
		go func() {
			_, err := w.router.PollRouter(t.Context(),
				&slipway.PollRouterInput{Router: aws.String("one"), AppliedVersion: &at})
			ended <- err
		}()
	}
	if err := <-ended; awsproto.Code(err) != "RouterConflictException" {
		t.Errorf("%v", err)
	}
}

func TestARouterIsAskedForAReport(t *testing.T) {
	w := start(t)
	poll := func(version int64) bool {
		out := must(w.router.PollRouter(t.Context(),
			&slipway.PollRouterInput{Router: aws.String("one"), AppliedVersion: &version, WaitSeconds: new(int32(0))}))(
			t)
		return out.Report != nil && *out.Report
	}
	if !poll(0) {
		t.Error("a router that has not reported is not asked to")
	}
	w.report("one", 0, nil)
	if poll(0) {
		t.Error("a router that has reported is asked to")
	}
}

func TestSamples(t *testing.T) {
	w := start(t)
	in := &slipway.PutRouterReportInput{Router: aws.String("one"),
		Samples: []slipway.RouterSample{{TargetGroupArn: aws.String("g"), LoadBalancerArn: aws.String("l"),
			Time: &awsproto.Time{Time: w.clock.now()}, Requests: new(int64(7))}}}
	must(w.router.PutRouterReport(t.Context(), in))(t)
	if got := <-w.samples; len(got) != 1 || *got[0].Requests != 7 {
		t.Errorf("%+v", got)
	}
	w.refuse = errors.New("the disk is full")
	if _, err := w.router.PutRouterReport(t.Context(), in); !errors.Is(err, w.refuse) {
		t.Errorf("a report whose samples are not kept is taken: %v", err)
	}
}

// TestOnPostgreSQL goes through what differs between databases.
func TestOnPostgreSQL(t *testing.T) {
	server := storetest.Postgres(t)
	w := on(t, storetest.OpenDSN(t, server.Database(t), loadbalancer.Migrations()))
	_, listener, blue, green := w.balanced("web", 8001)
	w.register(blue, "10.0.0.1")
	if err := w.service.Weigh(t.Context(), []string{listener}, map[string]int{blue: 1, green: 99}); err != nil {
		t.Fatal(err)
	}
	table := w.take("one", 0)
	w.take("one", table.Version)
	if !w.inEffect(listener, map[string]int{blue: 1, green: 99}) {
		t.Error("not in effect")
	}
	w.deregister(blue, "10.0.0.1")
	table = w.take("one", table.Version)
	w.report("one", table.Version, nil, target(blue, "10.0.0.1:8000", "draining", 0))
	if got := w.healthOf(blue); got != "" {
		t.Errorf("drained: %s", got)
	}
	rules := must(w.sdk.DescribeRules(t.Context(), &elb.DescribeRulesInput{ListenerArn: &listener}))(t).Rules
	if len(rules) != 1 || *rules[0].Actions[0].ForwardConfig.TargetGroups[1].Weight != 99 {
		t.Errorf("rules %+v", rules)
	}
	must(w.sdk.DeleteListener(t.Context(), &elb.DeleteListenerInput{ListenerArn: &listener}))(t)
	if text, err := json.Marshal(w.take("one", table.Version)); err != nil || strings.Contains(string(text), "blue") {
		t.Errorf("the table afterwards: %s, %v", text, err)
	}
}

// TestMoreOnPostgreSQL repeats tests that use the database.
func TestMoreOnPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.OnPostgres(t, map[string]func(*testing.T){
		"ImportedCertificates":                    TestImportedCertificates,
		"Placement":                               TestPlacement,
		"WhatIsSoAlreadyChangesNothing":           TestWhatIsSoAlreadyChangesNothing,
		"WeightsAreInEffectOnceEveryRouterServes": TestWeightsAreInEffectOnceEveryRouterServesThem,
		"WeighRefuses":                            TestWeighRefuses,
		"ListRouters":                             TestListRouters,
	})
}
