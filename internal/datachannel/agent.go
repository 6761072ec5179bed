package datachannel

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Terminal is what an agent shows to a client.
type Terminal interface {
	// Read returns what the terminal shows, and io.EOF once its shell has ended. Write types.
	io.ReadWriter
	Resize(s WindowSize) error
	// Wait returns the shell's exit code. It is called once Read has returned an error.
	Wait() (int, error)
	// Close kills all processes of the terminal, after which Read and Write return. A second call does nothing.
	Close() error
}

const (
	// handshakeLimit is how long a client may take to answer the handshake.
	handshakeLimit = 30 * time.Second
	// settleLimit is how long a client may take for the last bytes of a terminal.
	settleLimit = 5 * time.Second
)

var (
	errLeft     = errors.New("the other end of the terminal has gone")
	errEnded    = errors.New("the session was ended by its client")
	errNoAnswer = errors.New("the client did not answer the handshake of the session")
)

// agent is the end of a channel at the terminal.
type agent struct {
	*stream
	terminal Terminal
	typed    *queue
	answered chan handshakeResponse
	sizes    chan WindowSize // the newest one that was not set yet
	end      context.CancelCauseFunc
}

// Serve connects a terminal with a client, over a connection that leads to it, until the terminal's shell or the
// connection ends, or ctx does: then the client is told the cause. The terminal is closed and the connection over when
// it returns. The error says why the session ended, nil for a shell that ended by itself.
func Serve(ctx context.Context, conn *websocket.Conn, session string, t Terminal) error {
	defer func() { _ = conn.CloseNow() }()
	defer func() { _ = t.Close() }()
	life, over := context.WithCancel(context.WithoutCancel(ctx)) // of the connection, which outlasts ctx by a word
	defer over()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(ctx, func() { _ = t.Close() })()
	a := &agent{terminal: t, typed: newQueue(), answered: make(chan handshakeResponse, 1),
		sizes: make(chan WindowSize, 1), end: end}
	a.stream = newStream(conn, Output, a.take)
	left := make(chan struct{})
	go func() {
		defer close(left)
		if _, err := a.run(life); err != nil {
			end(fmt.Errorf("%w: %w", errLeft, err))
		} else {
			end(errEnded)
		}
	}()
	err := a.session(ctx)
	ending := Ending{}
	if err == nil {
		if code, bad := t.Wait(); bad == nil {
			ending.ExitCode = &code
		} else {
			ending.Words = sentence(bad.Error())
		}
	} else {
		ending.Words = sentence(err.Error())
	}
	final, cancel := context.WithTimeout(life, settleLimit)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errLeft) {
			cancel()
		}
	})()
	a.settle(final)
	if a.write(Close(session, ending, time.Now())) == nil {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
	over()
	<-left
	return err
}

// session is the handshake and the traffic up to the shell's end.
func (a *agent) session(ctx context.Context) error {
	begin := time.Now()
	if err := a.handshake(ctx); err != nil {
		return err
	}
	text, _ := json.Marshal(handshakeComplete{HandshakeTimeToComplete: time.Since(begin)}) //nolint:errchkjson // no
	if err := a.send(ctx, HandshakeComplete, text); err != nil {
		return ended(ctx, err)
	}
	go a.input(ctx)
	go a.resize(ctx)
	buffer := make([]byte, maxPayload)
	for {
		n, err := a.terminal.Read(buffer)
		if n > 0 {
			if bad := a.send(ctx, Bytes, append([]byte(nil), buffer[:n]...)); bad != nil {
				return ended(ctx, bad)
			}
		}
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return nil
		}
	}
}

// ended is the cause of a context that has ended, or else an error.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (a *agent) handshake(ctx context.Context) error {
	text, _ := json.Marshal(handshakeRequest{AgentVersion: agentVersion, //nolint:errchkjson // texts
		RequestedClientActions: []clientAction{{ActionType: "SessionType",
			ActionParameters: sessionTypeParameters{SessionType: sessionType}}}})
	if err := a.send(ctx, HandshakeRequest, text); err != nil {
		return ended(ctx, err)
	}
	late := time.NewTimer(handshakeLimit)
	defer late.Stop()
	select {
	case r := <-a.answered:
		for _, p := range r.ProcessedClientActions {
			if p.ActionStatus != succeeded {
				return fmt.Errorf("the client cannot have this session: %s: %.200s", p.ActionType, p.Error)
			}
		}
		return nil
	case <-late.C:
		return errNoAnswer
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take takes a message of the client's stream.
func (a *agent) take(m *Message) bool {
	switch m.Kind {
	case Bytes:
		return a.typed.add(m.Payload)
	case Size:
		var s WindowSize
		if json.Unmarshal(m.Payload, &s) == nil {
			select {
			case <-a.sizes:
			default:
			}
			a.sizes <- s.Bounded() // nobody else puts one there
		}
	case HandshakeResponse:
		var r handshakeResponse
		if json.Unmarshal(m.Payload, &r) == nil {
			select {
			case a.answered <- r:
			default:
			}
		}
	case Flag:
		if len(m.Payload) == 4 && binary.BigEndian.Uint32(m.Payload) == TerminateSession {
			a.end(errEnded)
		}
	}
	return true
}

// input types what the client has typed.
func (a *agent) input(ctx context.Context) {
	for {
		p, err := a.typed.next(ctx)
		if err != nil {
			return
		}
		if _, err := a.terminal.Write(p); err != nil {
			return // Read says that the terminal has ended
		}
	}
}

func (a *agent) resize(ctx context.Context) {
	for {
		select {
		case s := <-a.sizes:
			_ = a.terminal.Resize(s) // it may have ended
		case <-ctx.Done():
			return
		}
	}
}

// Refuse tells a client why it gets no terminal, and closes the connection.
func Refuse(ctx context.Context, conn *websocket.Conn, session string, why error) error {
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	defer func() { _ = conn.CloseNow() }()
	end := Close(session, Ending{Words: sentence(why.Error())}, time.Now())
	if err := conn.Write(ctx, websocket.MessageBinary, end); err != nil {
		return err
	}
	return conn.Close(websocket.StatusNormalClosure, "")
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(words string) string {
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + strings.TrimSuffix(words[1:], ".") + "."
}
