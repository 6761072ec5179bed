package datachannel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

func FuzzDecode(f *testing.F) {
	m := Message{Type: Input, Created: time.UnixMilli(1700000000000), Sequence: 3, ID: uuid.New(), Kind: Bytes,
		Payload: []byte("ls\r")}
	f.Add(m.Encode())
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, payloadAt))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(m.Encode())
		if err != nil || again.Sequence != m.Sequence || again.ID != m.ID || again.Kind != m.Kind ||
			!bytes.Equal(again.Payload, m.Payload) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}

// A message of AWS's plugin, byte for byte: its header and the halves of the ID in their order.
func TestLayout(t *testing.T) {
	m := Message{Type: Acknowledge, Created: time.UnixMilli(0x0102), Sequence: 0x0304, Flags: 3, Kind: Size,
		ID: uuid.MustParse("00112233-4455-6677-8899-aabbccddeeff"), Payload: []byte("x")}
	b := m.Encode()
	if len(b) != 121 || b[3] != 116 || string(b[4:36]) != "acknowledge"+strings.Repeat(" ", 21) || b[39] != 1 ||
		b[46] != 1 || b[47] != 2 || b[54] != 3 || b[55] != 4 || b[63] != 3 || b[64] != 0x88 || b[72] != 0 ||
		b[73] != 0x11 || b[115] != 3 || b[119] != 1 || b[120] != 'x' {
		t.Errorf("% x", b)
	}
	for name, bad := range map[string]func([]byte) []byte{
		"short":          func(b []byte) []byte { return b[:100] },
		"another header": func(b []byte) []byte { b[3] = 4; return b },
		"too long":       func(b []byte) []byte { return append(b, make([]byte, MaxMessage)...) },
		"length":         func(b []byte) []byte { b[119] = 9; return b },
		"digest":         func(b []byte) []byte { b[120] = 'y'; return b },
	} {
		if _, err := Decode(bad(bytes.Clone(b))); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
}

// echoing is a terminal that shows what is typed, and ends with the exit code 7 at a Q.
type echoing struct {
	r     *io.PipeReader
	w     *io.PipeWriter
	mu    sync.Mutex
	sizes []WindowSize
	over  sync.Once
}

func newEchoing() *echoing {
	r, w := io.Pipe()
	return &echoing{r: r, w: w}
}

func (e *echoing) Read(p []byte) (int, error) { return e.r.Read(p) }
func (e *echoing) Write(p []byte) (int, error) {
	if bytes.HasSuffix(p, []byte("Q")) {
		_, err := e.w.Write(p[:len(p)-1])
		_ = e.w.Close()
		return len(p), err
	}
	return e.w.Write(p)
}
func (e *echoing) Resize(s WindowSize) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sizes = append(e.sizes, s)
	return nil
}

func (e *echoing) resized() []WindowSize {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.sizes)
}

func (*echoing) Wait() (int, error) { return 7, nil }
func (e *echoing) Close() error {
	e.over.Do(func() { _ = e.w.CloseWithError(io.EOF); _ = e.r.Close() })
	return nil
}

// pair connects a client with a terminal.
func pair(t *testing.T, ctx context.Context, term Terminal) (*Client, <-chan error) {
	t.Helper()
	served := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		_, text, err := conn.Read(r.Context())
		if o, bad := ReadOpening(text); err != nil || bad != nil || o.TokenValue != "token" {
			t.Errorf("it opens with %s: %v, %v", text, err, bad)
		}
		served <- Serve(ctx, conn, "session", term)
	}))
	t.Cleanup(s.Close)
	c, err := Open(t.Context(), s.Client(), "ws"+strings.TrimPrefix(s.URL, "http"), "token", "1")
	if err != nil {
		t.Fatal(err)
	}
	return c, served
}

func TestASession(t *testing.T) {
	term := newEchoing()
	c, served := pair(t, t.Context(), term)
	var out bytes.Buffer
	text := strings.Repeat("0123456789abcdef", 64<<10) // a megabyte, far more than may be on its way
	go func() {
		_ = c.Resize(t.Context(), WindowSize{Cols: 1 << 20, Rows: 0})
		_ = c.Type(t.Context(), []byte(text+"Q"))
	}()
	ending, err := c.Run(t.Context(), &out)
	if err != nil || ending.ExitCode == nil || *ending.ExitCode != 7 || ending.Words != "" {
		t.Fatalf("%+v, %v", ending, err)
	}
	if out.String() != text {
		t.Errorf("%d bytes came back of %d", out.Len(), len(text))
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if all := term.resized(); len(all) != 1 || all[0] != (WindowSize{4096, 1}) {
		t.Errorf("the sizes are %v", all)
	}
}

func TestTheCauseIsTold(t *testing.T) {
	ctx, end := context.WithCancelCause(t.Context())
	c, served := pair(t, ctx, newEchoing())
	go func() { _ = c.Type(t.Context(), []byte("begun")) }()
	shown := &telling{told: func() { end(errors.New("the sandbox was stopped")) }}
	ending, err := c.Run(t.Context(), shown)
	if err != nil || ending.Words != "The sandbox was stopped." || ending.ExitCode != nil {
		t.Errorf("%+v, %v", ending, err)
	}
	if err := <-served; err == nil {
		t.Error("no cause is returned")
	}
}

// telling calls a function when something is written to it.
type telling struct{ told func() }

func (w *telling) Write(p []byte) (int, error) {
	w.told()
	return len(p), nil
}

// A client that goes away ends the session.
func TestAClientGoesAway(t *testing.T) {
	c, served := pair(t, t.Context(), newEchoing())
	go func() { _ = c.Type(t.Context(), []byte("begun")) }()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.Run(ctx, &telling{told: cancel}); err == nil {
		t.Error("it ended in order")
	}
	if err := <-served; !errors.Is(err, errLeft) {
		t.Errorf("the session ended with %v", err)
	}
}

// What an end has no room for is not acknowledged, and comes again.
func TestWhatIsNotTakenComesAgain(t *testing.T) {
	q := newQueue()
	for range maxQueued / maxPayload {
		if !q.add(make([]byte, maxPayload)) {
			t.Fatal("a queue has no room")
		}
	}
	if q.add([]byte{1}) {
		t.Error("a full queue takes more")
	}
	if _, err := q.next(t.Context()); err != nil || !q.add([]byte{1}) {
		t.Error("a queue that has room takes nothing")
	}
}
