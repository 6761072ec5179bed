package router

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// sender sends a request's body while the response may be on its way already.
type sender struct {
	body        *requestBody
	ended       chan struct{}
	err         error // of the client or the target
	broke       atomic.Bool
	interrupted bool // the body was not wanted to its end
	stalled     bool // the client was waited for then
}

func startSender(u *upstream, q *incoming) *sender {
	q.ask()
	s := &sender{body: q.body, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		if q.ContentLength > 0 {
			_, s.err = io.CopyN(u.watched, q.Body, q.ContentLength)
		} else {
			s.err = sendChunks(u.watched, q.Body)
		}
		if s.err != nil { // the target waits for the rest in vain
			s.broke.Store(true)
			_ = u.Close()
		}
	}()
	return s
}

// sendChunks sends a body of unknown length.
func sendChunks(to io.Writer, body io.Reader) error {
	pooled := buffers.Get().(*[]byte)
	defer buffers.Put(pooled)
	const room = 20 // for the length of a chunk, and what stands around it
	b := (*pooled)[:cap(*pooled)]
	for {
		n, err := body.Read(b[room : len(b)-2])
		if n > 0 {
			size := strconv.AppendInt(b[:0], int64(n), 16)
			start := room - len(size) - 2
			copy(b[start:], size)
			copy(b[room-2:], "\r\n")
			copy(b[room+n:], "\r\n")
			if _, werr := to.Write(b[start : room+n+2]); werr != nil {
				return werr
			}
		}
		if err == io.EOF {
			_, err = io.WriteString(to, "0\r\n\r\n")
			return err
		}
		if err != nil {
			return err
		}
	}
}

// end ends the sending; whole reports whether the body was sent whole. A response may come before that: then nobody
// wants the rest.
func (s *sender) end(w http.ResponseWriter) (whole bool) {
	if s == nil {
		return true
	}
	select {
	case <-s.ended:
	default:
		if s.broke.Load() {
			<-s.ended
			break
		}
		s.interrupted, s.stalled = true, s.body.reading.Load()
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)) // ends a read of the body
		<-s.ended
	}
	return s.err == nil
}

// fault is the status for a client because of which an exchange failed, once the sending has ended: its body broke off,
// was malformed, or did not come for so long that the target's connection expired. It is 0 if the client is not to
// blame.
func (s *sender) fault(expired bool) int {
	switch {
	case s == nil:
		return 0
	case !s.interrupted:
		return s.body.fault()
	case expired && s.stalled:
		return http.StatusRequestTimeout
	}
	return 0
}
