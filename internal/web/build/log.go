package build

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// logWindow is a part of a log.
type logWindow struct {
	Lines    []slipway.Line
	From, To int64 // line numbers, To not included
	Total    int64
	Complete bool
	Bad      map[int64]bool // lines that say what went wrong
	Sought   string         // what is looked for, and the line after which to go on
	After    int64
	Missing  bool // no line from there on has it
}

const (
	// linesAPage is how many lines a window holds, and bytesAPage how much text at most; of a line that is
	// longer than longLine its beginning is shown.
	linesAPage = 250
	bytesAPage = 30 << 10
	longLine   = 4000
)

// fit leaves out what has no room on a page: from the end of the window, or from its beginning where its end is
// what matters.
func (l *logWindow) fit(keepEnd bool) {
	left := bytesAPage
	n := 0
	for i := range l.Lines {
		at := i
		if keepEnd {
			at = len(l.Lines) - 1 - i
		}
		if left -= len(kit.Shorten(kit.Text(l.Lines[at].Text), longLine)); left < 0 && n > 0 {
			break
		}
		n++
	}
	if keepEnd {
		l.Lines = l.Lines[len(l.Lines)-n:]
		l.From = l.To - int64(n)
	} else {
		l.Lines = l.Lines[:n]
		l.To = l.From + int64(n)
	}
}

// logName is the log of a build.
func logName(b *codebuild.Build) (group, stream *string) {
	if b.Logs == nil {
		return nil, nil
	}
	return b.Logs.GroupName, b.Logs.StreamName
}

// readWindow reads the part of the log that is asked for: from a line on; else the end of one that runs, the
// cause of one that failed, or the beginning.
func (s *pages) readWindow(r *http.Request, b *buildView) error {
	group, stream := logName(&b.Build.Build)
	if group == nil || stream == nil {
		return nil
	}
	in := &slipway.ReadLogInput{LogGroupName: group, LogStreamName: stream, Lines: new(int32(linesAPage))}
	b.where(r.URL.Query().Get("from"), in)
	log, err := s.Slipway.ReadLog(r.Context(), in)
	if awsproto.Code(err) == "LogNotFoundException" {
		return nil
	}
	if err != nil {
		return err
	}
	b.Log = logWindow{
		Lines:    log.Lines,
		To:       kit.Number(log.NextLine),
		Total:    kit.Number(log.TotalLines),
		Complete: log.Complete != nil && *log.Complete,
		Bad:      map[int64]bool{},
	}
	b.Log.From = b.Log.To - int64(len(log.Lines))
	b.Log.fit(in.FromEnd != nil)
	q := r.URL.Query()
	b.Log.Sought, b.Log.Missing = q.Get("q"), q.Get("none") != ""
	if n, ok := lineNumber(q.Get("hit")); ok {
		b.Log.After = n + 1
	}
	if b.Why != nil {
		for _, l := range b.Why.Lines {
			b.Log.Bad[*l.Number] = true
		}
	}
	return nil
}

// where sets which part of the log is read: what is asked for, or what is likely wanted.
func (b *buildView) where(asked string, in *slipway.ReadLogInput) {
	from, ok := lineNumber(asked)
	switch {
	case ok:
		in.FromLine = &from
	case asked == "end" || b.Kind == kit.Running || b.Kind == kit.Queued:
		in.FromEnd = new(true)
	case b.Why != nil && b.Why.Line != nil:
		if from := *b.Why.Line - 20; from > linesAPage/2 { // else the beginning has room on the same page
			in.FromLine = &from
		}
	}
}

// lineNumber reads a line's number, which people count from one.
func lineNumber(s string) (int64, bool) {
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return max(0, n-1), s != ""
}

// rawLog streams the whole log as text.
func (s *pages) rawLog(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	b, err := s.build(r)
	if err != nil {
		return err
	}
	group, stream := logName(b)
	return s.StreamLog(w, r, group, stream)
}

// liveLog sends the lines of a log as they come, as rows of the page, until it is complete.
func (s *pages) liveLog(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	b, err := s.build(r)
	if err != nil {
		return err
	}
	group, stream := logName(b)
	next, _ := lineNumber(r.URL.Query().Get("from"))
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		next, _ = lineNumber(last)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		log, err := s.Slipway.ReadLog(
			r.Context(),
			&slipway.ReadLogInput{
				LogGroupName:  group,
				LogStreamName: stream,
				FromLine:      &next,
				Lines:         new(int32(linesAPage)),
				WaitSeconds:   new(int32(15)),
			},
		)
		if awsproto.Code(err) == "LogNotFoundException" { // the build has not begun
			select {
			case <-r.Context().Done():
				return nil
			case <-time.After(time.Second):
				continue
			}
		}
		if err != nil {
			return nil //nolint:nilerr // the stream ends, and the page asks again
		}
		next = kit.Number(log.NextLine)
		complete := log.Complete != nil && *log.Complete && next >= kit.Number(log.TotalLines)
		text, err := logEvents(r.Context(), log, complete)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if _, err := w.Write([]byte(text)); err != nil || out.Flush() != nil || complete {
			return nil //nolint:nilerr // whoever looked has gone
		}
	}
}

// logEvents are the events that carry lines of a log, and that say that it is complete.
func logEvents(ctx context.Context, log *slipway.ReadLogOutput, complete bool) (string, error) {
	var text strings.Builder
	text.WriteString(": still here\n")
	for _, l := range log.Lines {
		var row strings.Builder
		if err := logLine(l, false, false).Render(ctx, &row); err != nil {
			return "", err
		}
		text.WriteString("data: " + strings.ReplaceAll(row.String(), "\n", " ") + "\n")
	}
	if len(log.Lines) > 0 {
		text.WriteString("event: lines\nid: " + kit.Itoa(kit.Number(log.NextLine)+1) + "\n")
	}
	text.WriteString("\n")
	if complete {
		text.WriteString("event: complete\ndata: \n\n")
	}
	return text.String(), nil
}

// findInLog leads to the next line that has a text.
func (s *pages) findInLog(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	b, err := s.build(r)
	if err != nil {
		return err
	}
	group, stream := logName(b)
	q := r.URL.Query().Get("q")
	next, _ := lineNumber(r.URL.Query().Get("after"))
	to := "/builds/" + url.PathEscape(*b.Id) + "?" + url.Values{"q": {q}}.Encode()
	for q != "" {
		log, err := s.Slipway.ReadLog(
			r.Context(),
			&slipway.ReadLogInput{LogGroupName: group, LogStreamName: stream, FromLine: &next, Lines: new(int32(5000))},
		)
		if err != nil {
			return err
		}
		for _, l := range log.Lines {
			if kit.Contains(kit.Text(l.Text), q) {
				http.Redirect(
					w,
					r,
					fmt.Sprintf("%s&from=%d&hit=%d#L%d", to, max(1, *l.Number-20), *l.Number+1, *l.Number+1),
					http.StatusSeeOther,
				)
				return nil
			}
		}
		if next = kit.Number(log.NextLine); len(log.Lines) == 0 || next >= kit.Number(log.TotalLines) {
			break
		}
	}
	http.Redirect(w, r, to+"&none=1", http.StatusSeeOther)
	return nil
}
