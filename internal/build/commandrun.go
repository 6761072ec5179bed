package build

import (
	"context"
	"encoding/json"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// PollCommandExecution implements slipway:PollCommandExecution, by which the runner of a sandbox asks for the command
// after one that it had, or, while one runs, whether that is to end. It is held until there is an answer, or until
// Config.Hold has passed.
func (s *Service) PollCommandExecution(ctx context.Context,
	in *slipway.PollCommandExecutionInput) (*slipway.PollCommandExecutionOutput, error) {
	changed, stop := s.Hints.Listen("sandbox/" + *in.Id)
	defer stop()
	timeout := time.NewTimer(s.Hold)
	defer timeout.Stop()
	for {
		if _, err := s.inHands(ctx, *in.Runner, *in.Id); err != nil {
			return nil, err
		}
		out, err := s.nextCommand(ctx, in)
		if err != nil || out.Command != nil || awsproto.Value(out.Stop) {
			return out, err
		}
		select {
		case <-changed:
		case <-timeout.C:
			return out, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// nextCommand looks for the answer to a poll. Nothing of it is an answer, too.
func (s *Service) nextCommand(ctx context.Context,
	in *slipway.PollCommandExecutionInput) (*slipway.PollCommandExecutionOutput, error) {
	out := &slipway.PollCommandExecutionOutput{}
	if in.Running != nil {
		x, err := oneCommand(ctx, s.db, *in.Id, *in.Running)
		if err == nil && x != nil {
			out.Stop = &x.Stop
		}
		return out, err
	}
	const next = `WHERE sandbox = $1 AND stage IN ('submitted', 'running') AND serial > $2 ORDER BY serial LIMIT 1`
	waiting, err := manyCommands(ctx, s.db, next, *in.Id, *in.After)
	if err != nil || len(waiting) == 0 {
		return out, err // waiting costs no commit
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		out = &slipway.PollCommandExecutionOutput{}
		waiting, err := manyCommands(ctx, tx, next, *in.Id, *in.After)
		if err != nil || len(waiting) == 0 {
			return err
		}
		x := waiting[0]
		d, err := s.applyCommand(ctx, tx, x, HandOut{})
		if err == nil && d.Hand {
			out.Id, out.Serial, out.Command, out.Session = x.doc.Id, &x.serial, x.doc.Command, &x.session
		}
		return err
	})
	if err == nil {
		fault.Point("sandbox.handed")
	}
	return out, err
}

// CompleteCommandExecution implements slipway:CompleteCommandExecution; of two results the first counts.
func (s *Service) CompleteCommandExecution(ctx context.Context,
	in *slipway.CompleteCommandExecutionInput) (*slipway.CompleteCommandExecutionOutput, error) {
	var result slipway.CommandResult
	if err := json.Unmarshal(in.Result, &result); err != nil {
		return nil, malformed("result", err)
	}
	if len(result.Output) > slipway.MaxCommandOutput || len(result.Errors) > slipway.MaxCommandOutput {
		return nil, &awsproto.Error{Code: "ValidationException", Message: "The result has too much output."}
	}
	if err := s.speaks(ctx, *in.Runner); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		r, err := one(ctx, tx, `WHERE id = $1`, *in.Id)
		if err != nil {
			return err
		}
		if r == nil || r.Runner != *in.Runner {
			return unknown(*in.Id)
		}
		x, err := oneCommand(ctx, tx, *in.Id, *in.Command)
		if err != nil || x == nil {
			return err
		}
		if x.Stage == CommandRunning {
			x.doc.StandardOutputContent, x.doc.StandardErrContent = nonEmpty(&result.Output), nonEmpty(&result.Errors)
		}
		_, err = s.applyCommand(ctx, tx, x, CommandDone{result.ExitCode, result.Interrupted})
		return err
	})
	if err == nil {
		fault.Point("sandbox.completed")
	}
	return nil, err
}
