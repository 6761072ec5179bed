package browsertrace

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/spec/spectest"
)

// packed makes a trace of files by their names.
func packed(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	ownSteps = `{"version":10,"type":"context-options","wallTime":1000,"monotonicTime":100,"title":"shop.spec.js › sum"}
{"type":"before","callId":"h","startTime":100,"class":"Test","method":"hook","title":"Before Hooks"}
{"type":"before","callId":"h2","parentId":"h","startTime":101,"class":"Test","method":"fixture","title":"Fixture"}
{"type":"after","callId":"h2","endTime":102}
{"type":"after","callId":"h","endTime":103}
{"type":"before","callId":"a","startTime":110,"title":"Buy","stack":[{"file":"/w/tests/shop.spec.js","line":4}]}
{"type":"before","callId":"b","parentId":"a","startTime":120,"title":"Click","subtitle":"locator('button')"}
{"type":"after","callId":"b","endTime":150,"error":{"message":"\u001b[31mno such\u001b[39m button"}}
{"type":"after","callId":"a","endTime":160}
{"type":"before","callId":"c","startTime":170,"class":"Page","method":"close"}
{"type":"error","message":"it failed"}
`
	library = `{"version":10,"type":"context-options","browserName":"chromium","wallTime":1005,"monotonicTime":5,"title":"x"}
{"type":"before","callId":"b","startTime":1,"apiName":"page.click"}
{"type":"frame-snapshot","snapshot":{"html":["broken
{"type":"console","messageType":"error","text":"oh","time":35}
{"type":"screencast-frame","file":"screencast/2.jpeg","timestamp":60}
{"type":"screencast-frame","file":"screencast/1.jpeg","timestamp":20}
{"type":"screencast-frame","file":"../../etc/passwd","timestamp":21}`
	// Earlier versions have the calls of the library alone.
	older = `{"version":4,"type":"context-options","browserName":"firefox","wallTime":0,"monotonicTime":0}
{"type":"before","callId":"1","startTime":5,"apiName":"page.goto","params":{"url":"http://x/"},"class":"Frame","method":"goto"}
{"type":"screencast-frame","sha1":"p-1.jpeg","timestamp":6}
{"type":"after","callId":"1","endTime":8}`
)

func readAll(t *testing.T, files ...string) *Trace {
	t.Helper()
	b := packed(t, files...)
	tr, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func said(tr *Trace) string {
	var b strings.Builder
	for _, s := range tr.Steps {
		fmt.Fprintf(&b, "%s%s|%s|%s+%s|%v|%s|%s|%s\n", strings.Repeat(" ", s.Depth), s.Title, s.Subtitle, s.Start, s.Took,
			s.Unfinished, s.Error, s.Place, s.Frame)
	}
	for _, m := range tr.Messages {
		fmt.Fprintf(&b, "%s %s %s\n", m.At, m.Kind, m.Text)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	tr := readAll(t, "1-trace.trace", library, "test.trace", ownSteps, "screencast/1.jpeg", "picture")
	want := `Buy||0s+50ms|false||shop.spec.js:4|screencast/2.jpeg
 Click|locator('button')|10ms+30ms|false|no such button||screencast/1.jpeg
Page.close||60ms+0s|true|||screencast/2.jpeg
25ms error oh
`
	if got := said(tr); got != want || tr.Error != "it failed" || tr.Browser != "chromium" || tr.Truncated {
		t.Errorf("%+v\n%s", tr, got)
	}
	tr = readAll(t, "trace.trace", older)
	if got := said(tr); got != "page.goto|http://x/|0s+3ms|false|||resources/p-1.jpeg\n" || tr.Browser != "firefox" {
		t.Error(got)
	}
}

func TestFrames(t *testing.T) {
	b := packed(t, "screencast/1.jpeg", "picture", "secret.trace", "text", "resources/big.png",
		strings.Repeat("x", maxFrame+1))
	frame := func(name string) string {
		p, err := Frame(bytes.NewReader(b), int64(len(b)), name)
		if err != nil {
			return "error: " + err.Error()
		}
		return string(p)
	}
	if got := frame("screencast/1.jpeg"); got != "picture" {
		t.Error(got)
	}
	for name, want := range map[string]string{
		"secret.trace":      `error: the trace has no picture "secret.trace"`,
		"screencast/2.jpeg": `error: the trace has no picture "screencast/2.jpeg"`,
		"resources/big.png": "error: the picture has more than 8 MB",
	} {
		if got := frame(name); got != want {
			t.Errorf("%s: %.100s", name, got)
		}
	}
}

func TestHostileTraces(t *testing.T) {
	long := `{"type":"console","text":"` + strings.Repeat("x", maxLine) + `"}` + "\n" + ownSteps
	if tr := readAll(t, "test.trace", long); !tr.Truncated || len(tr.Steps) != 3 {
		t.Errorf("%v, %d steps", tr.Truncated, len(tr.Steps))
	}
	many := strings.Repeat(`{"type":"before","callId":"a","parentId":"a","startTime":1}`+"\n", 3*maxSteps) +
		strings.Repeat(`{"type":"console","text":"x"}`+"\n", 3*maxMessages) +
		strings.Repeat(`{"type":"screencast-frame","file":"screencast/1.jpeg"}`+"\n", 3*maxFrames)
	tr := readAll(t, "test.trace", many)
	if !tr.Truncated || len(tr.Steps) != maxSteps || len(tr.Messages) != maxMessages {
		t.Errorf("%v, %d steps, %d messages", tr.Truncated, len(tr.Steps), len(tr.Messages))
	}
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"no trace":   {[]string{"x", "y"}, "this is no trace of Playwright: it has no file *.trace"},
		"not JSON":   {[]string{"a.trace", "{}\n{"}, "a.trace: line 2: unexpected end of JSON input"},
		"wrong kind": {[]string{"a.trace", `{"type":7}`}, "a.trace: line 1: json: cannot unmarshal number into"},
	} {
		b := packed(t, c.files...)
		if _, err := Read(bytes.NewReader(b), int64(len(b))); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(strings.NewReader("no zip"), 6); err == nil {
		t.Error("a file that is no zip is read")
	}
	if _, err := Read(nil, MaxZip+1); err == nil {
		t.Error("a zip that is too large is read")
	}
}

// A zip that holds more than is read is read no further.
func TestBomb(t *testing.T) {
	const limit = 1 << 20
	b := packed(t, "0.trace", strings.Repeat("\n", limit+1), "test.trace", ownSteps)
	tr, err := read(bytes.NewReader(b), int64(len(b)), limit)
	if err != nil || !tr.Truncated || len(tr.Steps) != 0 {
		t.Errorf("%+v, %v", tr, err)
	}
}

func TestReadingTakesLinearTime(t *testing.T) {
	spectest.Linear(t, 2000, func(n int) func() {
		b := packed(t, "test.trace", strings.Repeat(`{"type":"log","message":"waiting for it"}`+"\n", n)+ownSteps)
		return func() { _, _ = Read(bytes.NewReader(b), int64(len(b))) }
	})
}

func TestSince(t *testing.T) {
	for _, c := range []struct {
		at, began float64
		want      time.Duration
	}{{5, 2, 3 * time.Millisecond}, {2, 5, 0}, {1e300, 0, 0}} {
		if got := since(c.at, c.began); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(ownSteps)
	f.Add(library)
	f.Add(older)
	f.Fuzz(func(t *testing.T, text string) {
		b := packed(t, "test.trace", text, "0.trace", text)
		tr, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, s := range tr.Steps {
			if s.Took < 0 || s.Start < 0 || len(s.Title) > maxText+3 || s.Frame != "" && !isFrame(s.Frame) {
				t.Errorf("%+v", s)
			}
		}
	})
}
