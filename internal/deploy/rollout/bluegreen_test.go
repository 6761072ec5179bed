package rollout

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	cd "slipway/api/codedeploy"
)

// rehearsal drives a blue/green deployment the way the service does.
type rehearsal struct {
	s                       State
	replacements, originals []*Unit
	shifting, shifted       bool // the traffic: the shift began; it ended
	undoing, stopped        bool // the way back began; some original's application was stopped
	steps                   []Step
	end                     *End
	now                     time.Time
}

func newRehearsal(replacements, originals int, m *cd.MinimumHealthyHosts, b BlueGreen, terminate bool) *rehearsal {
	w := &rehearsal{s: NewBlueGreen(NewPlan(replacements, m), originals, b), now: start}
	events := Replacement(onHosts)
	if b.Mirror {
		events = Mirrored()
	}
	for i := range replacements {
		t := NewUnit("d-1", fmt.Sprint("green", i), "arn", events, start)
		t.Label, t.Gather = cd.TargetLabelGreen, true
		if !b.Mirror {
			t.Hold = BeforeAllowTraffic
		}
		w.replacements = append(w.replacements, t)
	}
	for i := range originals {
		t := NewUnit("d-1", fmt.Sprint("blue", i), "arn", Originals(terminate), start)
		t.Label = cd.TargetLabelBlue
		if terminate {
			t.Hold = ApplicationStop
		}
		w.originals = append(w.originals, t)
	}
	return w
}

// change lets f change a target and counts what became of it.
func (w *rehearsal) change(t *Unit, f func(*Unit)) {
	if t.Ended() {
		return
	}
	before := t.Phase
	f(t)
	w.s.Count(t, before)
}

func (w *rehearsal) each(all []*Unit, f func(*Unit)) {
	for _, t := range all {
		w.change(t, f)
	}
}

func (w *rehearsal) settle(t *rapid.T) {
	for {
		n := w.s.Next()
		if n == (Next{}) {
			return
		}
		begun := 0
		for _, x := range w.replacements {
			if begun < n.Begin && x.Status == cd.TargetStatusPending {
				begun++
				w.change(x, func(x *Unit) { x.Begin(w.now) })
			}
		}
		if n.Skip {
			for _, x := range append(w.replacements, w.originals...) {
				if x.Status == cd.TargetStatusPending {
					x.Skip(w.now)
				}
			}
		}
		if n.Halt {
			for _, x := range append(w.replacements, w.originals...) {
				if x.Status == cd.TargetStatusInProgress {
					w.change(x, func(x *Unit) { x.Halt(w.now) })
				}
			}
		}
		if n.Step != "" {
			w.steps = append(w.steps, n.Step)
		}
		switch n.Step {
		case Open:
			w.each(w.replacements, func(x *Unit) { x.Go(w.now) })
		case Weigh:
			w.shifting = true
		case Settle:
			w.each(w.replacements, func(x *Unit) { x.Shifted(w.now) })
		case Close:
			if !w.shifted {
				t.Fatal("the originals are blocked before the traffic was shifted")
			}
			for _, x := range w.originals {
				w.change(x, func(x *Unit) { x.Begin(w.now) })
			}
		case Finish:
			if !w.shifted || w.undoing {
				t.Fatal("an original is stopped that carries traffic")
			}
			w.stopped = true
			w.each(w.originals, func(x *Unit) { x.Go(w.now) })
		case Undo:
			if w.stopped {
				t.Fatal("traffic goes back to applications that were stopped")
			}
			w.undoing = true
		}
		if n.End != nil {
			if w.end != nil {
				t.Fatal("it ended twice")
			}
			w.end = n.End
		}
	}
}

// runnable are the targets that something can happen to.
func (w *rehearsal) runnable() (all []*Unit) {
	for _, x := range append(append([]*Unit{}, w.replacements...), w.originals...) {
		if x.commanded() || x.Phase == Acting {
			all = append(all, x)
		}
	}
	return all
}

func (w *rehearsal) advance(x *Unit, fails bool) {
	w.change(x, func(x *Unit) {
		if x.Phase == Acting {
			if fails {
				x.Stuck("unhealthy", false, w.now)
			} else {
				x.Acted(w.now)
			}
			return
		}
		x.Deliver(w.now)
		x.Acknowledge(x.At, x.Attempt, w.now)
		x.Complete(x.At, x.Attempt, !fails, nil, false, w.now)
	})
}

func TestBlueGreenSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pick := func(what string, of ...int) int { return rapid.SampledFrom(of).Draw(t, what) }
		often := func(what string, one, of int) bool { // what stands first is favoured
			all := make([]bool, of)
			for i := range one {
				all[of-1-i] = true
			}
			return rapid.SampledFrom(all).Draw(t, what)
		}
		replacements, originals := pick("replacements", 1, 2, 3, 4, 0), pick("originals", 3, 2, 1, 0)
		terminate := rapid.Bool().Draw(t, "terminate")
		b := BlueGreen{ReadyWait: rapid.Bool().Draw(t, "ready wait"), Linger: rapid.Bool().Draw(t, "linger"),
			Mirror: often("mirror", 1, 5)}
		w := newRehearsal(replacements, originals, hosts(int32(pick("minimum", 0, 0, 0, 1, 2))), b, terminate)
		failing := pick("failing", 0, 0, 1, 10)
		w.settle(t)
		for range 400 {
			if w.end != nil {
				break
			}
			all := w.runnable()
			switch {
			case often("stop", 1, 60):
				w.s.Ask(Stop{Status: cd.DeploymentStatusStopped, Code: cd.ErrorCodeManualStop, Halt: true})
			case w.undoing && (len(all) == 0 || often("restored", 1, 3)):
				w.s.Restored()
			case len(all) > 0:
				x := rapid.SampledFrom(all).Draw(t, "host")
				w.advance(x, often("fails", failing, 30))
			case w.shifting && !w.shifted && often("rolled back", 1, 10): // by the judgement of the release
				w.s.Ask(Stop{Status: cd.DeploymentStatusFailed, Code: cd.ErrorCodeHealthConstraints, Halt: true})
			case w.shifting && !w.shifted:
				w.s.Shifted()
				w.shifted = w.s.BlueGreen.Stage == After
			case !w.s.Continue():
				t.Fatalf("nothing can happen in %s: %+v %+v, steps %v", w.s.BlueGreen.Stage, w.s, w.s.BlueGreen,
					w.steps)
			}
			w.settle(t)
		}
		if w.end == nil {
			t.Fatalf("it is stuck in %s: %+v %+v, steps %v", w.s.BlueGreen.Stage, w.s, w.s.BlueGreen, w.steps)
		}
		for _, x := range append(w.replacements, w.originals...) {
			if !x.Ended() {
				t.Fatalf("%s is left %s in %s", x.Name, x.Status, x.Phase)
			}
		}
		if w.end.Status == cd.DeploymentStatusSucceeded && (!w.shifted || w.undoing) {
			t.Fatalf("a success without the traffic: %v", w.steps)
		}
		if w.end.Status != cd.DeploymentStatusSucceeded && w.shifting && !w.undoing && !b.Mirror {
			t.Fatalf("an abort left traffic on the replacement: %v", w.steps)
		}
		if n := w.s.Next(); n != (Next{}) {
			t.Fatalf("it goes on after its end: %+v", n)
		}
		if f := w.s.Fleet; f.Pending+f.InProgress != 0 || f.Succeeded+f.Failed+f.Skipped != replacements {
			t.Fatalf("%+v of %d", f, replacements)
		}
		if f := w.s.BlueGreen.Originals; f.Pending+f.InProgress != 0 || f.Succeeded+f.Failed+f.Skipped != originals {
			t.Fatalf("originals: %+v of %d", f, originals)
		}
	})
}
