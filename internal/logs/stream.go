package logs

import (
	"context"
	"net/http"
	"strconv"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/journal"
)

// Stream serves the bytes of a log as they were written: GET slipway.LogPath with group, stream, offset and follow.
// With follow it continues while the log grows. A trailer says that the log is complete.
type Stream struct {
	*Service
	// Verify returns an error if the caller may not read the log, whose group and stream it gets.
	Verify func(r *http.Request, group, stream string) error
	// Fail writes an error as the answer.
	Fail func(w http.ResponseWriter, err error)
}

// ServeHTTP implements http.Handler.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n := journal.Name{Group: q.Get("group"), Stream: q.Get("stream")}
	if err := s.Verify(r, n.Group, n.Stream); err != nil {
		s.Fail(w, err)
		return
	}
	offset, err := strconv.ParseInt("0"+q.Get("offset"), 10, 64)
	if err != nil {
		s.Fail(w, &awsproto.Error{Code: "ValidationException", Message: "offset counts bytes from 0."})
		return
	}
	follow := q.Get("follow") == "true"
	if follow { // also a log that does not exist yet
		if err := s.journal.WaitBytes(r.Context(), n, offset); err != nil {
			s.Fail(w, s.notFound(err, n))
			return
		}
	}
	reader, err := s.journal.Reader(n, offset)
	if err != nil {
		s.Fail(w, s.notFound(err, n))
		return
	}
	defer func() { _ = reader.Close() }()
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	if follow {
		s.follow(r.Context(), w, n, reader)
		return
	}
	left, _, err := reader.State()
	if err != nil {
		s.Fail(w, s.notFound(err, n))
		return
	}
	h.Set("Content-Length", strconv.FormatInt(left, 10))
	_ = reader.Copy(w, left) // the client may have gone away
}

// follow sends a log while it grows, until it is complete or ctx ends.
func (s *Stream) follow(ctx context.Context, w http.ResponseWriter, n journal.Name, reader *journal.Reader) {
	w.Header().Set("Trailer", slipway.LogComplete)
	control := http.NewResponseController(w)
	for {
		left, complete, err := reader.State()
		if err == nil {
			err = reader.Copy(w, left)
		}
		if err == nil {
			err = control.Flush()
		}
		if err == nil && complete {
			w.Header().Set(slipway.LogComplete, "true")
			return
		}
		if err == nil {
			err = s.journal.WaitBytes(ctx, n, reader.Offset())
		}
		if err != nil {
			return // the client asks again from where it got to
		}
	}
}
