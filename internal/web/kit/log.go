package kit

import (
	"net/http"
	"strings"

	"slipway/api/slipway"
)

// StreamLog sends a log as text.
func (s *Site) StreamLog(w http.ResponseWriter, r *http.Request, group, stream *string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox")
	for next := int64(0); ; {
		log, err := s.Slipway.ReadLog(
			r.Context(),
			&slipway.ReadLogInput{LogGroupName: group, LogStreamName: stream, FromLine: &next, Lines: new(int32(5000))},
		)
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, l := range log.Lines {
			text.WriteString(*l.Text + "\n")
		}
		if _, err := w.Write(
			[]byte(text.String()),
		); err != nil || len(log.Lines) == 0 ||
			Number(log.NextLine) >= Number(log.TotalLines) {
			return nil //nolint:nilerr // whoever read it has gone
		}
		next = *log.NextLine
	}
}
