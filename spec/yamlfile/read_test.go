package yamlfile

import (
	"strings"
	"testing"

	"slipway/spec/spectest"
)

func TestDepthIsRealDepth(t *testing.T) {
	long := "a:\n" + strings.Repeat("  - b:\n      c:\n        d:\n          - e: f\n", 2000)
	deep := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"a long list of nested blocks", long, true},
		{"blocks up to the limit", deep(MaxDepth), true},
		{"blocks beyond the limit", deep(MaxDepth + 2), false},
		{"brackets up to the limit", strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1), true},
		{"brackets beyond the limit", strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), false},
		{"brackets in a text", "a: '" + strings.Repeat("[", 900) + "'", true},
		{"lists in a line", strings.Repeat("- ", MaxDepth+1) + "a", false},
		{"JSON", `{"a": [{"b": 1}, {"c": [2]}]}`, true},
		{"JSON with tabs", "{\n\t\"a\": 1\n}", true},
	} {
		_, bad := Read([]byte(c.text))
		if c.ok && bad != nil {
			t.Errorf("%s: %+v", c.name, *bad)
		}
		if !c.ok && (bad == nil || !strings.Contains(bad.Message, "deeper than 64 levels")) {
			t.Errorf("%s: %+v", c.name, bad)
		}
	}
}

// hostile are texts that cost some parsers more than linear time, each made of n bytes or so.
var hostile = map[string]func(n int) string{
	"opened lists":     func(n int) string { return strings.Repeat("[", n) },
	"opened objects":   func(n int) string { return strings.Repeat("{", n) },
	"opened both":      func(n int) string { return strings.Repeat("[{a: ", n/5) },
	"spaced lists":     func(n int) string { return strings.Repeat("[ ", n/2) },
	"lists in a line":  func(n int) string { return strings.Repeat("- ", n/2) },
	"explicit keys":    func(n int) string { return strings.Repeat("? ", n/2) },
	"anchors":          func(n int) string { return strings.Repeat("&a ", n/3) },
	"tags":             func(n int) string { return strings.Repeat("!a ", n/3) },
	"closed lists":     func(n int) string { return strings.Repeat("]", n) },
	"quotes":           func(n int) string { return strings.Repeat("'", n) },
	"an open quote":    func(n int) string { return `"` + strings.Repeat("a ", n/2) },
	"escapes":          func(n int) string { return `"` + strings.Repeat(`\n`, n/2) + `"` },
	"comments":         func(n int) string { return strings.Repeat("#\n", n/2) + "a: b" },
	"blank lines":      func(n int) string { return strings.Repeat("\n", n) + "a: b" },
	"documents":        func(n int) string { return strings.Repeat("---\na\n", n/6) },
	"flow entries":     func(n int) string { return "[" + strings.Repeat("a,", n/2) + "]" },
	"flow members":     func(n int) string { return "{" + strings.Repeat("a: b,", n/5) + "}" },
	"members":          func(n int) string { return strings.Repeat("a: b\n", n/5) },
	"entries":          func(n int) string { return strings.Repeat("- b\n", n/4) },
	"a long text":      func(n int) string { return "a: " + strings.Repeat("b", n) },
	"a folded text":    func(n int) string { return "a: >\n" + strings.Repeat("  b\n", n/4) },
	"a literal text":   func(n int) string { return "a: |\n" + strings.Repeat("  b\n", n/4) },
	"a text of lines":  func(n int) string { return "a: b\n" + strings.Repeat("  b\n", n/4) },
	"colons":           func(n int) string { return strings.Repeat("a: ", n/3) },
	"colons in a list": func(n int) string { return "[" + strings.Repeat("a: ", n/3) },
	"one JSON line": func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"a":{"b":[1]}},`, n/16), ",") + "]"
	},
	"multibyte":        func(n int) string { return "a: " + strings.Repeat("é", n/2) },
	"aliases":          func(n int) string { return "a: &x 1\nb: [" + strings.Repeat("*x,", n/3) + "]" },
	"carriage returns": func(n int) string { return strings.Repeat("a: b\r\n", n/6) },
}

func TestNoTextTakesMoreThanLinearTime(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			spectest.Linear(t, 20_000, func(n int) func() {
				input := []byte(text(n))
				return func() { _, _ = Read(input) }
			})
		})
	}
}

func TestClosest(t *testing.T) {
	known := []string{"commands", "finally", "on-failure", "exported-variables", "ApplicationStart"}
	for word, want := range map[string]string{"command": "commands", "onfailure": "on-failure",
		"exported_variables": "exported-variables", "ApplicationStrat": "ApplicationStart",
		"zzz": "", strings.Repeat("a", 1<<20): ""} {
		if got := Closest(word, known); got != want {
			t.Errorf("%.40s: got %q, want %q", word, got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range hostile {
		f.Add([]byte(text(100)))
	}
	f.Add([]byte("version: 0.2\nphases:\n  build:\n    commands: [a, &b c, *b]\n<<: {d: e}\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		file, bad := Read(text)
		if bad != nil {
			return
		}
		for _, d := range file.Docs {
			_ = At(d)
			_, _ = file.Plain(d)
		}
	})
}
