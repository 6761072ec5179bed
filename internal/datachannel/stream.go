package datachannel

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

const (
	// maxPayload is how much of a terminal's bytes a message carries at most.
	maxPayload = 4 << 10
	// window is how many messages of a stream may be sent without being acknowledged. A sender waits then.
	window = 64
	// maxQueued bounds what an end has received and not used yet, in bytes. What comes then is not acknowledged, so
	// that it comes again.
	maxQueued = 256 << 10
	// maxParts bounds the same in messages.
	maxParts = 4096
	// firstAgain and lastAgain are when a message that is not acknowledged is sent again, from try to try.
	firstAgain, lastAgain = 300 * time.Millisecond, 5 * time.Second
	// writeLimit is how long a message may take to be written before the other end counts as gone.
	writeLimit = 30 * time.Second
)

// stream is one end of a data channel: numbered messages that it sends, and numbered ones that it receives, each until
// the other end has it. A message that the other end sends is given to take in order. take must not block; it reports
// false for one that it has no room for, which comes again.
type stream struct {
	conn *websocket.Conn
	out  Type // of its own messages
	take func(*Message) bool

	sending  sync.Mutex // messages are written in the order of their numbers
	mu       sync.Mutex
	next     int64 // the number of the next message that is sent
	expected int64 // the number of the next message that is taken
	waiting  []*sentMessage
	room     chan struct{} // closed and made anew whenever waiting becomes shorter
	pause    time.Duration
	again    *time.Timer
}

type sentMessage struct {
	sequence int64
	bytes    []byte
}

func newStream(conn *websocket.Conn, out Type, take func(*Message) bool) *stream {
	conn.SetReadLimit(MaxMessage)
	return &stream{conn: conn, out: out, take: take, room: make(chan struct{}), pause: firstAgain}
}

// run reads messages until ctx or the connection ends, or the other end closes the channel: then it returns how.
func (s *stream) run(ctx context.Context) (*Ending, error) {
	s.mu.Lock()
	s.again = time.AfterFunc(time.Hour, s.resend)
	s.again.Stop()
	s.mu.Unlock()
	defer s.again.Stop()
	for {
		_, b, err := s.conn.Read(ctx)
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
		m, err := Decode(b)
		if err != nil {
			return nil, err
		}
		switch m.Type {
		case Acknowledge:
			s.acknowledged(m)
		case Closed:
			return readEnding(m)
		case Input, Output:
			if m.Type != s.out {
				err = s.receive(m)
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

func readEnding(m *Message) (*Ending, error) {
	var c closedPayload
	if err := json.Unmarshal(m.Payload, &c); err != nil {
		return nil, fmt.Errorf("the end of the session cannot be read: %w", err)
	}
	return &Ending{Words: c.Output, ExitCode: c.ExitCode}, nil
}

// receive takes a message of the other end's stream, and acknowledges it. One that was taken before is acknowledged
// again; one that comes too early is left for later.
func (s *stream) receive(m *Message) error {
	if m.Sequence > s.expected || m.Sequence == s.expected && !s.take(m) {
		return nil
	}
	if m.Sequence == s.expected {
		s.expected++
	}
	text, _ := json.Marshal(acknowledgement{ //nolint:errchkjson // texts and numbers
		Type: m.Type, ID: m.ID.String(), Sequence: m.Sequence, Sequential: true})
	a := Message{Type: Acknowledge, Created: time.Now(), Flags: notSequential, ID: uuid.New(), Payload: text}
	return s.write(a.Encode())
}

// acknowledged forgets a message that the other end has.
func (s *stream) acknowledged(m *Message) {
	var a acknowledgement
	if json.Unmarshal(m.Payload, &a) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.waiting {
		if w.sequence != a.Sequence {
			continue
		}
		s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
		s.pause = firstAgain
		close(s.room)
		s.room = make(chan struct{})
		break
	}
	s.schedule()
}

// schedule has what is not acknowledged sent again after the present pause. mu is held.
func (s *stream) schedule() {
	if s.again == nil {
		return
	}
	if len(s.waiting) == 0 {
		s.again.Stop()
		return
	}
	s.again.Reset(s.pause)
}

// resend sends what is not acknowledged once more, and waits longer the next time.
func (s *stream) resend() {
	s.mu.Lock()
	left := append([]*sentMessage(nil), s.waiting...)
	s.pause = min(2*s.pause, lastAgain)
	s.mu.Unlock()
	for _, w := range left {
		if s.write(w.bytes) != nil {
			return // run hears of the broken connection
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule()
}

// send sends a message of this end's stream. It waits while there are too many that the other end does not have yet.
func (s *stream) send(ctx context.Context, kind Kind, payload []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	for {
		s.mu.Lock()
		if len(s.waiting) < window {
			break
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	m := Message{Type: s.out, Created: time.Now(), Sequence: s.next, ID: uuid.New(), Kind: kind, Payload: payload}
	b := m.Encode()
	s.next++
	s.waiting = append(s.waiting, &sentMessage{m.Sequence, b})
	if len(s.waiting) == 1 {
		s.schedule()
	}
	s.mu.Unlock()
	return s.write(b)
}

// settle waits until the other end has all that was sent.
func (s *stream) settle(ctx context.Context) {
	for {
		s.mu.Lock()
		left, room := len(s.waiting), s.room
		s.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-room:
		case <-ctx.Done():
			return
		}
	}
}

// write has a time of its own and no caller's context: one that ends within a write breaks the connection, over which
// the last words are still to be sent.
func (s *stream) write(b []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	return s.conn.Write(ctx, websocket.MessageBinary, b)
}

// queue holds bytes that were received until they are used.
type queue struct {
	mu     sync.Mutex
	parts  [][]byte
	size   int
	filled chan struct{} // has an element when there may be a part

	drained func() // is called when there is no part left
}

func newQueue() *queue { return &queue{filled: make(chan struct{}, 1)} }

// add keeps a part. It reports false if there is no room for it.
func (q *queue) add(p []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.parts) >= maxParts || q.size > 0 && q.size+len(p) > maxQueued {
		return false
	}
	q.parts, q.size = append(q.parts, p), q.size+len(p)
	select {
	case q.filled <- struct{}{}:
	default:
	}
	return true
}

// finish calls a function once all parts were taken, or at once if there are none.
func (q *queue) finish(then func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.parts) == 0 {
		then()
		return
	}
	q.drained = then
}

// next waits for a part and takes it.
func (q *queue) next(ctx context.Context) ([]byte, error) {
	for {
		q.mu.Lock()
		if len(q.parts) > 0 {
			p := q.parts[0]
			q.parts, q.size = q.parts[1:], q.size-len(p)
			if len(q.parts) == 0 && q.drained != nil {
				q.drained()
			}
			q.mu.Unlock()
			return p, nil
		}
		q.mu.Unlock()
		select {
		case <-q.filled:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
