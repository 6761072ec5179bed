package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"slipway/internal/journal"
)

const (
	// maxPiece bounds how much of a log one request reads, in bytes.
	maxPiece = 4 << 20
	// maxLog bounds how much of a build's log is kept, in bytes.
	maxLog = 256 << 20
)

// readLog appends what is new in Jenkins' log to the journal. It reports whether there was anything, and whether there
// is more to read before the build can end.
func (t *turn) readLog(ctx context.Context, at string) (grew, more bool, err error) {
	if t.b.LogSize >= maxLog {
		return false, false, nil
	}
	answer, err := t.c.do(ctx, http.MethodGet, at+"/logText/progressiveText",
		url.Values{"start": {strconv.FormatInt(t.b.LogAt, 10)}}, nil, "")
	if err != nil {
		return false, false, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPiece+1))
	if err != nil {
		return false, false, fmt.Errorf("read Jenkins' log: %w", err)
	}
	size, err := strconv.ParseInt(answer.Header.Get("X-Text-Size"), 10, 64)
	if err != nil || size < t.b.LogAt {
		size = t.b.LogAt // there is nothing, or the log began anew
	}
	more = answer.Header.Get("X-More-Data") == "true"
	if len(text) > maxPiece {
		// Where the rest begins in Jenkins' own count is known only at the end of an answer: the piece is too long to
		// be read in parts, and what it holds is cut.
		text = append(text[:maxPiece], "\n[Slipway left out the rest of what Jenkins printed at once]\n"...)
	}
	if len(text) == 0 && size == t.b.LogAt {
		return false, false, nil
	}
	written, err := t.write(text)
	if err != nil {
		return false, false, err
	}
	t.b.LogAt, t.b.LogSize = size, written
	return true, more, nil
}

// write appends a piece to the journal, which begins where the journal ended when the build was written last: what an
// attempt appended that died before that is not appended again. It returns the size of the journal.
func (t *turn) write(piece []byte) (int64, error) {
	group, stream := t.b.log()
	w, err := t.Logs.Append(journal.Name{Group: group, Stream: stream})
	if errors.Is(err, journal.ErrComplete) {
		return t.b.LogSize, nil
	}
	if err != nil {
		return 0, err
	}
	if have := w.Offset() - t.b.LogSize; have > 0 {
		piece = piece[min(have, int64(len(piece))):]
	}
	if left := maxLog - w.Offset(); int64(len(piece)) > left {
		piece = append(piece[:max(left, 0)], "\n[The log is longer: Slipway keeps 256 MiB of it]\n"...)
	}
	if _, err := w.Write(piece); err != nil {
		return 0, errors.Join(err, w.Leave())
	}
	size := w.Offset()
	return size, w.Leave()
}

// closeLog says that the log of a build is complete. A log that cannot be closed stays as it is.
func (s *Service) closeLog(b *Build) {
	if b.Number == 0 {
		return
	}
	group, stream := b.log()
	w, err := s.Logs.Append(journal.Name{Group: group, Stream: stream})
	if err == nil {
		err = w.Close()
	}
	if err != nil && !errors.Is(err, journal.ErrComplete) {
		s.Log.Warn("the log of a build of Jenkins could not be closed", "run", b.Run, "error", err)
	}
}
