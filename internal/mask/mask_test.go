package mask

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/url"
	"strings"
	"testing"
)

// masked is what a Masker shows of a text that comes in parts.
func masked(m *Masker, text string, cut func(rest int) int) string {
	var b strings.Builder
	for text != "" {
		n := cut(len(text))
		b.Write(m.Next([]byte(text[:n])))
		text = text[n:]
	}
	b.Write(m.Rest())
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
		m := &Masker{}
		m.Add(secret)
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
		m := &Masker{known: map[string]bool{}}
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
