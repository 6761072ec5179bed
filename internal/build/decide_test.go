package build

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"slipway/api/codebuild"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	queued, assigned, running := State{Stage: Queued}, State{Stage: Assigned, Runner: "r"}, State{Stage: Running,
		Runner: "r"}
	stopping := State{Stage: Running, Runner: "r", Stop: true}
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		state  State
		event  Event
		stage  Stage
		status codebuild.StatusType // of an end
		check  func(Decision) bool
	}{
		"assigned": {queued, Assign{Runner: "r"}, Assigned, "",
			func(d Decision) bool { return d.Offer && d.State.Runner == "r" }},
		"assigned twice": {assigned, Assign{Runner: "q"}, Assigned, "",
			func(d Decision) bool { return !d.Offer && d.State.Runner == "r" }},
		"acknowledged": {assigned, Acknowledge{"r"}, Running, "", func(d Decision) bool { return d.Run }},
		"acknowledged by another": {assigned, Acknowledge{"q"}, Assigned, "",
			func(d Decision) bool { return !d.Run }},
		"acknowledged twice":        {running, Acknowledge{"r"}, Running, "", func(d Decision) bool { return !d.Run }},
		"acknowledged in the queue": {queued, Acknowledge{"r"}, Queued, "", func(d Decision) bool { return !d.Run }},
		"stopped in the queue":      {queued, Stop{}, Ended, codebuild.StatusTypeStopped, nil},
		"stopped before it ran":     {assigned, Stop{}, Ended, codebuild.StatusTypeStopped, nil},
		"stopped while it runs": {running, Stop{}, Running, "",
			func(d Decision) bool { return d.Tell && d.State.Stop }},
		"stopped twice": {stopping, Stop{}, Running, "",
			func(d Decision) bool { return d.Tell && d.State.Stop }},
		"assigned outside of its fleet": {queued, Assign{"r", true}, Assigned, "",
			func(d Decision) bool { return d.State.Overflow }},
		"its fleet is deleted":               {queued, FleetGone{"gpu"}, Ended, codebuild.StatusTypeFailed, nil},
		"its fleet is deleted while it runs": {running, FleetGone{"gpu"}, Running, "", nil},
		"too long in the queue":              {queued, QueueTimeout{5}, Ended, codebuild.StatusTypeTimedOut, nil},
		"too long, but assigned":             {assigned, QueueTimeout{5}, Assigned, "", nil},
		"offer lost": {assigned, Missing{"r", false}, Assigned, "",
			func(d Decision) bool { return d.Offer }},
		"lost":               {running, Missing{"r", false}, Ended, codebuild.StatusTypeFault, nil},
		"perhaps lost":       {running, Missing{"r", true}, Running, "", nil},
		"missing at another": {running, Missing{"q", false}, Running, "", nil},
		"silent": {running, Silent{"r", since}, Ended, codebuild.StatusTypeFault, func(d Decision) bool {
			return d.End.Message[:51] == "The runner r has been silent since 2026-01-02T03:04"
		}},
		"silent before it acknowledged": {assigned, Silent{"r", since}, Queued, "",
			func(d Decision) bool { return d.Requeue && d.State.Runner == "" }},
		"another is silent": {running, Silent{"q", since}, Running, "", nil},
		"done": {running, Done{"r", codebuild.StatusTypeFailed}, Ended,
			codebuild.StatusTypeFailed, func(d Decision) bool { return d.End.Result }},
		"done without acknowledgement": {assigned, Done{"r", codebuild.StatusTypeFault}, Ended,
			codebuild.StatusTypeFault, nil},
		"done at another":   {running, Done{"q", codebuild.StatusTypeSucceeded}, Running, "", nil},
		"done in the queue": {queued, Done{"r", codebuild.StatusTypeSucceeded}, Queued, "", nil},
		"done twice": {State{Stage: Ended, Runner: "r"}, Done{"r", codebuild.StatusTypeSucceeded},
			Ended, "", nil},
		"stopped after the end": {State{Stage: Ended}, Stop{}, Ended, "", nil},
		"acknowledged after it was over": {State{Stage: Ended, Runner: "r"}, Acknowledge{"r"}, Ended, "",
			func(d Decision) bool { return !d.Run }},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(c.state, c.event)
			if d.State.Stage != c.stage {
				t.Errorf("stage %s, want %s", d.State.Stage, c.stage)
			}
			if (d.End != nil) != (c.status != "") || d.End != nil && d.End.Status != c.status {
				t.Errorf("end %+v, want %q", d.End, c.status)
			}
			if c.check != nil && !c.check(d) {
				t.Errorf("decision %+v", d)
			}
		})
	}
}

// TestLives holds, over random lives of a build, what must be true whatever comes late, twice or not at all.
func TestLives(t *testing.T) {
	t.Parallel()
	runner := rapid.SampledFrom([]string{"a", "b"})
	events := rapid.OneOf(
		rapid.Map(runner, func(r string) Event { return Assign{Runner: r} }),
		rapid.Map(runner, func(r string) Event { return Assign{Runner: r, Overflow: true} }),
		rapid.Just[Event](FleetGone{"gpu"}),
		rapid.Map(runner, func(r string) Event { return Acknowledge{r} }),
		rapid.Just[Event](Stop{}),
		rapid.Just[Event](QueueTimeout{5}),
		rapid.Custom(func(t *rapid.T) Event {
			return Missing{runner.Draw(t, "runner"),
				rapid.Bool().Draw(t, "fresh")}
		}),
		rapid.Map(runner, func(r string) Event { return Silent{r, time.Unix(0, 0)} }),
		rapid.Map(runner, func(r string) Event { return Done{r, codebuild.StatusTypeSucceeded} }),
	)
	rapid.Check(t, func(t *rapid.T) {
		s, runs, ends := State{Stage: Queued, Sandbox: rapid.Bool().Draw(t, "sandbox")}, 0, 0
		for _, e := range rapid.SliceOfN(events, 1, 40).Draw(t, "events") {
			d := Decide(s, e)
			if d.Run {
				runs++
			}
			if d.End != nil {
				ends++
			}
			switch {
			case runs > 1:
				t.Fatalf("run twice, at %T", e)
			case ends > 1:
				t.Fatalf("ended twice, at %T", e)
			case (ends == 1) != (d.State.Stage == Ended):
				t.Fatalf("stage %s with %d ends", d.State.Stage, ends)
			case runs == 1 && d.State.Stage != Running && d.State.Stage != Ended:
				t.Fatalf("back to %s after it ran", d.State.Stage)
			case d.State.Stage == Queued && d.State.Runner != "" ||
				(d.State.Stage == Assigned || d.State.Stage == Running) && d.State.Runner == "":
				t.Fatalf("%s with the runner %q", d.State.Stage, d.State.Runner)
			case s.Stage == Running && d.State.Runner != s.Runner:
				t.Fatalf("moved from %s to %s while it ran", s.Runner, d.State.Runner)
			case d.State.Stage == Queued && d.State.Overflow:
				t.Fatal("it waits for its fleet again and is marked as outside of it")
			case d.State.Sandbox != s.Sandbox:
				t.Fatal("a build became a sandbox, or the other way round")
			case s.Stage == Ended && d.State != s:
				t.Fatal("changed after its end")
			case (d.Offer || d.Tell) && d.State.Runner == "":
				t.Fatal("nobody to tell")
			}
			// The same message again changes nothing more.
			if again := Decide(d.State, e); again.End != nil || again.Run || again.State != d.State {
				t.Fatalf("%T twice: %+v, then %+v", e, d, again)
			}
			s = d.State
		}
	})
}
