package release_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func steps(pairs ...int32) (out []slipway.ReleaseStep) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, slipway.ReleaseStep{Percent: &pairs[i], WaitSeconds: &pairs[i+1]})
	}
	return out
}

func (w *world) policy(p *slipway.ReleasePolicy) {
	w.t.Helper()
	_, err := w.service.PutReleasePolicy(w.as(),
		&slipway.PutReleasePolicyInput{ApplicationName: new("shop"), DeploymentGroupName: new("prod"), Policy: p})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) as() ctx { return awsproto.WithCaller(w.t.Context(), awsproto.Caller{Name: "ada"}) }

// requests are reported for the seconds around now, and for as long as a release is waited for: on a slow machine its
// later steps begin later.
func (w *world) requests(group string, n, errors int64, latency time.Duration) {
	w.t.Helper()
	for s := range 2 + int(patient.Seconds()) {
		at := time.Now().Add(time.Duration(s-2) * time.Second)
		err := w.metrics.Sample(w.t.Context(),
			[]slipway.RouterSample{{TargetGroupArn: &group, LoadBalancerArn: new("balancer"), Time: awsproto.At(at),
				Requests: &n, Target5xx: &errors,
				Latency: []slipway.LatencyBucket{{Bucket: new(int32(slipway.LatencyBucketOf(latency))), Count: &n}}}})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) get(id string) *slipway.Release {
	w.t.Helper()
	return must[*slipway.GetReleaseOutput](w.t)(w.service.GetRelease(w.t.Context(),
		&slipway.GetReleaseInput{DeploymentId: &id})).Release
}

func TestGoodCanaryIsPromoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy(&slipway.ReleasePolicy{Steps: steps(10, 2, 50, 2, 100, 0),
		Thresholds: &slipway.ReleaseThresholds{MaxErrorPercent: new(1.0)},
		Comparison: &slipway.ReleaseComparison{MinimumRequests: new(int32(20))}})
	w.requests("baseline", 900, 0, 100*time.Millisecond)
	w.requests("canary", 100, 0, 100*time.Millisecond)
	w.begin("d-1", nil)
	if e := w.wait(); !e.Promoted {
		t.Fatalf("%+v", e)
	}
	if got := fmt.Sprint(w.router.history); got != "[10 50 100]" {
		t.Errorf("the router was told %s", got)
	}
	r := w.get("d-1")
	if r.Status != slipway.ReleaseStatusPromoted || *r.Percent != 100 || r.EndTime == nil || len(r.Steps) != 3 ||
		*r.Alarms[0].State != "OK" {
		t.Errorf("%+v", r)
	}
	for i, s := range r.Steps[:2] {
		if s.Verdict == nil || s.Verdict.Decision != slipway.ReleaseDecisionPromote || s.InEffectTime == nil ||
			s.EndTime == nil || len(s.Verdict.Evidence) != 3 {
			t.Errorf("step %d: %+v", i, s)
		}
	}
}

func TestBadCanaryIsRolledBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy(&slipway.ReleasePolicy{Steps: steps(10, 2, 100, 0), Comparison: &slipway.ReleaseComparison{}})
	w.requests("baseline", 900, 0, 100*time.Millisecond)
	w.requests("canary", 100, 30, 100*time.Millisecond)
	w.begin("d-1", nil)
	e := w.wait()
	if e.Promoted || e.ByHand ||
		!strings.HasPrefix(e.Reason, "The new version is worse: 30 % of requests failed, was 0 %") ||
		w.router.applied["canary"] != 0 {
		t.Fatalf("%+v", e)
	}
	if r := w.get("d-1"); r.Status != slipway.ReleaseStatusRolledBack ||
		!strings.Contains(*r.Message, "30 % of requests failed") ||
		r.Steps[0].Verdict.Decision != slipway.ReleaseDecisionRollBack {
		t.Errorf("%+v", r)
	}
}

func TestPersonIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy(&slipway.ReleasePolicy{Steps: steps(10, 1, 100, 0), Comparison: &slipway.ReleaseComparison{}})
	w.begin("d-1", nil)
	changed, stop := w.hints.Listen("release/d-1")
	defer stop()
	for w.get("d-1").Status != slipway.ReleaseStatusAsking {
		select {
		case <-changed:
		case <-time.After(patient):
			t.Fatalf("nobody was asked: %+v", w.get("d-1"))
		}
	}
	if m := *w.get("d-1").Message; !strings.HasPrefix(m,
		"Waiting for a decision at 10 %: Not certain: response times cannot be compared: 0 requests") {
		t.Error(m)
	}
	if _, err := w.service.PauseRelease(w.as(),
		&slipway.PauseReleaseInput{DeploymentId: new("d-1"), Reason: new("lunch")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.PauseRelease(w.as(),
		&slipway.PauseReleaseInput{DeploymentId: new("d-1")}); awsproto.Code(err) != "ReleaseStateException" {
		t.Errorf("%v", err)
	}
	if _, err := w.service.ResumeRelease(w.as(), &slipway.ResumeReleaseInput{DeploymentId: new("d-1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.PromoteRelease(w.as(), &slipway.PromoteReleaseInput{DeploymentId: new("d-1")}); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); !e.Promoted {
		t.Fatalf("%+v", e)
	}
	var notes []string
	for _, n := range w.get("d-1").Notes {
		notes = append(notes, *n.By+" "+*n.Text)
	}
	if got := strings.Join(notes, ", "); got != "ada paused: lunch, ada resumed, ada promoted to the next step" {
		t.Error(got)
	}
	if _, err := w.service.RollBackRelease(w.as(),
		&slipway.RollBackReleaseInput{DeploymentId: new("d-1")}); awsproto.Code(err) != "ReleaseStateException" {
		t.Errorf("%v", err)
	}
}

func TestRolledBackByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy(&slipway.ReleasePolicy{Steps: steps(10, 600, 100, 0)})
	w.begin("d-1", nil)
	w.told(10)
	if _, err := w.service.RollBackRelease(w.as(),
		&slipway.RollBackReleaseInput{DeploymentId: new("d-1"), Reason: new("users complain")}); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); e.Promoted || !e.ByHand || e.Reason != "Rolled back by ada: users complain" {
		t.Fatalf("%+v", e)
	}
}

func TestPromotedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.policy(&slipway.ReleasePolicy{Steps: steps(10, 600, 50, 600, 100, 600)})
	w.begin("d-1", nil)
	w.told(10)
	if _, err := w.service.PromoteRelease(w.as(),
		&slipway.PromoteReleaseInput{DeploymentId: new("d-1"), Full: new(true)}); err != nil {
		t.Fatal(err)
	}
	if e := w.wait(); !e.Promoted || fmt.Sprint(w.router.history) != "[10 100]" {
		t.Fatalf("%+v %v", e, w.router.history)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	of := &slipway.GetReleasePolicyInput{ApplicationName: new("shop"), DeploymentGroupName: new("prod")}
	if _, err := w.service.GetReleasePolicy(w.as(), of); awsproto.Code(err) != "ReleasePolicyNotFoundException" {
		t.Errorf("%v", err)
	}
	w.policy(&slipway.ReleasePolicy{Steps: steps(20, 60, 100, 0)})
	w.policy(&slipway.ReleasePolicy{Thresholds: &slipway.ReleaseThresholds{MaxP95Milliseconds: new(300.0)},
		OnUncertain: slipway.OnUncertainRollBack})
	out := must[*slipway.GetReleasePolicyOutput](t)(w.service.GetReleasePolicy(w.as(), of))
	if out.Policy.Steps != nil || *out.Policy.Thresholds.MaxP95Milliseconds != 300 || *out.UpdatedBy != "ada" {
		t.Errorf("%+v", out)
	}
	if _, err := w.service.DeleteReleasePolicy(w.as(),
		&slipway.DeleteReleasePolicyInput{ApplicationName: of.ApplicationName,
			DeploymentGroupName: of.DeploymentGroupName}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.service.GetReleasePolicy(w.as(), of); awsproto.Code(err) != "ReleasePolicyNotFoundException" {
		t.Errorf("%v", err)
	}
	for name, p := range map[string]*slipway.ReleasePolicy{
		"nothing":                  {},
		"no limit":                 {Thresholds: &slipway.ReleaseThresholds{}},
		"compares nothing":         {Comparison: &slipway.ReleaseComparison{Latency: new(false), Errors: new(false)}},
		"steps that stop short":    {Steps: steps(10, 60)},
		"steps that go back":       {Steps: steps(50, 60, 10, 60, 100, 0)},
		"a judged step of no time": {Steps: steps(50, 0, 100, 0), Comparison: &slipway.ReleaseComparison{}},
	} {
		_, err := w.service.PutReleasePolicy(w.as(),
			&slipway.PutReleasePolicyInput{ApplicationName: new("shop"), DeploymentGroupName: new("prod"), Policy: p})
		if awsproto.Code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.service.PutReleasePolicy(w.as(),
		&slipway.PutReleasePolicyInput{ApplicationName: new("shop"), DeploymentGroupName: new("none"),
			Policy: &slipway.ReleasePolicy{Steps: steps(100, 0)}})
	if awsproto.Code(err) != "DeploymentGroupNotFoundException" {
		t.Errorf("%v", err)
	}
}

func TestListAndTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.requests("baseline", 900, 9, 100*time.Millisecond)
	w.requests("canary", 100, 0, 50*time.Millisecond)
	for i := range 5 {
		w.begin(fmt.Sprintf("d-%d", i), nil)
		w.wait()
	}
	w.policy(&slipway.ReleasePolicy{Steps: steps(10, 600, 100, 0)})
	w.begin("d-5", nil)
	w.told(10)
	var ids []string
	in := &slipway.ListReleasesInput{ApplicationName: new("shop"), MaxResults: new(int32(2))}
	for {
		out := must[*slipway.ListReleasesOutput](t)(w.service.ListReleases(t.Context(), in))
		for _, r := range out.Releases {
			ids = append(ids, *r.DeploymentId)
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	if got := strings.Join(ids, " "); got != "d-5 d-4 d-3 d-2 d-1 d-0" {
		t.Error(got)
	}
	live := must[*slipway.ListReleasesOutput](t)(w.service.ListReleases(t.Context(),
		&slipway.ListReleasesInput{Live: new(true)}))
	if len(live.Releases) != 1 || *live.Releases[0].DeploymentId != "d-5" || *live.Releases[0].WantedPercent != 10 {
		t.Errorf("%+v", live.Releases)
	}
	if _, err := w.service.ListReleases(t.Context(),
		&slipway.ListReleasesInput{NextToken: in.NextToken}); awsproto.Code(err) != "InvalidNextTokenException" {
		t.Errorf("%v", err)
	}
	out := must[*slipway.GetReleaseTrafficOutput](t)(w.service.GetReleaseTraffic(t.Context(),
		&slipway.GetReleaseTrafficInput{DeploymentId: new("d-0"), Points: new(int32(40))}))
	var requests, errors int64
	for _, p := range out.Points {
		requests, errors = requests+*p.Baseline.Requests, errors+*p.Baseline.Errors
	}
	if len(out.Points) == 0 || len(out.Points) > 40 || requests == 0 || errors*100 != requests {
		t.Fatalf("%d points, %d requests, %d errors", len(out.Points), requests, errors)
	}
	if p := out.Points[0]; *p.Canary.P95Milliseconds < 48 || *p.Canary.P95Milliseconds > 52 ||
		*p.Baseline.Percent+*p.Canary.Percent != 100 {
		t.Errorf("%+v %+v", *p.Canary, *p.Baseline)
	}
}

// TestThePolicyGoesWithItsGroup: a group that is renamed keeps its policy, and one that is deleted leaves none for its
// successor.
func TestThePolicyGoesWithItsGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	policy := &slipway.ReleasePolicy{Thresholds: &slipway.ReleaseThresholds{MaxErrorPercent: new(1.0)}}
	w.policy(policy)
	move := func(f func(context.Context, store.Tx) error) {
		t.Helper()
		if err := w.db.Write(t.Context(), func(tx store.Tx) error { return f(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	has := func(app, group string) bool {
		_, err := w.service.GetReleasePolicy(t.Context(),
			&slipway.GetReleasePolicyInput{ApplicationName: &app, DeploymentGroupName: &group})
		return err == nil
	}
	move(func(ctx context.Context, tx store.Tx) error {
		return w.service.GroupRenamed(ctx, tx, "shop", "prod", "store", "live")
	})
	if has("shop", "prod") || !has("store", "live") {
		t.Error("the policy did not move with its group")
	}
	move(func(ctx context.Context, tx store.Tx) error { return w.service.GroupDeleted(ctx, tx, "store", "live") })
	if has("store", "live") {
		t.Error("the policy outlives its group")
	}
}
