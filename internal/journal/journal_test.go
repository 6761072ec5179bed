package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var build = Name{"/aws/codebuild/web", "6f1a0b1e-1f0b-4d5c-9d7e-0a1b2c3d4e5f"}

func open(t testing.TB) *Journal {
	t.Helper()
	j, err := Open(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func write(t testing.TB, w *Writer, s string) {
	t.Helper()
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func writer(t testing.TB, j *Journal) *Writer {
	t.Helper()
	w, err := j.Append(build)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Leave() })
	return w
}

func texts(p Page) []string {
	out := []string{}
	for _, l := range p.Lines {
		out = append(out, l.Text)
	}
	return out
}

// cut is what the lines of a log are, said the slow way.
func cut(b []byte, complete bool) []string {
	var lines []string
	var line []byte
	for _, c := range b {
		if c == '\n' {
			lines, line = append(lines, string(line)), nil
			continue
		}
		if len(line) == MaxLine {
			lines, line = append(lines, string(line)), nil
		}
		line = append(line, c)
	}
	if complete && len(line) > 0 {
		lines = append(lines, string(line))
	}
	return lines
}

func TestReadersSeeEachByteAtOnce(t *testing.T) {
	j, ctx := open(t), t.Context()
	if _, err := j.Read(ctx, build, Query{}); !errors.Is(err, ErrNotExist) {
		t.Fatalf("a log that is not there: %v", err)
	}
	w := writer(t, j)
	write(t, w, "one\ntw")
	other, err := Open(j.dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := other.Read(ctx, build, Query{})
	if err != nil || fmt.Sprint(texts(p)) != "[one]" || p.Total != 1 || p.Next != 1 || p.Complete {
		t.Fatalf("%+v %v", p, err)
	}
	if w.Lines() != 1 || w.Offset() != 6 || !w.MidLine() {
		t.Fatalf("%d lines, %d bytes", w.Lines(), w.Offset())
	}
	write(t, w, "o\n\nlast")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err = other.Read(ctx, build, Query{})
	if err != nil || fmt.Sprintf("%q", texts(p)) != `["one" "two" "" "last"]` || p.Total != 4 || p.Next != 4 ||
		!p.Complete {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := j.Append(build); !errors.Is(err, ErrComplete) {
		t.Fatalf("a complete log was opened again: %v", err)
	}
	if p, err = j.Read(ctx, build, Query{Tail: true, Limit: 2}); err != nil ||
		fmt.Sprintf("%q", texts(p)) != `["" "last"]` || p.Lines[0].Number != 2 {
		t.Fatalf("tail: %+v %v", p, err)
	}
	if p, err = j.Read(ctx, build, Query{From: 99}); err != nil || len(p.Lines) != 0 || p.Next != 99 {
		t.Fatalf("past the end: %+v %v", p, err)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	j := open(t)
	w := writer(t, j)
	if _, err := j.Append(build); !errors.Is(err, ErrBusy) {
		t.Fatal(err)
	}
	if err := w.Leave(); err != nil {
		t.Fatal(err)
	}
	writer(t, j)
}

func TestLinesHaveTimesAndSeekFindsThem(t *testing.T) {
	j, ctx := open(t), t.Context()
	w := writer(t, j)
	start := time.Now()
	write(t, w, "early\npart")
	w.last.time -= 10 * tick.Milliseconds() // as if that had been a second ago
	write(t, w, " of a line\nlate\n")
	p, err := j.Read(ctx, build, Query{})
	if err != nil || len(p.Lines) != 3 {
		t.Fatal(p, err)
	}
	for _, l := range p.Lines {
		if l.Time.Before(start.Add(-time.Second)) || l.Time.After(time.Now()) {
			t.Errorf("line %d is of %s", l.Number, l.Time)
		}
	}
	x, err := openIndex(filepath.Join(j.dir, "%2Faws%2Fcodebuild%2Fweb", build.Stream))
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	second, err := x.at(x.n - 1)
	if err != nil || second.offset != 10 {
		t.Fatal(second, err)
	}
	if got := p.Lines[2].Time.UnixMilli(); got != second.time {
		t.Errorf("late is of %d, not %d", got, second.time)
	}
	if n, err := j.Seek(ctx, build, time.UnixMilli(second.time+1)); err != nil || n != 3 {
		t.Error(n, err)
	}
	if n, err := j.Seek(ctx, build, start.Add(-time.Hour)); err != nil || n != 0 {
		t.Error(n, err)
	}
}

// Whatever is written, in pieces of any size and by writers that die, the lines are those that the bytes have.
func TestLinesAreThoseOfTheBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "journal")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		j, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		w, err := j.Append(build)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = w.Leave() }()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"short", "long", "many", "crash", "age"}).Draw(t, "step") {
			case "short":
				s := rapid.SampledFrom([]string{"a", "b\n", "\n", "\n\n", "x\r\n", "\xff\x00\n"}).Draw(t, "text")
				all = append(all, s...)
				_, err = w.Write([]byte(s))
			case "long":
				b := bytes.Repeat([]byte("l"),
					rapid.SampledFrom([]int{MaxLine - 1, MaxLine, MaxLine + 1, 3*MaxLine - 1, 3 * MaxLine,
						200_000}).Draw(t, "length"))
				all = append(all, b...)
				_, err = w.Write(b)
			case "many":
				b := bytes.Repeat([]byte("a line of thirty bytes or so..\n"), rapid.IntRange(1, 9000).Draw(t, "lines"))
				all = append(all, b...)
				_, err = w.Write(b)
			case "age":
				w.last.time -= 2 * tick.Milliseconds()
			case "crash":
				w.closeFiles()
				path := filepath.Join(w.dir, "index")
				info, _ := os.Stat(path)
				if err := os.Truncate(path, rapid.Int64Range(0, info.Size()).Draw(t, "index")); err != nil {
					t.Fatal(err)
				}
				w, err = j.Append(build)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		complete := rapid.Bool().Draw(t, "complete")
		if complete {
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		want := cut(all, complete)
		p := Page{}
		var got []string
		for n := int64(0); ; n = p.Next {
			if p, err = j.Read(context.Background(), build, Query{From: n, Limit: 5000}); err != nil {
				t.Fatal(err)
			}
			if p.Total != int64(len(want)) || p.Complete != complete {
				t.Fatalf("total %d of %d, complete %v", p.Total, len(want), p.Complete)
			}
			if len(p.Lines) == 0 {
				break
			}
			got = append(got, texts(p)...)
		}
		if len(got) != len(want) {
			t.Fatalf("%d lines of %d", len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("line %d has %d bytes, not %d", i, len(got[i]), len(want[i]))
			}
		}
		if len(want) > 0 {
			n := rapid.IntRange(0, len(want)-1).Draw(t, "line")
			if p, err = j.Read(context.Background(), build, Query{From: int64(n), Limit: 1}); err != nil ||
				len(p.Lines) != 1 || p.Lines[0].Text != want[n] {
				t.Fatalf("line %d: %d lines, %v", n, len(p.Lines), err)
			}
		}
	})
}

// A process that is killed while it writes loses nothing that it had written, and the next continues behind it.
func TestKilledWriterIsContinued(t *testing.T) {
	if dir := os.Getenv("JOURNAL_TEST_WRITER"); dir != "" {
		j, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		w, err := j.Append(build)
		if err != nil {
			t.Fatal(err)
		}
		for n := w.Lines(); ; n++ {
			if _, err := fmt.Fprintf(w, "line %d %s\n", n, strings.Repeat("x", int(n%200))); err != nil {
				t.Fatal(err)
			}
		}
	}
	j, ctx := open(t), t.Context()
	var atLeast int64
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=TestKilledWriterIsContinued$")
		cmd.Env = append(os.Environ(), "JOURNAL_TEST_WRITER="+j.dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		limit, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := j.Wait(limit, build, atLeast+1000+rand.Int64N(5000)) // it grows in another process
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if p, err := j.Read(ctx, build, Query{Tail: true, Limit: 1}); err != nil {
			t.Fatal(err)
		} else {
			atLeast = p.Total
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		// A kill can end in the middle of a line, which the next writer must not see as a beginning.
		w := writer(t, j)
		if w.Lines() < atLeast {
			t.Fatalf("%d lines were read, %d are left", atLeast, w.Lines())
		}
		if w.MidLine() { // the kernel may end a killed write between two pages
			n := w.Lines()
			write(t, w, fmt.Sprintf("line %d %s\n", n, strings.Repeat("x", int(n%200)))[w.counter.part:])
		}
		if err := w.Leave(); err != nil {
			t.Fatal(err)
		}
	}
	for n := int64(0); ; {
		p, err := j.Read(ctx, build, Query{From: n, Limit: maxPage})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range p.Lines {
			if want := fmt.Sprintf("line %d %s", n, strings.Repeat("x", int(n%200))); l.Text != want || l.Number != n {
				t.Fatalf("line %d is %q", n, l.Text)
			}
			n++
		}
		if len(p.Lines) == 0 {
			if n < atLeast {
				t.Fatalf("%d lines of %d", n, atLeast)
			}
			return
		}
	}
}

func TestMillionLinesInWindows(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: writes 100 MB")
	}
	j, ctx := open(t), t.Context()
	w := writer(t, j)
	const lines = 1_000_000
	var b bytes.Buffer
	for n := range lines {
		fmt.Fprintf(&b, "%099d\n", n)
		if b.Len() >= 32<<10 || n == lines-1 {
			write(t, w, b.String())
			b.Reset()
		}
	}
	for _, from := range []int64{0, 1, 499_999, 654_321, lines - 1} {
		p, err := j.Read(ctx, build, Query{From: from, Limit: 3})
		if err != nil || p.Total != lines {
			t.Fatal(p.Total, err)
		}
		for i, l := range p.Lines {
			if want := fmt.Sprintf("%099d", from+int64(i)); l.Text != want {
				t.Fatalf("line %d is %q", from, l.Text)
			}
		}
		if want := min(3, lines-from); int64(len(p.Lines)) != want {
			t.Fatalf("%d lines from %d", len(p.Lines), from)
		}
	}
	if got := testing.AllocsPerRun(
		10, func() { _, _ = j.Read(ctx, build, Query{From: 900_000, Limit: 100}) }); got > 1000 {
		t.Errorf("a window of 100 lines takes %.0f allocations", got)
	}
}

func TestWait(t *testing.T) {
	j := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error)
	go func() { done <- j.Wait(ctx, build, 1) }() // before it exists
	w := writer(t, j)
	write(t, w, "one\n")
	select {
	case err := <-done:
		t.Fatalf("one line is not more than one: %v", err)
	default:
	}
	write(t, w, "two\n")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() { done <- j.Wait(ctx, build, 2) }()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	short, stop := context.WithCancel(ctx)
	stop()
	if err := j.Wait(short, Name{"a", "b"}, 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
