package source

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestCommandsOfAPush(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789", 4)
	line := func(s string) string { return fmt.Sprintf("%04x%s", len(s)+4, s) }
	update := id + " " + id + " "
	for name, c := range map[string]struct {
		body string
		refs []string
		ok   bool
	}{
		"one":         {line(update+"refs/heads/main\x00report-status") + "0000PACK", []string{"refs/heads/main"}, true},
		"two":         {line(update+"a\x00x") + line(update+"b\n") + "0000", []string{"a", "b"}, true},
		"shallow":     {line("shallow "+id) + line(update+"a") + "0000", []string{"a"}, true},
		"nothing":     {"0000", nil, true},
		"a space":     {line(update+"refs/heads/a b") + "0000", []string{"refs/heads/a b"}, true},
		"certificate": {line("push-cert\x00x") + line(update+"a") + "0000", nil, false},
		"no flush":    {line(update + "a"), nil, false},
		"half a line": {"00ff" + update, nil, false},
		"no length":   {"zzzz", nil, false},
		"short":       {"0003", nil, false},
		"empty":       {"", nil, false},
		"no id":       {line("x y z") + "0000", nil, false},
		"endless":     {strings.Repeat(line(update+strings.Repeat("r", 60_000)), 40) + "0000", nil, false},
	} {
		refs, whole, err := commands(strings.NewReader(c.body))
		if (err == nil) != c.ok || !slices.Equal(refs, c.refs) {
			t.Errorf("%s: got %v, %v; want %v, ok = %t", name, refs, err, c.refs, c.ok)
		}
		if err != nil {
			continue
		}
		if all, _ := io.ReadAll(whole); string(all) != c.body {
			t.Errorf("%s: Git gets %q, want the whole push", name, all)
		}
	}
}

func FuzzCommands(f *testing.F) {
	f.Add([]byte("0000PACK"))
	f.Add([]byte("00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, whole, err := commands(strings.NewReader(string(body)))
		if err != nil {
			return
		}
		if all, _ := io.ReadAll(whole); string(all) != string(body) {
			t.Errorf("Git gets %q of %q", all, body)
		}
	})
}
