package router

import (
	"strings"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"/api/*", "/api/x/y", true}, {"/api/*", "/api", false}, {"/api/*", "/API/x", false}, {"*", "", true},
		{"", "", true}, {"", "a", false},
		{"/img/?.png", "/img/a.png", true}, {"/img/?.png", "/img/ab.png", false},
		{"*.example.com", "a.b.example.com", true}, {"*.example.com", "example.com", false},
		{`a\*b`, "a*b", true}, {`a\*b`, "axb", false}, {"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c", "abcabx", false},
		{"a**", "a", true}, {"a?", "a", false},
	} {
		if got := glob(c.pattern, c.text); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
	if !globFold("*.example.com", "WWW.Example.COM") {
		t.Error("case counts")
	}
}

// TestGlobIsQuick: no pattern makes it try all ways.
func TestGlobIsQuick(t *testing.T) {
	done := make(chan bool)
	go func() { done <- glob(strings.Repeat("*a", 60)+"b", strings.Repeat("a", 16<<10)) }()
	select {
	case got := <-done:
		if got {
			t.Error("matched")
		}
	case <-time.After(time.Minute):
		t.Fatal("still matching")
	}
}
