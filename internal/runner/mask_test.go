package runner

import (
	"bytes"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"

	"slipway/internal/journal"
	"slipway/internal/mask"
)

// Secrets of several lines are masked line by line, the runner's own lines too, and short values are not.
func TestMaskedLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLogbook(&out)
	if !l.conceal("-----BEGIN KEY-----\r\nabcdefgh\r\n}\r\n") || l.conceal("abc") {
		t.Error("values are masked by another length")
	}
	l.output([]byte("error: -----BEGIN KEY-----\nx abcd"))
	l.output([]byte("efgh }\nabc abcd"))
	if _, got := l.telling(1); len(got) != 1 || *got[0].Text != "error: ***" {
		t.Errorf("the cause has %v", got)
	}
	l.say("failed at %s", "abcdefgh")
	l.output([]byte("end abcdefg"))
	l.end()
	text := out.String()
	if want := "error: ***\nx *** }\nabc abcd\n"; !strings.HasPrefix(text, want) {
		t.Errorf("%q, want %q first", text, want)
	}
	if !strings.Contains(text, "failed at ***\n") || !strings.HasSuffix(text, "end abcdefg") {
		t.Errorf("%q", text)
	}
}

// BenchmarkMaskedLog compares a log with eight secrets to one without: the bound is 10 % more.
func BenchmarkMaskedLog(b *testing.B) {
	var text bytes.Buffer
	for i := 0; text.Len() < 256<<10; i++ {
		fmt.Fprintf(&text, "line %d of a build: compiling internal/runner/mask.go with %x\n", i, rand.Int63())
	}
	for _, secrets := range []int{0, 8} {
		b.Run(fmt.Sprintf("secrets=%d", secrets), func(b *testing.B) {
			j, err := journal.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer j.Close()
			w, err := j.Append(journal.Name{Group: "g", Stream: "s"})
			if err != nil {
				b.Fatal(err)
			}
			l := newLogbook(w)
			for i := range secrets {
				l.conceal(fmt.Sprintf("secret-%d-%x", i, rand.Int63()))
			}
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				l.kept = 0
				l.output(text.Bytes())
			}
			_ = w.Close()
		})
	}
	b.Run("the search alone", func(b *testing.B) {
		m := &mask.Masker{}
		for i := range 8 {
			m.Add(fmt.Sprintf("secret-%d-%x", i, rand.Int63()))
		}
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			_, _ = io.Discard.Write(m.Next(text.Bytes()))
		}
	})
}
