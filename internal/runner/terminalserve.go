package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
)

// opening is a terminal that somebody has opened.
type opening struct {
	session string
	serial  int64
	caller  string // whose it is
}

// terminalSource is where a build hears of terminals that people open in it.
type terminalSource interface {
	// next waits for the terminal after one that it returned before, from 0. One without a session says that none has
	// come so far, and an error that none will come.
	next(ctx context.Context, after int64) (opening, error)
	// connect opens the connection to the client.
	connect(ctx context.Context, o opening) (*websocket.Conn, error)
}

// serverTerminals are the terminals of a build, as the server has them.
type serverTerminals struct {
	server *server
	id     string // of the build
}

// next implements terminalSource. While the server is away it waits.
func (t serverTerminals) next(ctx context.Context, after int64) (opening, error) {
	call, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	out, err := t.server.api.PollTerminal(call,
		&slipway.PollTerminalInput{Id: &t.id, Runner: &t.server.Name, After: &after})
	if err == nil {
		return opening{value(out.Session), value(out.Serial), value(out.Caller)}, nil
	}
	if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone || ctx.Err() != nil {
		return opening{}, err
	}
	t.server.log.Warn("the server tells of no terminals", "build", t.id, "error", err, "again", pollAgain)
	wait(ctx, pollAgain)
	return opening{}, ctx.Err()
}

const (
	// connectLimit is how long the client is looked for. Behind a load balancer it may wait at another server than the
	// one that answers.
	connectLimit = 15 * time.Second
	// connectAgain is the pause between two tries.
	connectAgain = 50 * time.Millisecond
)

// connect implements terminalSource.
func (t serverTerminals) connect(ctx context.Context, o opening) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	q := url.Values{"session": {o.session}, "id": {t.id}, "runner": {t.server.Name}}
	address := strings.TrimSuffix(t.server.Endpoint, "/") + slipway.TerminalPath + "?" + q.Encode()
	for {
		conn, err := t.dial(ctx, address)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		wait(ctx, connectAgain)
		if ctx.Err() != nil {
			return nil, err
		}
	}
}

func (t serverTerminals) dial(ctx context.Context, address string) (*websocket.Conn, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	nothing := sigv4.HexSHA256(nil)
	r.Header.Set("X-Amz-Content-Sha256", nothing)
	c := t.server.client
	c.Credentials.Sign(r, nothing, c.Region, slipway.Info().SigningName, time.Now())
	options := &websocket.DialOptions{HTTPClient: c.HTTP, HTTPHeader: r.Header}
	conn, answer, err := websocket.Dial(ctx, address, options) //nolint:bodyclose // Dial has read it
	if err != nil && answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("the server answers %s", answer.Status)
	}
	return conn, err
}
