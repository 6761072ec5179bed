package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/url"
	"strings"
	"testing"

	"slipway/internal/journal"
)

// masked is what a masker shows of a text that comes in parts.
func masked(m *masker, text string, cut func(rest int) int) string {
	var b strings.Builder
	for text != "" {
		n := cut(len(text))
		b.Write(m.next([]byte(text[:n])))
		text = text[n:]
	}
	b.Write(m.rest())
	return b.String()
}

// A secret is found in each of its forms, wherever the output is cut.
func TestMaskForms(t *testing.T) {
	t.Parallel()
	const secret = "p@ss/w\"ord<&> 'ö' %x"
	escaped, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"plain":  secret,
		"URL":    "https://x/?q=" + url.QueryEscape(secret) + "&a",
		"path":   "https://x/" + url.PathEscape(secret) + "/a",
		"lower":  strings.ToLower("%2F") + lowerEscapes(url.QueryEscape(secret)),
		"JSON":   `{"a":` + string(escaped) + `}`,
		"quoted": "+ echo 'p@ss/w\"ord<&> '\\''ö'\\'' %x'",
	}
	for i := range 3 {
		texts[fmt.Sprint("base64 after ", i)] = base64.StdEncoding.EncodeToString([]byte("abc"[:i] + secret + "xyz"))
		texts[fmt.Sprint("URL's base64 after ", i)] = base64.RawURLEncoding.EncodeToString([]byte("abc"[:i] + secret))
	}
	for i := range 3 {
		texts[fmt.Sprint("base64 at the end, after ", i)] =
			base64.StdEncoding.EncodeToString([]byte("abc"[:i]+secret)) + " "
	}
	for name, text := range texts {
		m := &masker{}
		m.add(secret)
		whole := masked(m, "before "+text+" after\n", func(rest int) int { return rest })
		if !strings.Contains(whole, mask) || !strings.HasPrefix(whole, "before ") || !strings.HasSuffix(whole, " after\n") {
			t.Errorf("%s: %q", name, whole)
		}
		for _, part := range []string{"p@ss", "p%40ss", "ord<", "w\\\""} {
			if strings.Contains(whole, part) {
				t.Errorf("%s: %q has %q", name, whole, part)
			}
		}
		for n := 1; n < 9; n++ {
			if got := masked(m, "before "+text+" after\n", func(rest int) int { return min(n, rest) }); got != whole {
				t.Errorf("%s in parts of %d bytes: %q, want %q", name, n, got, whole)
			}
		}
	}
}

// The search finds what a plain search finds, in any parts.
func TestMaskAgainstPlainSearch(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewSource(1))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab\n"[r.Intn(3)]
		}
		return string(b)
	}
	for range 3000 {
		m := &masker{known: map[string]bool{}}
		for range 1 + r.Intn(4) {
			m.known[strings.ReplaceAll(word(4+r.Intn(6)), "\n", "b")] = true
		}
		m.prepare()
		text := word(r.Intn(200))
		want := plainly(m.known, text)
		if got := masked(m, text, func(rest int) int { return 1 + r.Intn(rest) }); got != want {
			t.Fatalf("%q without %v: %q, want %q", text, m.known, got, want)
		}
	}
}

// plainly replaces the longest pattern at each place, from left to right.
func plainly(patterns map[string]bool, text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		longest := 0
		for p := range patterns {
			if strings.HasPrefix(text[i:], p) {
				longest = max(longest, len(p))
			}
		}
		if longest > 0 {
			b.WriteString(mask)
			i += longest
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
}

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
		m := &masker{}
		for i := range 8 {
			m.add(fmt.Sprintf("secret-%d-%x", i, rand.Int63()))
		}
		b.SetBytes(int64(text.Len()))
		for b.Loop() {
			_, _ = io.Discard.Write(m.next(text.Bytes()))
		}
	})
}
