package kit

import (
	"strings"
	"testing"
)

func TestNumbersKeepTheirUnits(t *testing.T) {
	for s, want := range map[string]string{
		"The new version has 10 % of the traffic. At 10:24:45 UTC it moves to 50 %.": "The new version has |[10 %]| " +
			"of the traffic. At 10:24:45 UTC it moves to |[50 %]|.",
		"p95 54.5 ms, was 24 ms": "p95 |[54.5 ms]|, was |[24 ms]",
		"":                       "",
		"no number":              "no number",
		"3 stages":               "3 stages",
	} {
		var got []string
		for _, p := range pieces(s) {
			if p.whole {
				got = append(got, "["+p.text+"]")
			} else {
				got = append(got, p.text)
			}
		}
		if joined := strings.Join(got, "|"); joined != want {
			t.Errorf("%q: %q, not %q", s, joined, want)
		}
	}
}

func TestSentenceStaysAsItIs(t *testing.T) {
	const s = "The new version has 10 % of the traffic, p95 24 ms."
	var b strings.Builder
	if err := SentenceOf(s).Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer(`<span class="nowrap">`, "", "</span>", "").Replace(b.String())
	if plain != s {
		t.Errorf("%q is written as %q", s, plain)
	}
}
