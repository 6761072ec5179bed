package build

import (
	"testing"

	"pgregory.net/rapid"

	cb "slipway/api/codebuild"
)

func TestDecideCommand(t *testing.T) {
	t.Parallel()
	submitted, running := CommandState{Stage: CommandSubmitted}, CommandState{Stage: CommandRunning}
	stopping := CommandState{Stage: CommandRunning, Stop: true}
	for name, c := range map[string]struct {
		state CommandState
		event CommandEvent
		want  CommandDecision
	}{
		"handed out": {submitted, HandOut{},
			CommandDecision{State: running, Status: "IN_PROGRESS", Hand: true}},
		"handed out again":          {running, HandOut{}, CommandDecision{State: running, Hand: true}},
		"interrupted":               {running, Interrupt{}, CommandDecision{State: stopping, Tell: true}},
		"interrupted twice":         {stopping, Interrupt{}, CommandDecision{State: stopping, Tell: true}},
		"interrupted while waiting": {submitted, Interrupt{}, endedCommand(submitted, cb.StatusTypeStopped, "")},
		"done":                      {running, CommandDone{}, endedCommand(running, cb.StatusTypeSucceeded, "0")},
		"failed": {running, CommandDone{ExitCode: 127},
			endedCommand(running, cb.StatusTypeFailed, "127")},
		"ended as somebody stopped it": {stopping, CommandDone{ExitCode: 1},
			endedCommand(stopping, cb.StatusTypeFailed, "1")},
		"stopped": {stopping, CommandDone{Interrupted: true},
			endedCommand(stopping, cb.StatusTypeStopped, "")},
		"done before it was handed out": {submitted, CommandDone{}, CommandDecision{State: submitted}},
		"the sandbox timed out": {running, SandboxOver{cb.StatusTypeTimedOut},
			endedCommand(running, cb.StatusTypeTimedOut, "")},
		"the sandbox was lost before it": {submitted, SandboxOver{cb.StatusTypeFault},
			endedCommand(submitted, cb.StatusTypeStopped, "")},
		"after the end": {CommandState{Stage: CommandEnded}, SandboxOver{cb.StatusTypeFault},
			CommandDecision{State: CommandState{Stage: CommandEnded}}},
	} {
		if got := DecideCommand(c.state, c.event); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestDecideCommandAtRandom(t *testing.T) {
	t.Parallel()
	order := map[CommandStage]int{CommandSubmitted: 0, CommandRunning: 1, CommandEnded: 2}
	rapid.Check(t, func(t *rapid.T) {
		s, ends := CommandState{Stage: CommandSubmitted}, 0
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			e := rapid.SampledFrom([]CommandEvent{HandOut{}, Interrupt{}, CommandDone{}, CommandDone{ExitCode: 2},
				CommandDone{Interrupted: true}, SandboxOver{cb.StatusTypeStopped}, SandboxOver{cb.StatusTypeFault},
			}).Draw(t, "event")
			d := DecideCommand(s, e)
			if order[d.State.Stage] < order[s.Stage] {
				t.Fatalf("%+v goes back from %s to %s", e, s.Stage, d.State.Stage)
			}
			if d.Hand && d.State.Stage != CommandRunning || d.ExitCode != "" && d.State.Stage != CommandEnded {
				t.Fatalf("%+v: %+v", e, d)
			}
			if d.State.Stage == CommandEnded && s.Stage != CommandEnded {
				if ends++; d.Status == "" {
					t.Fatalf("%+v ends the command without a status", e)
				}
			}
			if _, over := e.(SandboxOver); over && d.State.Stage != CommandEnded {
				t.Fatal("a command outlasts its sandbox")
			}
			s = d.State
		}
		if ends > 1 {
			t.Fatal("a command ended twice")
		}
	})
}
