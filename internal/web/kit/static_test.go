package kit

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxSheets is the budget of both style sheets together, in bytes.
const maxSheets = 45_000

// dynamic are the classes whose names the pages put together.
var dynamic = regexp.MustCompile(`^(is|track|span|columns|over|term)-`)

// TestStyleSheets keeps the style sheets within their budget, and free of rules and tokens that no page uses.
func TestStyleSheets(t *testing.T) {
	base, tokens := read(t, "static/base.css"), read(t, "static/tokens.css")
	if n := len(base) + len(tokens); n > maxSheets {
		t.Errorf("the style sheets have %d bytes, the budget is %d", n, maxSheets)
	}
	var pages strings.Builder
	for _, pattern := range []string{"../*/*.templ", "../*/*.go", "static/*.js"} {
		for _, name := range glob(t, pattern) {
			if !strings.HasSuffix(name, "_test.go") && !strings.HasSuffix(name, "_templ.go") {
				pages.WriteString(read(t, name))
			}
		}
	}
	said := map[string]bool{}
	for _, word := range regexp.MustCompile(`[a-zA-Z][\w-]*`).FindAllString(pages.String(), -1) {
		said[word] = true
	}
	rules := regexp.MustCompile(`(?s)/\*.*?\*/|\{[^{}]*\}`).ReplaceAllString(base, " ")
	for _, class := range regexp.MustCompile(`\.([a-z][\w-]*)`).FindAllStringSubmatch(rules, -1) {
		if !said[class[1]] && !dynamic.MatchString(class[1]) {
			t.Errorf("no page has the class %s", class[1])
		}
	}
	for _, token := range regexp.MustCompile(`(--[a-z][\w-]*):`).FindAllStringSubmatch(tokens, -1) {
		if !strings.Contains(base+tokens, "var("+token[1]) {
			t.Errorf("no rule uses the token %s", token[1])
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return names
}
