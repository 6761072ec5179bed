package build

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestANSI(t *testing.T) {
	for line, want := range map[string]string{
		"plain <b>&":             "plain &lt;b&gt;&amp;",
		"\x1b[31mred\x1b[0m <i>": `<span class="term-fg31">red</span> &lt;i&gt;`,
		"\x1b[1;91mloud\x1b[22m less": `<span class="term-fgi91 term-fg1">loud</span>` +
			`<span class="term-fgi91"> less</span>`,
		"\x1b[mplain":                  "plain",
		"50 %\r100 %":                  "100 %",
		"100 %\r50":                    "500 %",
		"100 %\r\x1b[K50 %":            "50 %",
		"100 %\x1b[2K50 %":             "50 %",
		"abc\b\bX":                     "aXc",
		"\x1b]8;;javascript:x\x07a":    "a",
		"\x1b]1338;url=http://x\x07b":  "b",
		"\x1b_bk;t=1\x07c":             "c",
		"\x1b]0;title\x1b\\d":          "d",
		"\x1b]8;;http://x cut off":     "",
		"\x1b[38;5;123mlots\x1b[0m":    `<span class="term-fgx">lots</span>`,
		"\x1b[38;2;1;2;3;1mlots":       `<span class="term-fgx term-fg1">lots</span>`,
		"\x1b[2;5Hmoved":               "moved",
		"\x1b(Bset":                    "set",
		"\u009b31mred":                 `<span class="term-fg31">red</span>`,
		"\u009d8;;http://x\u009ce":     "e",
		"\x1b]\x1b]8;;http://x\x07f":   "f",
		"\x1b[31\x1b]8;;http://x\x07g": "g",
		"a\x1b":                        "a",
		"\x1b[31m<a href=x>\x1b[0m":    `<span class="term-fg31">&lt;a href=x&gt;</span>`,
		"bell\a and null\x00":          "bell and null",
	} {
		if got := ansi(line); got != want {
			t.Errorf("%q is %q, not %q", line, got, want)
		}
	}
}

// Sequences nested in others are how links and pictures came through a renderer that removes what it knows.
func TestANSINested(t *testing.T) {
	for _, line := range []string{
		"\x1b\x1b]x\x07]8;;http://evil.example\x07click\x1b]8;;\x07",
		"\x1b\x1b_x\x07]1338;url=http://evil.example/x.png;alt=a\x07",
		"\x1b]1337;File=name=eA==;inline=1:\x1b]x\x07eA==\x07",
	} {
		if got := ansi(line); strings.ContainsAny(got, "<>") {
			t.Errorf("%q became %q", line, got)
		}
	}
}

func TestANSIIsLinear(t *testing.T) {
	for _, one := range []string{"\x1b]", "\x1b[", "\x1b[1;", "\r", "a\r", "\x1b[31m", "\x1b[31;", "\x1b"} {
		began := time.Now()
		ansi(strings.Repeat(one, 1<<20/len(one)))
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("a megabyte of %q took %s", one, took)
		}
	}
}

// spans are the only tags that a line may have: a span with one class attribute of known names, never nested.
var spans = regexp.MustCompile(`<span class="term-fg(x|i?[0-9]{1,2})( term-fg[12349])*">[^<>]*</span>`)

func FuzzANSI(f *testing.F) {
	f.Add("\x1b[31m<script>\x1b]8;;x\x07")
	f.Add("\x1b\x1b]x\x07]8;;http://evil.example\x07click\x1b]8;;\x07")
	f.Add("\u009b31mred\u009d8;;x\u009c")
	f.Add("a\r\x1b[K\b\x1b[1;38;5;3;48;2;1;1;1m<b class=x>")
	f.Fuzz(func(t *testing.T, line string) {
		got := ansi(line)
		if rest := spans.ReplaceAllString(got, ""); strings.ContainsAny(rest, "<>\"'\x1b") {
			t.Errorf("%q became %q, of which %q is no span of colours", line, got, rest)
		}
	})
}
