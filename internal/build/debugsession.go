package build

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/api/ssm"
	"slipway/internal/store"
)

// sessionOf is the debug session of a build that runs, with the target by which it is connected to. Source: "Debug
// builds with Session Manager" in the CodeBuild user guide.
func sessionOf(r *row) *cb.DebugSession {
	d := r.build.DebugSession
	if d == nil || !awsproto.Value(d.SessionEnabled) {
		return d
	}
	return &cb.DebugSession{SessionEnabled: d.SessionEnabled, SessionTarget: new(slipway.BuildTarget + *r.build.Id)}
}

// shellDocument is the document of sessions with a shell, which one without a document has.
const shellDocument = "SSM-SessionManagerRunShell"

// StartSession implements ssm:StartSession: a terminal in a build that runs with a debug session. The target is the
// build's debugSession.sessionTarget.
func (s *Service) StartSession(ctx context.Context, in *ssm.StartSessionInput) (*ssm.StartSessionOutput, error) {
	if d := awsproto.Value(in.DocumentName); d != "" && d != shellDocument {
		return nil, &ssm.InvalidDocument{Message: "The document " + d + " does not exist. A session has a shell on a " +
			"terminal (" + shellDocument + "); ports are not forwarded."}
	}
	if len(in.Parameters) > 0 {
		return nil, &awsproto.Error{Code: "ValidationException",
			Message: "Sessions have no parameters: they have a shell on a terminal, and run no other command."}
	}
	id, ok := strings.CutPrefix(*in.Target, slipway.BuildTarget)
	if !ok {
		return nil, notConnected("%s is not connected. A session's target is the sessionTarget of a build with a "+
			"debug session (%sPROJECT:UUID): aws codebuild batch-get-builds shows it.", *in.Target, slipway.BuildTarget)
	}
	var session *terminalSession
	err := s.db.Write(ctx, func(tx store.Tx) error {
		r, err := oneBuild(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case r == nil:
			return notConnected("%s is not connected: there is no build %s.", *in.Target, id)
		case r.Stage != Running:
			return notConnected("%s is not connected: the build does not run.", *in.Target)
		case sessionOf(r) == nil:
			return notConnected("%s is not connected: the build was started without a debug session "+
				"(debugSessionEnabled). slipway debug %s starts a sandbox of it.", *in.Target, id)
		}
		session, err = s.newSession(ctx, tx, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &ssm.StartSessionOutput{SessionId: &session.id, StreamUrl: &session.url, TokenValue: &session.token}, nil
}

func notConnected(format string, args ...any) error {
	return &ssm.TargetNotConnected{Message: fmt.Sprintf(format, args...)}
}

// TerminateSession implements ssm:TerminateSession. A session that nobody opened cannot be opened any more, and one
// that is open is closed. One that is not known has ended: that is what was asked for.
func (s *Service) TerminateSession(ctx context.Context,
	in *ssm.TerminateSessionInput) (*ssm.TerminateSessionOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		var build string
		ok, err := store.Find(ctx, tx, []any{&build}, `SELECT build FROM terminal_sessions WHERE id = $1 AND ended = 0`,
			*in.SessionId)
		if err != nil || !ok {
			return err
		}
		s.Hints.Changed(tx, sessionTopic(*in.SessionId))
		_, err = tx.Exec(ctx, `UPDATE terminal_sessions SET ended = 1, token = '' WHERE id = $1`, *in.SessionId)
		return err
	})
	return &ssm.TerminateSessionOutput{SessionId: in.SessionId}, err
}

// sessionTopic is what hints of the end of a session are named.
func sessionTopic(session string) string { return "session/" + session }

// terminated waits until somebody has ended a session by TerminateSession, or ctx ends. It reports whether that was so.
func (s *Service) terminated(ctx context.Context, session string) bool {
	changed, stop := s.Hints.Listen(sessionTopic(session))
	defer stop()
	for {
		var ended int
		_, err := store.Find(ctx, s.db, []any{&ended}, `SELECT ended FROM terminal_sessions WHERE id = $1`, session)
		if err == nil && ended == 1 {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
