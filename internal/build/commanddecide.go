package build

import (
	"strconv"

	cb "slipway/api/codebuild"
)

// CommandStage is how far a command of a sandbox has come.
type CommandStage string

// Stages of commands.
const (
	CommandSubmitted CommandStage = "submitted" // waits for the commands before it
	CommandRunning   CommandStage = "running"   // handed to the runner: it may have run
	CommandEnded     CommandStage = "ended"
)

// Statuses of commands that have not ended. Those of ended ones are of codebuild.StatusType.
const (
	commandSubmitted  = "SUBMITTED"
	commandInProgress = string(cb.StatusTypeInProgress)
)

// CommandState is what decisions about a command are made from.
type CommandState struct {
	Stage CommandStage
	Stop  bool // somebody asked for its end
}

// CommandEvent is something that happened to a command.
type CommandEvent interface{ commandEvent() }

// Events of commands.
type (
	// HandOut is the runner's request for the next command. It comes again when the answer was lost.
	HandOut struct{}
	// Interrupt is StopCommandExecution.
	Interrupt struct{}
	// CommandDone is the runner's result.
	CommandDone struct {
		ExitCode    int32
		Interrupted bool // before it ended by itself: there is no exit code
	}
	// SandboxOver is the end of the sandbox.
	SandboxOver struct{ Status cb.StatusType }
)

func (HandOut) commandEvent()     {}
func (Interrupt) commandEvent()   {}
func (CommandDone) commandEvent() {}
func (SandboxOver) commandEvent() {}

// CommandDecision is what follows from an event.
type CommandDecision struct {
	State    CommandState
	Status   string // of the CommandExecution; "" for as it was
	ExitCode string // "" for none
	// Hand says that the runner gets the command.
	Hand bool
	// Tell says that the runner is to be told to end it.
	Tell bool
}

// DecideCommand says what an event does to a command. What does not fit the state changes nothing.
func DecideCommand(s CommandState, e CommandEvent) CommandDecision {
	if s.Stage == CommandEnded {
		return CommandDecision{State: s}
	}
	switch e := e.(type) {
	case HandOut:
		d := CommandDecision{State: s, Hand: true}
		if s.Stage == CommandSubmitted {
			d.State.Stage, d.Status = CommandRunning, commandInProgress
		}
		return d
	case Interrupt:
		if s.Stage == CommandSubmitted {
			return endedCommand(s, cb.StatusTypeStopped, "")
		}
		s.Stop = true
		return CommandDecision{State: s, Tell: true}
	case CommandDone:
		if s.Stage == CommandRunning {
			return decideDone(s, e)
		}
	case SandboxOver:
		status := e.Status
		if s.Stage == CommandSubmitted { // it never ran
			status = cb.StatusTypeStopped
		}
		return endedCommand(s, status, "")
	}
	return CommandDecision{State: s}
}

func decideDone(s CommandState, e CommandDone) CommandDecision {
	switch {
	case e.Interrupted:
		return endedCommand(s, cb.StatusTypeStopped, "")
	case e.ExitCode == 0:
		return endedCommand(s, cb.StatusTypeSucceeded, "0")
	}
	return endedCommand(s, cb.StatusTypeFailed, strconv.Itoa(int(e.ExitCode)))
}

func endedCommand(s CommandState, status cb.StatusType, exit string) CommandDecision {
	s.Stage = CommandEnded
	return CommandDecision{State: s, Status: string(status), ExitCode: exit}
}
