package build

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/store"
)

const (
	// maxCommand bounds the text of a command, in bytes.
	maxCommand = 64 << 10
	// maxWaiting is how many commands of a sandbox may wait at a time.
	maxWaiting = 100
)

// StartCommandExecution implements codebuild:StartCommandExecution. The commands of a sandbox run one after another, in
// the order in which they were submitted. The first waits until the sandbox is ready. Each is a shell of its own, in
// the folder of the source.
func (s *Service) StartCommandExecution(ctx context.Context,
	in *cb.StartCommandExecutionInput) (*cb.StartCommandExecutionOutput, error) {
	x, err := s.startCommand(ctx, *in.SandboxId, *in.Command, false)
	if err != nil {
		return nil, err
	}
	return &cb.StartCommandExecutionOutput{CommandExecution: &x.doc}, nil
}

// StartSessionCommand implements slipway:StartSessionCommand: StartCommandExecution of a command that begins in the
// folder and with the exported variables with which the last such command of the sandbox ended.
func (s *Service) StartSessionCommand(ctx context.Context,
	in *slipway.StartSessionCommandInput) (*slipway.StartSessionCommandOutput, error) {
	x, err := s.startCommand(ctx, *in.SandboxId, *in.Command, true)
	if err != nil {
		return nil, err
	}
	return &slipway.StartSessionCommandOutput{Id: x.doc.Id}, nil
}

func (s *Service) startCommand(ctx context.Context, sandbox, text string, session bool) (x *commandRow, err error) {
	if len(text) > maxCommand || strings.ContainsRune(text, 0) {
		return nil, invalid("The command must have at most %d bytes, and no NUL.", maxCommand)
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		r, err := s.sandbox(ctx, tx, sandbox)
		if err != nil {
			return err
		}
		if r.Stage == Ended || r.Stop {
			b := s.shown(r)
			return invalid("The sandbox %s takes no commands: its status is %s.", *r.build.Id, sandboxStatus(r, &b))
		}
		x = s.newCommand(r, text)
		x.session = session
		return s.insertCommand(ctx, tx, x)
	})
	if err != nil {
		return nil, err
	}
	fault.Point("sandbox.submitted")
	return x, nil
}

func (s *Service) newCommand(r *row, text string) *commandRow {
	_, unique, _ := strings.Cut(*r.build.Id, ":")
	x := &commandRow{sandbox: *r.build.Id, CommandState: CommandState{Stage: CommandSubmitted}}
	x.doc = cb.CommandExecution{Id: new(uuid.NewString()), SandboxId: &unique, SandboxArn: r.build.Arn,
		SubmitTime: awsproto.At(s.Now()), Status: new(commandSubmitted), Command: &text, Type: cb.CommandTypeShell,
		Logs: r.build.Logs}
	return x
}

// insertCommand writes a command behind those that its sandbox has.
func (s *Service) insertCommand(ctx context.Context, tx store.Tx, x *commandRow) error {
	var waiting int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM command_executions WHERE sandbox = $1 AND stage = 'submitted'`,
		x.sandbox).Scan(&waiting); err != nil {
		return err
	}
	if waiting >= maxWaiting {
		return invalid("%d commands of the sandbox %s wait already. Start this one when some have ended.", waiting,
			x.sandbox)
	}
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(serial), 0) + 1 FROM command_executions WHERE sandbox = $1`,
		x.sandbox).Scan(&x.serial); err != nil {
		return err
	}
	s.Hints.Changed(tx, "sandbox/"+x.sandbox)
	_, err := tx.Exec(ctx,
		`INSERT INTO command_executions (id, sandbox, serial, stage, session, doc) VALUES ($1, $2, $3, $4, $5, $6)`,
		*x.doc.Id, x.sandbox, x.serial, string(x.Stage), number(x.session), store.JSON(&x.doc))
	return err
}

// BatchGetCommandExecutions implements codebuild:BatchGetCommandExecutions.
func (s *Service) BatchGetCommandExecutions(ctx context.Context,
	in *cb.BatchGetCommandExecutionsInput) (*cb.BatchGetCommandExecutionsOutput, error) {
	r, err := s.sandbox(ctx, s.db, *in.SandboxId)
	if err != nil {
		return nil, notFoundIsInvalid(err)
	}
	ids := in.CommandExecutionIds
	rows, err := manyCommands(ctx, s.db, `WHERE sandbox = $1 AND id IN `+store.In(2, len(ids)),
		append([]any{*r.build.Id}, store.Args(ids)...)...)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*commandRow, len(rows))
	for _, x := range rows {
		found[*x.doc.Id] = x
	}
	out := &cb.BatchGetCommandExecutionsOutput{CommandExecutions: []cb.CommandExecution{},
		CommandExecutionsNotFound: []string{}}
	for _, id := range ids {
		if x := found[id]; x != nil {
			out.CommandExecutions = append(out.CommandExecutions, x.doc)
		} else {
			out.CommandExecutionsNotFound = append(out.CommandExecutionsNotFound, id)
		}
	}
	return out, nil
}

// notFoundIsInvalid is the error of an operation that knows no ResourceNotFoundException, in the same words.
func notFoundIsInvalid(err error) error {
	if missing, ok := err.(*cb.ResourceNotFoundException); ok {
		return invalid("%s", missing.Message)
	}
	return err
}

// ListCommandExecutionsForSandbox implements codebuild:ListCommandExecutionsForSandbox, the newest first unless asked
// otherwise.
func (s *Service) ListCommandExecutionsForSandbox(ctx context.Context,
	in *cb.ListCommandExecutionsForSandboxInput) (*cb.ListCommandExecutionsForSandboxOutput, error) {
	r, err := s.sandbox(ctx, s.db, *in.SandboxId)
	if err != nil {
		return nil, err
	}
	id, limit := *r.build.Id, pageSize(in.MaxResults)
	direction, sign, from := "DESC", "<", int64(1)<<62
	if in.SortOrder == cb.SortOrderTypeAscending {
		direction, sign, from = "ASC", ">", 0
	}
	const operation = "ListCommandExecutionsForSandbox"
	filter := []string{id, string(in.SortOrder)}
	if !s.Pager.Place(operation, filter, in.NextToken, &from) {
		return nil, badToken()
	}
	rows, err := manyCommands(ctx, s.db, `WHERE sandbox = $1 AND serial `+sign+` $2 ORDER BY serial `+direction+
		` LIMIT $3`, id, from, limit+1)
	if err != nil {
		return nil, err
	}
	out := &cb.ListCommandExecutionsForSandboxOutput{CommandExecutions: []cb.CommandExecution{}}
	if len(rows) > limit {
		rows = rows[:limit]
		out.NextToken = s.Pager.Token(operation, filter, rows[limit-1].serial)
	}
	for _, x := range rows {
		out.CommandExecutions = append(out.CommandExecutions, x.doc)
	}
	return out, nil
}

// StopCommandExecution implements slipway:StopCommandExecution, for which CodeBuild has no operation. A command that
// waits ends at once; one that runs once its runner has killed it, with all other processes of the sandbox.
func (s *Service) StopCommandExecution(ctx context.Context,
	in *slipway.StopCommandExecutionInput) (*slipway.StopCommandExecutionOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		r, err := s.sandbox(ctx, tx, *in.SandboxId)
		if err != nil {
			return err
		}
		x, err := oneCommand(ctx, tx, *r.build.Id, *in.Id)
		if err != nil {
			return err
		}
		if x == nil {
			return &cb.ResourceNotFoundException{
				Message: "The sandbox " + *r.build.Id + " has no command " + *in.Id + ".",
			}
		}
		_, err = s.applyCommand(ctx, tx, x, Interrupt{})
		return err
	})
}
