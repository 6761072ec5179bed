package build

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"slipway/api/slipway"
	"slipway/internal/datachannel"
)

// channelPath is where clients open sessions, as at Session Manager: the ID follows.
const channelPath = "/v1/data-channel/"

const (
	// openingLimit is how long a client may take for its first message.
	openingLimit = 10 * time.Second
	// runnerLimit is how long the runner may take to connect the terminal that a client has opened.
	runnerLimit = 20 * time.Second
	// relayLimit is how long a message may take to be passed on. An end that takes none is gone.
	relayLimit = 30 * time.Second
	// pingEvery is how often it is looked whether the two ends are there, and pingLimit how long they may take to
	// answer.
	pingEvery, pingLimit = 20 * time.Second, 20 * time.Second
	// closeLimit is how long an end may take to close its connection.
	closeLimit = time.Second
)

// Terminals connects the clients that open terminals with the runners that have them. Neither is connected to from
// here. A message of one is read when the one before has been written to the other, so that nothing gathers.
type Terminals struct {
	*Service
	// VerifyRunner returns an error unless the caller may act for a runner.
	VerifyRunner func(r *http.Request, runner string) (context.Context, error)
	// Fail writes an error as the answer.
	Fail func(w http.ResponseWriter, err error)

	mu      sync.Mutex
	waiting map[string]*meeting // by session
	open    sync.WaitGroup
}

// meeting is a client that waits for its terminal.
type meeting struct {
	build  string
	runner chan *websocket.Conn
	over   chan struct{} // closed when the runner's connection is not needed any more
}

// Accepts tells whether a request is for this handler.
func (*Terminals) Accepts(r *http.Request) bool {
	return r.URL.Path == slipway.TerminalPath || strings.HasPrefix(r.URL.Path, channelPath)
}

// ServeHTTP implements http.Handler.
func (t *Terminals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.open.Add(1)
	defer t.open.Done()
	if r.URL.Path == slipway.TerminalPath {
		t.serveRunner(w, r)
		return
	}
	t.serveClient(w, r, strings.TrimPrefix(r.URL.Path, channelPath))
}

// Wait waits until the sessions are over, or ctx ends. They end with the contexts of their requests.
func (t *Terminals) Wait(ctx context.Context) {
	over := make(chan struct{})
	go func() {
		defer close(over)
		t.open.Wait()
	}()
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// serveRunner hands the connection of a runner to the client that waits for it.
func (t *Terminals) serveRunner(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	session, id, runner := q.Get("session"), q.Get("id"), q.Get("runner")
	ctx, err := t.VerifyRunner(r, runner)
	if err == nil {
		err = t.Holds(ctx, runner, id)
	}
	if err != nil {
		t.Fail(w, err)
		return
	}
	t.mu.Lock()
	m := t.waiting[session]
	if m == nil || m.build != id {
		t.mu.Unlock()
		// It may wait at another server.
		t.Fail(w, &slipway.BuildNotFoundException{Message: "No client waits here for the session " + session + "."})
		return
	}
	delete(t.waiting, session)
	t.mu.Unlock()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		close(m.runner)
		return // Accept has answered
	}
	m.runner <- conn
	<-m.over
}

// serveClient opens the session of a client, waits for its runner, and relays between the two.
func (t *Terminals) serveClient(w http.ResponseWriter, r *http.Request, session string) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(datachannel.MaxMessage)
	build, err := t.opening(r.Context(), conn, session)
	if err != nil {
		tellClient(conn, session, err.Error())
		return
	}
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	go func() {
		if t.terminated(ctx, session) {
			end(errTerminated)
		}
	}()
	m := &meeting{build: build, runner: make(chan *websocket.Conn, 1), over: make(chan struct{})}
	defer close(m.over)
	t.mu.Lock()
	if t.waiting == nil {
		t.waiting = map[string]*meeting{}
	}
	t.waiting[session] = m
	t.mu.Unlock()
	t.Hints.Now(terminalTopic(build))
	defer t.leave(ctx, session)
	late := time.NewTimer(runnerLimit)
	defer late.Stop()
	select {
	case runner := <-m.runner:
		if runner == nil {
			tellClient(conn, session, lostRunner)
			return
		}
		defer func() { _ = runner.CloseNow() }()
		runner.SetReadLimit(datachannel.MaxMessage)
		relay{session, conn, runner}.run(ctx)
	case <-late.C:
		tellClient(conn, session, "The runner did not open the terminal within "+runnerLimit.String()+
			". It may be away, or the sandbox or build may have ended.")
	case <-ctx.Done():
		tellClient(conn, session, wordsOf(ctx))
	}
}

// leave notes that a session is over.
func (t *Terminals) leave(ctx context.Context, session string) {
	t.mu.Lock()
	delete(t.waiting, session)
	t.mu.Unlock()
	if err := t.endSession(context.WithoutCancel(ctx), session); err != nil {
		t.Log.Warn("the end of a terminal cannot be noted", "session", session, "error", err)
	}
}

// opening reads the first message of a client and uses its token.
func (t *Terminals) opening(ctx context.Context, conn *websocket.Conn, session string) (build string, err error) {
	first, cancel := context.WithTimeout(ctx, openingLimit)
	defer cancel()
	_, text, err := conn.Read(first)
	if err != nil {
		return "", errors.New("the client sent no token")
	}
	o, err := datachannel.ReadOpening(text)
	if err != nil {
		return "", err
	}
	return t.useToken(ctx, session, o.TokenValue)
}

// Words for clients.
const (
	lostRunner  = "The connection to the runner is lost, and the terminal with it."
	serverStops = "The server is being stopped, and the terminal ends with it. Connect again when the server is back."
)

// errTerminated is why a session ends that TerminateSession has ended.
var errTerminated = errors.New("the session was terminated")

// wordsOf are the words for a client whose session ends with ctx.
func wordsOf(ctx context.Context) string {
	if errors.Is(context.Cause(ctx), errTerminated) {
		return "The session was terminated."
	}
	return serverStops
}

// tellClient ends a session with a word.
func tellClient(conn *websocket.Conn, session, words string) {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	end := datachannel.Close(session, datachannel.Ending{Words: words}, time.Now())
	if conn.Write(ctx, websocket.MessageBinary, end) == nil {
		closeSoon(conn)
	}
}

// closeSoon closes a connection after what was written to it.
func closeSoon(conn *websocket.Conn) {
	late := time.AfterFunc(closeLimit, func() { _ = conn.CloseNow() })
	defer late.Stop()
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

// relay passes the messages of a session on.
type relay struct {
	session        string
	client, runner *websocket.Conn
}

// run passes messages on until one end is gone or ctx ends. The client is told why, unless the runner has done so.
func (x relay) run(ctx context.Context) {
	life, over := context.WithCancel(context.WithoutCancel(ctx))
	defer over()
	client, runner := make(chan struct{}), make(chan struct{})
	told := false // the runner has ended the session; read once runner is closed
	go func() {
		defer close(client)
		_, _ = pass(life, x.client, x.runner)
	}()
	go func() {
		defer close(runner)
		told, _ = pass(life, x.runner, x.client)
	}()
	gone := make(chan struct{}, 2)
	go ping(life, x.client, gone)
	go ping(life, x.runner, gone)
	select {
	case <-runner:
		if told {
			closeSoon(x.client)
			return
		}
		tellClient(x.client, x.session, lostRunner)
	case <-client:
	case <-gone: // the one that is there is told
		tellClient(x.client, x.session, lostRunner)
	case <-ctx.Done():
		tellClient(x.client, x.session, wordsOf(ctx))
	}
}

// pass passes messages on until one of the connections ends, or a message has ended the session.
func pass(ctx context.Context, from, to *websocket.Conn) (ended bool, err error) {
	for {
		_, b, err := from.Read(ctx)
		if err != nil {
			return false, err
		}
		write, cancel := context.WithTimeout(ctx, relayLimit)
		err = to.Write(write, websocket.MessageBinary, b)
		cancel()
		if err != nil {
			return false, err
		}
		if datachannel.TypeOf(b) == datachannel.Closed {
			return true, nil
		}
	}
}

// ping looks whether an end is there, until ctx ends. It tells gone of one that does not answer.
func ping(ctx context.Context, conn *websocket.Conn, gone chan<- struct{}) {
	every := time.NewTicker(pingEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		call, cancel := context.WithTimeout(ctx, pingLimit)
		err := conn.Ping(call)
		cancel()
		if err != nil {
			gone <- struct{}{}
			return
		}
	}
}
