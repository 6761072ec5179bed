package rollout

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// world is a deployment with its hosts, driven as the service drives it.
type world struct {
	now     time.Time
	state   State
	targets []*Unit
	ends    []End
	runs    map[string]int // deployment event -> how often some host was told to run it
}

func (w *world) react() {
	for {
		n := w.state.Next()
		if reflect.DeepEqual(n, Next{}) {
			return
		}
		for _, t := range w.targets {
			if n.Begin > 0 && t.Status == cd.TargetStatusPending {
				t.Begin(w.now)
				n.Begin--
			}
			if n.Skip && t.Status == cd.TargetStatusPending {
				t.Skip(w.now)
			}
			if n.Halt && t.Status == cd.TargetStatusInProgress {
				w.change(t, func() { t.Halt(w.now) })
			}
		}
		if n.End != nil {
			w.ends = append(w.ends, *n.End)
		}
	}
}

func (w *world) change(t *Unit, f func()) {
	before := t.Ended()
	f()
	if !before && t.Ended() {
		w.state.UnitEnded(t.Status)
	}
}

// restart forgets everything that is not written down.
func (w *world) restart() error {
	text, err := json.Marshal(w.state)
	if err != nil {
		return err
	}
	w.state = State{}
	if err := json.Unmarshal(text, &w.state); err != nil {
		return err
	}
	for i := range w.targets {
		text, err := json.Marshal(w.targets[i])
		if err != nil {
			return err
		}
		w.targets[i] = new(Unit)
		if err := json.Unmarshal(text, w.targets[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) check(t *rapid.T) {
	var f Fleet
	for _, x := range w.targets {
		switch x.Status {
		case cd.TargetStatusPending:
			f.Pending++
		case cd.TargetStatusInProgress:
			f.InProgress++
			if _, deliverable := x.Deliverable(); !deliverable && x.Phase != Running {
				t.Fatalf("wedged: in progress with nothing to do: %+v", x)
			}
			if x.Due().IsZero() {
				t.Fatalf("wedged: no deadline: %+v", x)
			}
		case cd.TargetStatusSucceeded:
			f.Succeeded++
		case cd.TargetStatusFailed:
			f.Failed++
		case cd.TargetStatusSkipped:
			f.Skipped++
		}
	}
	if f != w.state.Fleet {
		t.Fatalf("counted %+v, are %+v", w.state.Fleet, f)
	}
	if f.InProgress > w.state.Concurrency ||
		w.state.Stop == nil && f.InProgress+f.Failed > w.state.Budget() && f.InProgress > 0 {
		t.Fatalf("budget %d exceeded: %+v", w.state.Budget(), f)
	}
	if len(w.ends) > 1 || w.state.Ended != (len(w.ends) == 1) {
		t.Fatalf("ended %d times", len(w.ends))
	}
	if w.state.Ended && f.Pending+f.InProgress > 0 {
		t.Fatalf("ended with hosts left: %+v", f)
	}
	if !w.state.Ended && f.Pending+f.InProgress == 0 {
		t.Fatalf("wedged: nothing left and not ended: %+v", w.state)
	}
	for key, n := range w.runs {
		if n > 1 {
			t.Fatalf("%s was run %d times", key, n)
		}
	}
	if len(w.ends) == 1 && w.ends[0].Status == cd.DeploymentStatusSucceeded && f.Succeeded < max(1, w.state.Minimum) {
		t.Fatalf("succeeded with %+v of %+v", f, w.state.Plan)
	}
}

// delivery is a command in the hands of a host.
type delivery struct {
	host, at, attempt int
	acknowledged      bool
}

func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(0, 8).Draw(t, "hosts")
		minimum := rapid.SampledFrom([]*cd.MinimumHealthyHosts{hosts(0), hosts(1), hosts(3), percent(50), percent(75),
			percent(100), concurrency(1)}).Draw(t, "minimum")
		w := &world{now: start, state: New(NewPlan(total, minimum)), runs: map[string]int{}}
		for i := range total {
			w.targets = append(w.targets, NewUnit("d-1", fmt.Sprint(i), "arn", InPlace(onHosts, false), start))
		}
		w.react()
		w.check(t)
		var inHand []delivery
		pick := func(t *rapid.T) (*Unit, int) {
			i := rapid.IntRange(0, total-1).Draw(t, "host")
			return w.targets[i], i
		}
		actions := map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				w.react() // once more changes nothing
				w.check(t)
			},
			"time": func(
				t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 4000).Draw(t, "s")) * time.Second)
			},
			"restart": func(t *rapid.T) {
				if err := w.restart(); err != nil {
					t.Fatal(err)
				}
			},
			"stop": func(t *rapid.T) {
				if rapid.IntRange(0, 5).Draw(t, "seldom") == 0 {
					w.state.Ask(Stop{Status: cd.DeploymentStatusStopped, Code: cd.ErrorCodeManualStop, Halt: true})
					w.react()
				}
			},
		}
		if total > 0 {
			actions["poll"] = func(t *rapid.T) {
				x, i := pick(t)
				if from, ok := x.Deliverable(); ok && !w.now.Before(from) {
					x.Deliver(w.now)
					inHand = append(inHand, delivery{i, x.At, x.Attempt, false})
				}
			}
			actions["expire"] = func(t *rapid.T) {
				x, _ := pick(t)
				w.change(x, func() { x.Expire("late", w.now) })
				w.react()
			}
			hand := func(t *rapid.T) *delivery {
				if len(inHand) == 0 {
					t.Skip("nothing in hand")
				}
				return &inHand[rapid.IntRange(0, len(inHand)-1).Draw(t, "delivery")]
			}
			actions["acknowledge"] = func(t *rapid.T) {
				d := hand(t)
				x := w.targets[d.host]
				status, _ := x.Acknowledge(d.at, d.attempt, w.now)
				if status != cd.LifecycleEventStatusSucceeded && status != cd.LifecycleEventStatusFailed &&
					!d.acknowledged {
					d.acknowledged = true
					w.runs[fmt.Sprint(d.host, "/", d.at)]++
				}
			}
			actions["complete"] = func(t *rapid.T) {
				d := hand(t)
				x := w.targets[d.host]
				w.change(x, func() {
					x.Complete(d.at, d.attempt, rapid.IntRange(0, 6).Draw(t, "fails") != 0, nil, false, w.now)
				})
				w.react()
			}
		}
		t.Repeat(actions)
		// Left alone, it ends: each command runs out of its time.
		for i := 0; !w.state.Ended; i++ {
			if i > 1000 {
				t.Fatalf("wedged: %+v", w.state)
			}
			w.now = w.now.Add(FinishWithin)
			for _, x := range w.targets {
				w.change(x, func() { x.Expire("late", w.now) })
				w.react()
			}
		}
		w.check(t)
	})
}
