package browsertrace

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/spec/testreport"
)

// event is a line of a trace, with the members of all kinds that are read.
type event struct {
	Type          string
	BrowserName   string
	WallTime      float64 // in ms since 1970
	MonotonicTime float64 // in ms
	Title         string
	Subtitle      string
	APIName       string `json:"apiName"`
	CallID        string `json:"callId"`
	ParentID      string `json:"parentId"`
	Class         string
	Method        string
	StartTime     float64
	EndTime       float64
	Time          float64
	Timestamp     float64
	File          string
	SHA1          string `json:"sha1"`
	MessageType   string
	Text          string
	Message       string
	Error         *struct{ Message string }
	Params        struct{ Selector, URL string }
	Stack         []struct {
		File string
		Line int
	}
}

// step is one while it is read. Its times are of the wall clock, in ms.
type step struct {
	Step
	start, end float64
	parent     int  // its index; -1 for none
	hook       bool // of the test runner, not of the test
}

type frame struct {
	at   float64
	name string
}

type message struct {
	at float64
	Message
}

// reader gathers what the files of a trace say.
type reader struct {
	left      int64 // bytes that may still be read
	truncated bool
	offset    float64 // of the file's clock to the wall's
	title     string
	browser   string
	error     string
	steps     []step
	open      map[string]int // by call
	frames    []frame
	messages  []message
}

// file reads a file of lines. Its steps count where steps is true.
func (r *reader) file(f *zip.File, steps bool) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	r.offset = 0
	clear(r.open)
	n := 0
	return r.lines(in, func(line []byte) error {
		n++
		// Copies of the page's document are most of a trace.
		if len(line) == 0 || bytes.HasPrefix(line, []byte(`{"type":"frame-snapshot"`)) {
			return nil
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		r.event(&e, steps)
		return nil
	})
}

func (r *reader) event(e *event, steps bool) {
	switch e.Type {
	case "context-options":
		r.offset = e.WallTime - e.MonotonicTime
		r.browser, r.title = cmp.Or(r.browser, e.BrowserName), cmp.Or(r.title, text(e.Title))
	case "before":
		if steps {
			r.before(e)
		}
	case "after":
		if steps {
			r.after(e)
		}
	case "error":
		r.error = cmp.Or(r.error, text(e.Message))
	case "console":
		if r.room(len(r.messages), maxMessages) {
			m := Message{Kind: text(e.MessageType), Text: text(e.Text)}
			r.messages = append(r.messages, message{e.Time + r.offset, m})
		}
	case "screencast-frame":
		r.frame(e)
	}
}

func (r *reader) frame(e *event) {
	name := e.File
	if name == "" && e.SHA1 != "" {
		name = "resources/" + e.SHA1
	}
	if isFrame(name) && r.room(len(r.frames), maxFrames) {
		r.frames = append(r.frames, frame{e.Timestamp + r.offset, name})
	}
}

func (r *reader) room(n, limit int) bool {
	r.truncated = r.truncated || n >= limit
	return n < limit
}

func (r *reader) before(e *event) {
	if !r.room(len(r.steps), maxSteps) {
		return
	}
	s := step{parent: -1, start: e.StartTime + r.offset, hook: e.Method == "hook" || e.Method == "test.attach"}
	s.end, s.Unfinished = s.start, true
	s.Title = text(cmp.Or(e.Title, e.APIName, strings.Trim(e.Class+"."+e.Method, ".")))
	s.Subtitle = text(cmp.Or(e.Subtitle, e.Params.URL, e.Params.Selector))
	if i, ok := r.open[e.ParentID]; ok {
		s.parent, s.hook, s.Depth = i, s.hook || r.steps[i].hook, r.steps[i].Depth+1
	}
	if len(e.Stack) > 0 && e.Stack[0].Line > 0 {
		s.Place = text(path.Base(e.Stack[0].File)) + ":" + strconv.Itoa(e.Stack[0].Line)
	}
	r.open[e.CallID] = len(r.steps)
	r.steps = append(r.steps, s)
}

func (r *reader) after(e *event) {
	i, ok := r.open[e.CallID]
	if !ok {
		return
	}
	r.steps[i].end, r.steps[i].Unfinished = e.EndTime+r.offset, false
	if e.Error != nil {
		r.steps[i].Error = text(e.Error.Message)
	}
}

// trace puts together what was read. Of what the test runner does before and after a test only what failed is shown.
func (r *reader) trace() *Trace {
	t := &Trace{Title: r.title, Browser: r.browser, Error: r.error, Truncated: r.truncated}
	slices.SortStableFunc(r.frames, func(a, b frame) int { return cmp.Compare(a.at, b.at) })
	steps := slices.DeleteFunc(r.steps, func(s step) bool { return s.hook && s.Error == "" })
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.start, b.start) })
	began := 0.0
	if len(steps) > 0 {
		began = steps[0].start
	}
	for _, s := range steps {
		s.Start, s.Took = since(s.start, began), since(s.end, s.start)
		s.Frame = r.frameAt(s.end)
		t.Steps = append(t.Steps, s.Step)
	}
	slices.SortStableFunc(r.messages, func(a, b message) int { return cmp.Compare(a.at, b.at) })
	for _, m := range r.messages {
		m.At = since(m.at, began)
		t.Messages = append(t.Messages, m.Message)
	}
	return t
}

// frameAt is the last picture that was taken before a time, or the first one.
func (r *reader) frameAt(at float64) string {
	if len(r.frames) == 0 {
		return ""
	}
	i, _ := slices.BinarySearchFunc(r.frames, at, func(f frame, at float64) int {
		if f.at <= at {
			return -1
		}
		return 1
	})
	return r.frames[max(i-1, 0)].name
}

// since is the time between two times in ms; what makes no sense is 0.
func since(at, began float64) time.Duration {
	if d := at - began; d > 0 && d < float64(24*time.Hour/time.Millisecond) {
		return time.Duration(d * float64(time.Millisecond))
	}
	return 0
}

// text bounds a text, and drops its colours.
func text(s string) string {
	s = testreport.Plain(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return strings.TrimSpace(s)
}
