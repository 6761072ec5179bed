package web

import (
	"strings"
	"testing"
)

func TestANSI(t *testing.T) {
	for line, want := range map[string]string{
		"plain <b>&":                  "plain &lt;b&gt;&amp;",
		"\x1b[31mred\x1b[0m <i>":      `<span class="term-fg31">red</span> &lt;i&gt;`,
		"50 %\r100 %":                 "100 %",
		"\x1b]8;;javascript:x\x07a":   "a",
		"\x1b]1338;url=http://x\x07b": "b",
		"\x1b_bk;t=1\x07c":            "c",
		"\x1b]0;title\x1b\\d":         "d",
		"\x1b]8;;http://x cut off":    "",
		"\x1b[38;5;123mlots\x1b[0m":   `<span class="term-fgx123">lots</span>`,
	} {
		if got := ansi(line); got != want {
			t.Errorf("%q is %q, not %q", line, got, want)
		}
	}
}

func FuzzANSI(f *testing.F) {
	f.Add("\x1b[31m<script>\x1b]8;;x\x07")
	f.Fuzz(func(t *testing.T, line string) {
		got := ansi(line)
		for _, tag := range []string{"<script", "<img", "<a ", "style=", "javascript:\""} {
			if strings.Contains(strings.ToLower(got), tag) {
				t.Errorf("%q became %q", line, got)
			}
		}
	})
}
