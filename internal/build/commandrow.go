package build

import (
	"context"
	"database/sql"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// commandRow is a command of a sandbox in the database.
type commandRow struct {
	CommandState
	sandbox string // its ID
	serial  int64  // among the commands of the sandbox, from 1
	session bool   // it begins in the folder and with the variables with which the session's command before it ended
	doc     cb.CommandExecution
}

func scanCommand(r *sql.Rows) (*commandRow, error) {
	var x commandRow
	var stop, session int64
	err := r.Scan(&x.sandbox, &x.serial, &x.Stage, &stop, &session, store.JSON(&x.doc))
	x.Stop, x.session = stop == 1, session == 1
	return &x, err
}

func manyCommands(ctx context.Context, q store.Queryer, where string, args ...any) ([]*commandRow, error) {
	return store.All(ctx, q, scanCommand, `SELECT sandbox, serial, stage, stop, session, doc FROM command_executions
		`+where, args...)
}

// oneCommand returns a command of a sandbox, or nil.
func oneCommand(ctx context.Context, q store.Queryer, sandbox, id string) (*commandRow, error) {
	all, err := manyCommands(ctx, q, `WHERE sandbox = $1 AND id = $2`, sandbox, id)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// applyCommand lets an event happen to a command, and writes what follows from it.
func (s *Service) applyCommand(ctx context.Context, tx store.Tx, x *commandRow,
	e CommandEvent) (CommandDecision, error) {
	d := DecideCommand(x.CommandState, e)
	if d.State == x.CommandState {
		return d, nil
	}
	now := awsproto.At(s.Now())
	switch d.State.Stage {
	case CommandRunning:
		if x.doc.StartTime == nil {
			x.doc.StartTime = now
		}
	case CommandEnded:
		x.doc.EndTime = now
	}
	if d.Status != "" {
		x.doc.Status = &d.Status
	}
	if d.ExitCode != "" {
		x.doc.ExitCode = &d.ExitCode
	}
	x.CommandState = d.State
	s.Hints.Changed(tx, "sandbox/"+x.sandbox)
	return d, x.save(ctx, tx)
}

func (x *commandRow) save(ctx context.Context, tx store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE command_executions SET stage = $2, stop = $3, doc = $4 WHERE id = $1`, *x.doc.Id,
		string(x.Stage), number(x.Stop), store.JSON(&x.doc))
	return err
}

// endCommands ends the commands of a sandbox that ends.
func (s *Service) endCommands(ctx context.Context, tx store.Tx, sandbox string, end End) error {
	open, err := manyCommands(ctx, tx, `WHERE sandbox = $1 AND stage IN ('submitted', 'running') ORDER BY serial`,
		sandbox)
	if err != nil {
		return err
	}
	for _, x := range open {
		if _, err := s.applyCommand(ctx, tx, x, SandboxOver{end.Status}); err != nil {
			return err
		}
	}
	return nil
}
