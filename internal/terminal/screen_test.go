package terminal

import (
	"regexp"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                              "plain",
		" two\nlines\tand a tab ":            "two lines and a tab",
		"\x1b[31mred\x1b[0m":                 "red",
		"\x1b]0;a title\x07after":            "after",
		"\x1b]52;c;c2VjcmV0\x1b\\after":      "after",
		"\x1b[2J\x1b[Hgone":                  "gone",
		"bell\x07 back\x08space \u009b31mC1": "bell backspace 31mC1",
		"gnirts\u202egnirts":                 "gnirtsgnirts",
		"\x1b":                               "",
		"naïve 日本語 👩‍👩‍👧":                    "naïve 日本語 👩‍👩‍👧",
		"half \x1b[":                         "half [",
	} {
		got := Clean(text)
		if strings.ContainsAny(got, "\x1b\x07\x08\n\u009b\u202e") {
			t.Errorf("%q: %q is not harmless", text, got)
		}
		if got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestTableFits(t *testing.T) {
	table := &Table{}
	table.Head("NAME", "STATE", "CHANGE")
	table.Row(Text("日本"), State("Failed"), Text("a very long message that doesn't fit"))
	table.Row(Text("x"), State("Succeeded"), Text("short"))
	table.Note("2 of them.")
	for _, c := range []struct {
		screen Screen
		want   string
	}{
		{Screen{},
			"NAME  STATE      CHANGE\n日本  Failed     a very long message that doesn't fit\nx     Succeeded  short\n2 " +
				"of them.\n"},
		{Screen{Width: 24}, "NAME  STATE      CHANGE\n日本  Failed     a very…\nx     Succeeded  short\n2 of them.\n"},
		{Screen{Width: 24, Colour: true},
			"\x1b[2mNAME  \x1b[m\x1b[2mSTATE      \x1b[m\x1b[2mCHANGE\x1b[m\n日本  \x1b[1;31mFailed     \x1b[ma " +
				"very…\nx     \x1b[32mSucceeded  \x1b[mshort\n2 of them.\n"},
	} {
		var b strings.Builder
		if err := table.Write(&b, c.screen); err != nil || b.String() != c.want {
			t.Errorf("%+v: %v\n%s\n%q", c.screen, err, b.String(), b.String())
		}
	}
}

func TestPainted(t *testing.T) {
	for text, want := range map[string]string{
		"plain\tand  wide":                     "plain\tand  wide",
		"\x1b[1;31mred\x1b[0m":                 "\x1b[1;31mred\x1b[0m\x1b[m",
		"\x1b[38:2::1:2:3mexact":               "\x1b[38:2::1:2:3mexact\x1b[m",
		"\x1b[2J\x1b[1;1H\x1b]0;title\x07gone": "gone",
		"\x1b[>4;2m\x1b]52;c;c2VjcmV0\x1b\\x":  "x",
		"10 %\r20 %\x07":                       "10 % 20 %",
	} {
		if got := Painted(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// colours are the only escape sequences that a terminal is sent of what others wrote.
var colours = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

func FuzzPainted(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m")
	f.Add("\x1b\x1b]x\x07]8;;http://evil.example\x07click\x1b]8;;\x07")
	f.Add("\x1b[31\x1b]52;c;c2VjcmV0\x07m")
	f.Fuzz(func(t *testing.T, line string) {
		for _, got := range []string{Clean(line), colours.ReplaceAllString(Painted(line), "")} {
			if i := strings.IndexFunc(
				got, func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }); i >= 0 {
				t.Errorf("%q leaves %q", line, got)
			}
		}
	})
}
