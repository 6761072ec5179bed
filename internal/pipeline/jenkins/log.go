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

// maxLog bounds how much of a build's log is kept, in bytes.
const maxLog = 256 << 20

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
	size, err := strconv.ParseInt(answer.Header.Get("X-Text-Size"), 10, 64)
	if err != nil || size < t.b.LogAt {
		size = t.b.LogAt // there is nothing, or the log began anew
	}
	if size == t.b.LogAt {
		return false, false, nil
	}
	written, err := t.write(answer.Body)
	if err != nil {
		return false, false, fmt.Errorf("read Jenkins' log: %w", err)
	}
	t.b.LogAt, t.b.LogSize = size, written
	return true, answer.Header.Get("X-More-Data") == "true", nil
}

// write appends what follows in Jenkins' log to the journal, and returns the size of the journal. The text begins where
// the journal ended when the build was written last: what an attempt appended that was interrupted is not appended
// again.
func (t *turn) write(text io.Reader) (int64, error) {
	group, stream := t.b.log()
	w, err := t.Logs.Append(journal.Name{Group: group, Stream: stream})
	if errors.Is(err, journal.ErrComplete) {
		return t.b.LogSize, nil
	}
	if err != nil {
		return 0, err
	}
	_, err = io.CopyN(io.Discard, text, max(w.Offset()-t.b.LogSize, 0))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil {
		_, err = io.Copy(w, io.LimitReader(text, max(maxLog-w.Offset(), 0)))
	}
	if err == nil && w.Offset() >= maxLog {
		_, err = io.WriteString(w, "\n[The log is longer: Slipway keeps 256 MiB of it]\n")
	}
	size := w.Offset()
	return size, errors.Join(err, w.Leave())
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
