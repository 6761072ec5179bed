package runner

import (
	"context"
	"errors"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/journal"
)

const (
	// handOverBytes is how much of a log goes to the server at once, in bytes.
	handOverBytes = 2 << 20
	// gather is how long a few bytes of a log wait for more, so that a line is no request of its own.
	gather = 50 * time.Millisecond
	// gathered is how many bytes of a log wait for no more.
	gathered = 64 << 10
)

// logFile is the log of a build in the runner's own journal, from where it is handed over to the server.
type logFile struct {
	*journal.Writer
	over *handOver
}

// Write implements io.Writer.
func (l *logFile) Write(p []byte) (int, error) {
	n, err := l.Writer.Write(p)
	l.over.wake()
	return n, err
}

// handOver carries the log of a build to the server, by offset: what was sent twice counts once. The log stays in the
// runner's journal until the server has all of it.
type handOver struct {
	server *server
	id     string
	name   journal.Name
	sent   int64  // how many bytes the server has
	before func() // is called before a part is sent that is not the last; nil for nothing

	more   chan struct{} // has an element if bytes came
	finish chan struct{} // closed when no more will come
	once   sync.Once
	done   chan struct{} // closed when the server has the whole log, or does not want it
}

// openLog opens the log of a build and begins to hand it over, until ctx ends. before is called before each part but
// the last.
func (s *server) openLog(ctx context.Context, id string, o slipway.Order, before func()) (*logFile, error) {
	name := journal.Name{Group: o.Group, Stream: o.Stream}
	w, err := s.journal.Append(name)
	if err != nil {
		return nil, err
	}
	return &logFile{w, s.handOver(ctx, id, name, before)}, nil
}

// handOver begins to hand over a log.
func (s *server) handOver(ctx context.Context, id string, name journal.Name, before func()) *handOver {
	h := &handOver{
		server: s,
		id:     id,
		name:   name,
		before: before,
		more:   make(chan struct{}, 1),
		finish: make(chan struct{}),
		done:   make(chan struct{}),
	}
	s.started.Go(func() { h.run(ctx) })
	return h
}

// wake says that bytes have come.
func (h *handOver) wake() {
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// wait waits until the server has the log, which gets no more bytes. It reports false if ctx ended before.
func (h *handOver) wait(ctx context.Context) bool {
	h.once.Do(func() { close(h.finish) })
	select {
	case <-h.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// run sends what comes, until the server has all of it or ctx ends.
func (h *handOver) run(ctx context.Context) {
	for pause := time.Duration(0); ctx.Err() == nil; {
		b, err := h.server.journal.Bytes(ctx, h.name, h.sent, handOverBytes)
		if err == nil && len(b.Data) == 0 && !b.Complete {
			h.gather(ctx)
			continue
		}
		over := false
		if err == nil {
			over, err = h.send(ctx, b)
		}
		if err != nil {
			pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
			if ctx.Err() == nil {
				h.server.log.Warn("a log cannot be handed over", "build", h.id, "error", err, "again", pause)
			}
			wait(ctx, pause)
			continue
		}
		pause = 0
		if over {
			h.end()
			return
		}
		if b.Size-h.sent < gathered && !b.Complete {
			h.gather(ctx)
		}
	}
}

// gather waits until there is something to send, and a little longer for more.
func (h *handOver) gather(ctx context.Context) {
	select {
	case <-h.finish:
		return
	case <-h.more:
	case <-ctx.Done():
		return
	}
	t := time.NewTimer(gather)
	defer t.Stop()
	select {
	case <-t.C:
	case <-h.finish:
	case <-ctx.Done():
	}
}

// send sends a part of the log. It reports true once the server has all, or does not want it.
func (h *handOver) send(ctx context.Context, b journal.Bytes) (over bool, err error) {
	in := &slipway.AppendLogInput{Id: &h.id, Runner: &h.server.Name, Offset: new(h.sent), Data: b.Data}
	for _, m := range b.Marks {
		in.Marks = append(in.Marks, slipway.LogMark{Offset: new(m.Offset), Time: awsproto.At(m.Time)})
	}
	if b.Complete && h.sent+int64(len(b.Data)) >= b.Size {
		in.Complete = new(true)
	} else if h.before != nil {
		h.before()
	}
	call, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	out, err := h.server.logs.AppendLog(call, in)
	if _, gone := errors.AsType[*slipway.BuildNotFoundException](err); gone {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	fault.Point("runner.logged")
	h.sent = value(out.Offset)
	return value(out.Complete), nil
}

// end removes the log from the runner's journal.
func (h *handOver) end() {
	h.server.dropLog(h.name)
	close(h.done)
}

// dropLog removes a log from the runner's journal.
func (s *server) dropLog(n journal.Name) {
	if err := s.journal.Remove(n); err != nil {
		s.log.Warn("cannot remove a log", "log", n, "error", err)
	}
}

// dropLogs removes the logs of builds that this runner has no record of: the server has them, or did not want them.
func (s *server) dropLogs(ctx context.Context, records []record) error {
	const page = 1000
	known := map[journal.Name]bool{}
	for _, r := range records {
		known[journal.Name{Group: r.order.Group, Stream: r.order.Stream}] = true
	}
	groups, err := s.journal.Groups(ctx, "", "", page)
	if err != nil {
		return err
	}
	for _, g := range groups {
		streams, err := s.journal.Streams(ctx, g.Name, "", "", page)
		if err != nil {
			return err
		}
		for _, stream := range streams {
			if n := (journal.Name{Group: g.Name, Stream: stream.Name}); !known[n] {
				s.dropLog(n)
			}
		}
	}
	return nil
}
