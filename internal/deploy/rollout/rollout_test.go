package rollout

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	cd "slipway/api/codedeploy"
)

func hosts(n int32) *cd.MinimumHealthyHosts {
	return &cd.MinimumHealthyHosts{Type: cd.MinimumHealthyHostsTypeHostCount, Value: &n}
}
func percent(n int32) *cd.MinimumHealthyHosts {
	return &cd.MinimumHealthyHosts{Type: cd.MinimumHealthyHostsTypeFleetPercent, Value: &n}
}
func concurrency(n int32) *cd.MinimumHealthyHosts {
	return &cd.MinimumHealthyHosts{Type: MostConcurrency, Value: &n}
}

// onHosts are the events that install on a host.
var onHosts = []string{ApplicationStop, "DownloadBundle", "BeforeInstall", Install, "AfterInstall", "ApplicationStart",
	"ValidateService"}

// play runs a deployment in which host i fails if fails[i]. Hosts end in the order in which they began.
func play(p Plan, fails ...int) (s State, most int) {
	s = New(p)
	begun, running := 0, []int{}
	for {
		n := s.Next()
		for range n.Begin {
			running = append(running, begun)
			begun++
		}
		most = max(most, len(running))
		if n.End != nil {
			return s, most
		}
		host := running[0]
		running = running[1:]
		if slices.Contains(fails, host) {
			s.UnitEnded(cd.TargetStatusFailed)
		} else {
			s.UnitEnded(cd.TargetStatusSucceeded)
		}
	}
}

// TestWorkedExamples are those of instances-health.md and API_MinimumHealthyHosts.
func TestWorkedExamples(t *testing.T) {
	for name, c := range map[string]struct {
		total   int
		minimum *cd.MinimumHealthyHosts
		fails   []int
		most    int
		status  cd.DeploymentStatus
		code    cd.ErrorCode
		touched int
	}{
		"95 % of 10 fails at once":            {10, percent(95), nil, 0, "Failed", "HEALTH_CONSTRAINTS_INVALID", 0},
		"9 of 10: one at a time":              {10, hosts(9), nil, 1, "Succeeded", "", 10},
		"9 of 10: the first failure ends it":  {10, hosts(9), []int{3}, 1, "Failed", "HEALTH_CONSTRAINTS", 4},
		"9 of 10: the last may fail":          {10, hosts(9), []int{9}, 1, "Succeeded", "", 10},
		"8 of 10: two at a time":              {10, hosts(8), nil, 2, "Succeeded", "", 10},
		"8 of 10: one may fail":               {10, hosts(8), []int{0}, 2, "Succeeded", "", 10},
		"8 of 10: the second failure ends it": {10, hosts(8), []int{1, 4}, 2, "Failed", "HEALTH_CONSTRAINTS", 5},
		"8 of 10: the last may be the second": {10, hosts(8), []int{1, 9}, 2, "Succeeded", "", 10},
		"0 of 10: all at once":                {10, hosts(0), nil, 10, "Succeeded", "", 10},
		"0 of 10: one success is enough": {10, hosts(0), []int{0, 1, 2, 3, 4, 5, 6, 7, 8}, 10, "Succeeded", "",
			10},
		"0 of 10: without any it fails": {10, hosts(0), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 10, "Failed",
			"HEALTH_CONSTRAINTS", 10},
		"85 % of 10: one failure ends it":       {10, percent(85), []int{0}, 1, "Failed", "HEALTH_CONSTRAINTS", 1},
		"6 of 9: three at a time":               {9, hosts(6), nil, 3, "Succeeded", "", 9},
		"6 of 9: six are enough":                {9, hosts(6), []int{2, 5, 8}, 3, "Succeeded", "", 9},
		"6 of 9: five are not":                  {9, hosts(6), []int{2, 5, 6}, 3, "Failed", "HEALTH_CONSTRAINTS", 7},
		"40 % of 9: five at a time":             {9, percent(40), nil, 5, "Succeeded", "", 9},
		"40 % of 9: four are enough":            {9, percent(40), []int{0, 2, 4, 6, 8}, 5, "Succeeded", "", 9},
		"OneAtATime":                            {10, concurrency(1), nil, 1, "Succeeded", "", 10},
		"OneAtATime: a failure ends it":         {10, concurrency(1), []int{0}, 1, "Failed", "HEALTH_CONSTRAINTS", 1},
		"OneAtATime: the last may fail":         {10, concurrency(1), []int{9}, 1, "Succeeded", "", 10},
		"OneAtATime with one host":              {1, concurrency(1), nil, 1, "Succeeded", "", 1},
		"OneAtATime with one host that fails":   {1, concurrency(1), []int{0}, 1, "Failed", "HEALTH_CONSTRAINTS", 1},
		"HalfAtATime":                           {9, percent(50), nil, 4, "Succeeded", "", 9},
		"HalfAtATime with one host":             {1, percent(50), nil, 0, "Failed", "HEALTH_CONSTRAINTS_INVALID", 0},
		"no hosts":                              {0, hosts(0), nil, 0, "Failed", "NO_INSTANCES", 0},
		"as many as there are":                  {3, hosts(3), nil, 0, "Failed", "HEALTH_CONSTRAINTS_INVALID", 0},
		"AllAtOnce of one host that fails ends": {1, hosts(0), []int{0}, 1, "Failed", "HEALTH_CONSTRAINTS", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, most := play(NewPlan(c.total, c.minimum), c.fails...)
			end := s.Outcome()
			var code cd.ErrorCode
			if end.Error != nil {
				code = end.Error.Code
			}
			if touched := s.Succeeded + s.Failed; end.Status != c.status || code != c.code || most != c.most ||
				touched != c.touched {
				t.Errorf("%s %s, %d at once, %d touched; want %s %s, %d, %d", end.Status, code, most, touched, c.status,
					c.code, c.most, c.touched)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	ranks := []int{Health{}.Rank("b"), Health{Healthy: true}.Rank("b"), Health{true, "a"}.Rank("b"),
		Health{true, "b"}.Rank("b")}
	if !slices.Equal(ranks, []int{0, 1, 2, 3}) {
		t.Fatal(ranks)
	}
	if h := (Health{true, "b"}).After(false, "c", "b"); h != (Health{}) {
		t.Errorf("a current host that failed: %v", h)
	}
	if h := (Health{true, "a"}).After(false, "c", "b"); h != (Health{false, "a"}) {
		t.Errorf("an old host that failed: %v", h)
	}
	if h := (Health{}).After(true, "c", "b"); h != (Health{true, "c"}) {
		t.Errorf("a new host that succeeded: %v", h)
	}
}

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestFirstCompletionWins(t *testing.T) {
	x := NewUnit("d-1", "web1", "arn", InPlace(onHosts, false), start)
	x.Begin(start)
	x.Deliver(start)
	if s, _ := x.Acknowledge(0, 1, start); s != cd.LifecycleEventStatusInProgress {
		t.Fatal(s)
	}
	if !x.Complete(0, 1, false, &cd.Diagnostics{ErrorCode: cd.LifecycleErrorCodeScriptFailed}, false, start) {
		t.Fatal("the first was not taken")
	}
	if x.Complete(0, 1, false, &cd.Diagnostics{ErrorCode: cd.LifecycleErrorCodeUnknownError}, false, start) {
		t.Fatal("the second was taken")
	}
	if x.Events[0].Diagnostics.ErrorCode != cd.LifecycleErrorCodeScriptFailed ||
		x.Status != cd.TargetStatusFailed || x.Events[6].Status != cd.LifecycleEventStatusSkipped {
		t.Fatalf("%+v", x)
	}
}

func TestCompleteWithoutAcknowledgement(t *testing.T) {
	x := NewUnit("d-1", "web1", "arn", InPlace(onHosts, false), start)
	x.Begin(start)
	x.Deliver(start)
	if !x.Complete(0, 1, false, &cd.Diagnostics{}, false, start) || x.Status != cd.TargetStatusFailed {
		t.Fatalf("%+v", x)
	}
}

func TestACommandRunsOnce(t *testing.T) {
	x := NewUnit("d-1", "web1", "arn", InPlace(onHosts, false), start)
	x.Begin(start)
	x.Deliver(start) // its answer is lost, or slow
	later := start.Add(Redeliver)
	if at, ok := x.Deliverable(); !ok || at != later {
		t.Fatal(at, ok)
	}
	x.Deliver(later)
	if s, changed := x.Acknowledge(0, 1, later); s != cd.LifecycleEventStatusSucceeded || changed {
		t.Fatal("the first attempt may run too", s)
	}
	for range 2 { // the answer may be lost: asking again is no harm
		if s, _ := x.Acknowledge(0, 2, later); s != cd.LifecycleEventStatusInProgress {
			t.Fatal(s)
		}
	}
	if x.Complete(0, 1, false, nil, false, later) {
		t.Fatal("who doesn't run it ended it")
	}
	if !x.Complete(0, 2, true, nil, false, later) || x.At != 1 || x.Phase != Queued {
		t.Fatalf("%+v", x)
	}
	if s, _ := x.Acknowledge(0, 2, later); s != cd.LifecycleEventStatusSucceeded {
		t.Fatal("a command that ended may run again", s)
	}
}

func TestIgnoredStopFailure(t *testing.T) {
	x := NewUnit("d-1", "web1", "arn", InPlace(onHosts, false), start)
	x.Begin(start)
	x.Deliver(start)
	x.Acknowledge(0, 1, start)
	x.Complete(0, 1, false, nil, true, start)
	if x.At != 1 || x.Ended() {
		t.Fatalf("%+v", x)
	}
	x.Deliver(start)
	x.Acknowledge(1, 1, start)
	x.Complete(1, 1, false, nil, true, start)
	if x.Status != cd.TargetStatusFailed {
		t.Fatal("a failed DownloadBundle was ignored")
	}
}

func TestExpire(t *testing.T) {
	x := NewUnit("d-1", "web1", "arn", InPlace(onHosts, false), start)
	x.Begin(start)
	if x.Expire("late", start.Add(StartWithin-1)) {
		t.Fatal("too early")
	}
	if !x.Expire("late", start.Add(StartWithin)) {
		t.Fatal("not expired")
	}
	if got := *x.Events[0].Diagnostics.Message; got != "late" || x.Status != cd.TargetStatusFailed {
		t.Fatal(got, x.Status)
	}
}

// TestDriven: the platform carries out each event; a stop lets the one in progress end.
func TestDriven(t *testing.T) {
	x := NewUnit("d-1", "web", "arn", []string{"Install", "Validate"}, start)
	x.Driven = true
	x.Begin(start)
	if _, queued := x.Deliverable(); queued || x.Phase != Acting || x.Limit() != FinishWithin {
		t.Fatalf("%+v", x)
	}
	x.Halt(start)
	if x.Ended() {
		t.Fatal("a stop interrupts an event")
	}
	x.Acted(start)
	if x.Status != cd.TargetStatusFailed || x.Events[0].Status != cd.LifecycleEventStatusSucceeded {
		t.Fatalf("%+v", x)
	}
	y := NewUnit("d-1", "web", "arn", []string{ApplicationStop, "Install"}, start)
	y.Driven = true
	y.Begin(start)
	y.Stuck("it does not stop", true, start)
	if y.At != 1 || y.Ended() {
		t.Fatalf("a failure that is to be ignored ends the unit: %+v", y)
	}
	y.Stuck("no room", true, start)
	if y.Status != cd.TargetStatusFailed || *y.Events[1].Diagnostics.Message != "no room" {
		t.Fatalf("%+v", y)
	}
}

// TestUnitAsStored reads a unit that an earlier version has stored.
func TestUnitAsStored(t *testing.T) {
	const stored = `{"deploymentId":"d-1","targetId":"web1","targetArn":"arn:x","status":"InProgress",
		"lastUpdatedAt":1795000000,"lifecycleEvents":[{"lifecycleEventName":"BlockTraffic","status":"InProgress",
		"startTime":1795000000}],"instanceLabel":"Blue","At":0,"Phase":"moving","Since":"2026-11-25T12:00:00Z",
		"Hold":"ApplicationStop"}`
	var u Unit
	if err := json.Unmarshal([]byte(stored), &u); err != nil {
		t.Fatal(err)
	}
	if u.Deployment != "d-1" || u.Name != "web1" || u.ARN != "arn:x" || u.Status != cd.TargetStatusInProgress ||
		u.Changed == nil || !u.Left() || u.Phase != Acting || u.Due() != start.Add(LeaveWithin) {
		t.Fatalf("%+v", u)
	}
}

// TestAbortBeforeItBegins: a unit that is gone before its turn is counted as failed, and no longer as pending.
func TestAbortBeforeItBegins(t *testing.T) {
	s := New(NewPlan(2, concurrency(1)))
	if n := s.Next(); n.Begin != 1 {
		t.Fatalf("%+v", n)
	}
	x := NewUnit("d-1", "web2", "arn", InPlace(onHosts, false), start)
	x.Abort("it is gone", start)
	s.Count(x, Idle)
	if want := (Fleet{InProgress: 1, Failed: 1}); s.Fleet != want {
		t.Fatalf("counted %+v, want %+v", s.Fleet, want)
	}
}
