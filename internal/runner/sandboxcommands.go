package runner

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"slipway/api/slipway"
	"slipway/internal/fault"
)

// serverCommands are the commands of a sandbox, as the server has them. While the server is away the sandbox waits.
type serverCommands struct {
	server *server
	id     string // of the sandbox
}

// poll asks the server once. Nothing is an answer, too; while the server is away it comes after a pause.
func (c serverCommands) poll(ctx context.Context,
	in *slipway.PollCommandExecutionInput) (*slipway.PollCommandExecutionOutput, error) {
	in.Id, in.Runner = &c.id, &c.server.Name
	call, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	out, err := c.server.api.PollCommandExecution(call, in)
	if err == nil || ctx.Err() != nil {
		return out, err
	}
	if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone {
		return nil, errStopped
	}
	c.server.log.Warn("the server gives no commands", "sandbox", c.id, "error", err, "again", pollAgain)
	wait(ctx, pollAgain)
	return &slipway.PollCommandExecutionOutput{}, ctx.Err()
}

// pollAgain is the pause before a poll for commands that follows one that failed.
const pollAgain = 500 * time.Millisecond

// next implements commandSource.
func (c serverCommands) next(ctx context.Context, after int64) (command, error) {
	out, err := c.poll(ctx, &slipway.PollCommandExecutionInput{After: &after})
	if err != nil || out.Command == nil {
		return command{}, err
	}
	fault.Point("sandbox.taken")
	return command{value(out.Id), value(out.Serial), *out.Command, value(out.Session)}, nil
}

// interrupted implements commandSource.
func (c serverCommands) interrupted(ctx context.Context, id string, serial int64) bool {
	for ctx.Err() == nil {
		out, err := c.poll(ctx, &slipway.PollCommandExecutionInput{After: &serial, Running: &id})
		if err != nil {
			return false
		}
		if value(out.Stop) {
			return true
		}
	}
	return false
}

// report implements commandSource.
func (c serverCommands) report(ctx context.Context, id string, r slipway.CommandResult) {
	text, err := json.Marshal(r)
	if err != nil {
		c.server.log.Error("cannot write the result of a command", "sandbox", c.id, "error", err)
		return
	}
	in := &slipway.CompleteCommandExecutionInput{Id: &c.id, Runner: &c.server.Name, Command: &id, Result: text}
	for pause := time.Duration(0); ctx.Err() == nil; {
		call, cancel := context.WithTimeout(ctx, callLimit)
		_, err := c.server.api.CompleteCommandExecution(call, in)
		cancel()
		if err == nil {
			return
		}
		if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone {
			return
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		c.server.log.Warn("the result of a command is not taken", "sandbox", c.id, "error", err, "again", pause)
		wait(ctx, pause)
	}
}
