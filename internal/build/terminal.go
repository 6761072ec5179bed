package build

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

const (
	// connectLife is how long a client may take to open the session that it was given a token for.
	connectLife = time.Minute
	// maxTokens is how many tokens of a build may be unused at a time.
	maxTokens = 8
)

// terminalSession is a session that a client may open, once.
type terminalSession struct{ id, url, token string }

// terminalTopic is what hints of the terminals of a build are named.
func terminalTopic(build string) string { return "terminal/" + build }

// StartSandboxConnection implements codebuild:StartSandboxConnection. The session speaks the data channel of Session
// Manager at its stream URL; its token can be used once, within a minute.
func (s *Service) StartSandboxConnection(ctx context.Context,
	in *cb.StartSandboxConnectionInput) (*cb.StartSandboxConnectionOutput, error) {
	var session *terminalSession
	err := s.db.Write(ctx, func(tx store.Tx) error {
		r, err := s.sandbox(ctx, tx, *in.SandboxId)
		if err != nil {
			return err
		}
		b := s.shown(r)
		if status := sandboxStatus(r, &b); status != "RUN_SANDBOX" {
			return invalid("The sandbox %s takes no connection: its status is %s, not RUN_SANDBOX.", *r.build.Id,
				status)
		}
		session, err = s.newSession(ctx, tx, *r.build.Id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &cb.StartSandboxConnectionOutput{SsmSession: &cb.SSMSession{SessionId: &session.id,
		StreamUrl: &session.url, TokenValue: &session.token}}, nil
}

// newSession makes a session of a build. Sessions that nobody opened in time are forgotten.
func (s *Service) newSession(ctx context.Context, tx store.Tx, build string) (*terminalSession, error) {
	now := s.Now()
	if _, err := tx.Exec(ctx, `DELETE FROM terminal_sessions WHERE build = $1 AND token <> '' AND expires <= $2`, build,
		now.UnixMilli()); err != nil {
		return nil, err
	}
	var unused int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM terminal_sessions WHERE build = $1 AND token <> ''`,
		build).Scan(&unused); err != nil {
		return nil, err
	}
	if unused >= maxTokens {
		return nil, invalid("%d connections to %s were started and not opened yet. Each can be opened for %s; start "+
			"another one after that.", unused, build, connectLife)
	}
	var serial int64
	if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(serial), 0) + 1 FROM terminal_sessions WHERE build = $1`,
		build).Scan(&serial); err != nil {
		return nil, err
	}
	caller := awsproto.CallerOf(ctx).Name
	id := sessionName(caller) + "-" + strings.ToLower(rand.Text()[:17])
	t := &terminalSession{id: id, token: rand.Text() + rand.Text()}
	t.url = "ws" + strings.TrimPrefix(s.URL, "http") + channelPath + t.id + "?role=publish_subscribe"
	_, err := tx.Exec(ctx, `INSERT INTO terminal_sessions (id, build, serial, token, expires, caller)
		VALUES ($1, $2, $3, $4, $5, $6)`, t.id, build, serial, connectHash(t.token), now.Add(connectLife).UnixMilli(), caller)
	return t, err
}

// sessionName is how the IDs of a caller's sessions begin, as in Session Manager: the name, as far as an ID can have
// it.
func sessionName(caller string) string {
	caller = caller[strings.LastIndexByte(caller, '/')+1:]
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-", c) {
			return c
		}
		return '-'
	}, caller)
	const most = 64
	if name = name[:min(len(name), most)]; name == "" {
		return "session"
	}
	return name
}

func connectHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// useToken opens a session: it returns the session's build. The token cannot be used again.
func (s *Service) useToken(ctx context.Context, session, token string) (build string, err error) {
	refused := invalid("The session %.100s cannot be opened: its token is not valid, was used already, or has expired "+
		"(a token can be used once, within %s). Start another connection.", session, connectLife)
	err = s.db.Write(ctx, func(tx store.Tx) error {
		ok, err := store.Find(ctx, tx, []any{&build},
			`SELECT build FROM terminal_sessions WHERE id = $1 AND token = $2 AND token <> '' AND expires > $3`, session,
			connectHash(token), s.Now().UnixMilli())
		if err != nil {
			return err
		}
		if !ok {
			return refused
		}
		_, err = tx.Exec(ctx, `UPDATE terminal_sessions SET token = '' WHERE id = $1`, session)
		return err
	})
	return build, err
}

// endSession notes that a session is over. It stays until its build ends, so that no number is used twice.
func (s *Service) endSession(ctx context.Context, session string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE terminal_sessions SET ended = 1 WHERE id = $1`, session)
		return err
	})
}

// forgetTerminals forgets the sessions of a build that ends.
func forgetTerminals(ctx context.Context, tx store.Tx, build string) error {
	_, err := tx.Exec(ctx, `DELETE FROM terminal_sessions WHERE build = $1`, build)
	return err
}

// PollTerminal implements slipway:PollTerminal, by which the runner of a sandbox asks for the terminal that a client
// has opened after one that it had. It is held until there is one, or until Config.Hold has passed.
func (s *Service) PollTerminal(ctx context.Context,
	in *slipway.PollTerminalInput) (*slipway.PollTerminalOutput, error) {
	changed, stop := s.Hints.Listen(terminalTopic(*in.Id))
	defer stop()
	timeout := time.NewTimer(s.Hold)
	defer timeout.Stop()
	for {
		if _, err := s.inHands(ctx, *in.Runner, *in.Id); err != nil {
			return nil, err
		}
		out := &slipway.PollTerminalOutput{}
		var id, caller string
		var serial int64
		ok, err := store.Find(ctx, s.db, []any{&id, &serial, &caller}, `SELECT id, serial, caller FROM terminal_sessions
			WHERE build = $1 AND serial > $2 AND token = '' AND ended = 0 ORDER BY serial LIMIT 1`, *in.Id, *in.After)
		if err != nil {
			return nil, err
		}
		if ok {
			out.Session, out.Serial, out.Caller = &id, &serial, &caller
			return out, nil
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
