package loadbalancer_test

import (
	"encoding/json"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"slipway/api/slipway"
)

// take polls as a router that serves a version and returns the table that it is given.
func (w *world) take(router string, serves int64) slipway.Table {
	w.t.Helper()
	out := must(w.router.PollRouter(w.t.Context(),
		&slipway.PollRouterInput{Router: &router, AppliedVersion: &serves, WaitSeconds: new(int32(0))}))(w.t)
	var table slipway.Table
	if out.Table != nil {
		if err := json.Unmarshal(out.Table, &table); err != nil {
			w.t.Fatal(err)
		}
	}
	return table
}

func (w *world) inEffect(listener string, weights map[string]int) bool {
	w.t.Helper()
	return must(w.service.InEffect(w.t.Context(), []string{listener}, weights))(w.t)
}

func TestWeightsAreInEffectOnceEveryRouterServesThem(t *testing.T) {
	w := start(t)
	_, listener, blue, green := w.balanced("web", 8001)
	want := map[string]int{blue: 90, green: 10}
	before := must(w.sdk.DescribeListeners(t.Context(),
		&elb.DescribeListenersInput{ListenerArns: []string{listener}}))(t)
	if w.inEffect(listener, map[string]int{blue: 100, green: 0}) {
		t.Error("in effect without a router")
	}
	first := w.take("one", 0)
	if w.inEffect(listener, map[string]int{blue: 100, green: 0}) {
		t.Error("in effect at a router that was only given the table")
	}
	w.take("one", first.Version)
	if v := <-w.applied; v != first.Version {
		t.Errorf("applied %d, want %d", v, first.Version)
	}
	if !w.inEffect(listener, map[string]int{blue: 100, green: 0}) {
		t.Error("not in effect at a router that serves it")
	}
	for range 2 { // the second changes nothing
		if err := w.service.Weigh(t.Context(), []string{listener}, want); err != nil {
			t.Fatal(err)
		}
	}
	if w.inEffect(listener, want) {
		t.Error("in effect before the router took it")
	}
	second := w.take("one", first.Version)
	if got := second.Listeners[0].Rules[0].Actions[0].ForwardConfig.TargetGroups; *got[0].Weight != 90 ||
		*got[1].Weight != 10 {
		t.Errorf("the table has %+v", got)
	}
	w.take("two", 0)
	w.take("one", second.Version)
	if w.inEffect(listener, want) {
		t.Error("in effect though one of two routers does not serve it")
	}
	w.clock.advance(time.Minute)
	w.take("one", second.Version)
	if !w.inEffect(listener, want) {
		t.Error("a router that is silent holds it up")
	}
	after := must(w.sdk.DescribeListeners(t.Context(),
		&elb.DescribeListenersInput{ListenerArns: []string{listener}}))(t)
	if len(after.Listeners[0].DefaultActions) != 1 || *after.Listeners[0].Port != *before.Listeners[0].Port {
		t.Errorf("more than weights changed: %+v", after.Listeners[0])
	}

	// A server that restarts does not take one router for all.
	w.service = w.open()
	w.router = slipway.New(hooks, routerAPI{w.service, slipway.Unimplemented{}})
	w.take("one", second.Version)
	if w.inEffect(listener, want) {
		t.Error("in effect though a router that was known has not come back")
	}
	w.take("two", second.Version)
	if !w.inEffect(listener, want) {
		t.Error("not in effect once all routers are back")
	}
}

func TestWeighRefuses(t *testing.T) {
	w := start(t)
	_, listener, blue, _ := w.balanced("web", 8001)
	stranger := w.group("stranger")
	for name, weights := range map[string]map[string]int{"TargetGroupNotFound": {stranger: 1},
		"ValidationError": {blue: 1000}} {
		if err := w.service.Weigh(t.Context(), []string{listener}, weights); code(err) != name {
			t.Errorf("%v; it should be %s", err, name)
		}
	}
	if err := w.service.Weigh(t.Context(), []string{listener + "0"},
		map[string]int{blue: 1}); code(err) != "ListenerNotFound" {
		t.Errorf("%v", err)
	}
}
