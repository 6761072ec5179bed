package datachannel

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

// Client is the end of a channel at a person.
type Client struct {
	*stream
	shown *queue
	ctx   context.Context //nolint:containedctx // of Run, for what a message asks to be sent
}

// Open opens a session with the URL and the token that the server gave for it.
func Open(ctx context.Context, client *http.Client, url, token, version string) (*Client, error) {
	options := &websocket.DialOptions{HTTPClient: client}
	conn, _, err := websocket.Dial(ctx, url, options) //nolint:bodyclose // it has none
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	text, _ := json.Marshal(Opening{MessageSchemaVersion: "1.0", RequestId: uuid.NewString(), //nolint:errchkjson // no
		TokenValue: token, ClientId: uuid.NewString(), ClientVersion: version})
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
		_ = conn.CloseNow()
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	c := &Client{shown: newQueue(), ctx: ctx}
	c.stream = newStream(conn, Input, c.take)
	return c, nil
}

// Run writes what the terminal shows until the session ends, and returns how it did.
func (c *Client) Run(ctx context.Context, out io.Writer) (*Ending, error) {
	defer func() { _ = c.conn.CloseNow() }()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c.ctx = ctx
	var showing sync.WaitGroup
	rest, last := context.WithCancel(ctx)
	showing.Go(func() {
		for {
			p, err := c.shown.next(rest)
			if err != nil {
				return
			}
			if _, err := out.Write(p); err != nil {
				end(err)
				return
			}
		}
	})
	ending, err := c.run(ctx)
	c.shown.finish(last)
	showing.Wait()
	return ending, err
}

// Type sends what a person typed.
func (c *Client) Type(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), maxPayload)
		if err := c.send(ctx, Bytes, append([]byte(nil), p[:n]...)); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Resize tells the size of the person's window.
func (c *Client) Resize(ctx context.Context, s WindowSize) error {
	text, _ := json.Marshal(s) //nolint:errchkjson // numbers
	return c.send(ctx, Size, text)
}

func (c *Client) take(m *Message) bool {
	switch m.Kind {
	case Bytes:
		return c.shown.add(m.Payload)
	case HandshakeRequest:
		go c.answer(m.Payload) // not here: what is sent may have to wait for what is received
	}
	return true
}

// answer answers the agent's handshake: a session with a terminal is what this client can.
func (c *Client) answer(payload []byte) {
	var r handshakeRequest
	if json.Unmarshal(payload, &r) != nil {
		return
	}
	out := handshakeResponse{ClientVersion: "1.0.0.0", ProcessedClientActions: []processedAction{}, Errors: []string{}}
	for _, a := range r.RequestedClientActions {
		done := processedAction{ActionType: a.ActionType, ActionStatus: succeeded}
		if a.ActionType != "SessionType" {
			done.ActionStatus, done.Error = unsupported, "Unsupported action "+a.ActionType
		}
		out.ProcessedClientActions = append(out.ProcessedClientActions, done)
	}
	text, _ := json.Marshal(out)               //nolint:errchkjson // texts
	_ = c.send(c.ctx, HandshakeResponse, text) // Run hears of a broken connection
}
