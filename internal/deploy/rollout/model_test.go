package rollout

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	cd "slipway/api/codedeploy"
)

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
		actions := w.always()
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
		w.expire(t)
		w.check(t)
	})
}

// expire leaves a deployment alone until it has ended: each command runs out of its time.
func (w *world) expire(t *rapid.T) {
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
}

// always are the actions that need no host.
func (w *world) always() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			w.react() // once more changes nothing
			w.check(t)
		},
		"time": func(t *rapid.T) {
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
}
