package app

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// step is a line of "One push, file by file" in CONTRIBUTING.md: a file, a name that it declares, and a sentence.
var step = regexp.MustCompile("(?m)^- `([^`]+\\.go)` `([^`]+)`: .+\\.$")

// file is a Go file that CONTRIBUTING.md names anywhere.
var file = regexp.MustCompile("`([a-z0-9/]+/[a-z0-9/]+\\.go)`")

// untrue lists what a text says of the code below dir and is not so.
func untrue(dir, text string) []string {
	var wrong []string
	for _, m := range file.FindAllStringSubmatch(text, -1) {
		if !exists(dir, m[1]) && !exists(filepath.Join(dir, "internal"), m[1]) {
			wrong = append(wrong, "there is no file "+m[1])
		}
	}
	for _, m := range step.FindAllStringSubmatch(text, -1) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, m[1]), nil, parser.SkipObjectResolution)
		if err != nil {
			wrong = append(wrong, err.Error())
		} else if !declares(f, m[2]) {
			wrong = append(wrong, fmt.Sprintf("%s declares no %s", m[1], m[2]))
		}
	}
	return wrong
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

// declares reports whether a file declares a function, a method or a variable of a name.
func declares(f *ast.File, name string) bool {
	found := false
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			found = found || d.Name.Name == name
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					for _, n := range v.Names {
						found = found || n.Name == name
					}
				}
			}
		}
	}
	return found
}

// What CONTRIBUTING.md says of a push is checked against the code, so that it stays true.
func TestContributing(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, way, _ := strings.Cut(string(text), "## One push, file by file")
	way, _, _ = strings.Cut(way, "\n## ")
	items := strings.Count(way, "\n- ")
	if steps := len(step.FindAllString(way, -1)); items < 25 || items > 40 || steps != items {
		t.Errorf("the way of a push has %d lines, %d of them with a file, a name and a sentence; want about 30", items,
			steps)
	}
	for _, w := range untrue(root, string(text)) {
		t.Error(w)
	}
	for number, line := range strings.Split(string(text), "\n") {
		if n := len([]rune(line)); n > 120 {
			t.Errorf("line %d has %d columns", number+1, n)
		}
	}
}

// The check finds a function, a variable and a file that were renamed.
func TestContributingFindsRenames(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "internal/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	code := "package x\n\nvar Told = 1\n\ntype s struct{}\n\nfunc (s) Method() {}\n\nfunc function() {}\n"
	if err := os.WriteFile(filepath.Join(dir, "internal/x/x.go"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"- `internal/x/x.go` `Told`: tells.":      "",
		"- `internal/x/x.go` `Method`: does.":     "",
		"- `internal/x/x.go` `function`: does.":   "",
		"The file `x/x.go` is named shortly.":     "",
		"- `internal/x/x.go` `renamed`: does.":    "internal/x/x.go declares no renamed",
		"- `internal/x/x.go` `s`: is a type.":     "internal/x/x.go declares no s",
		"The decisions are in `x/elsewhere.go`.":  "there is no file x/elsewhere.go",
		"The file `internal/x/renamed.go` is not": "there is no file internal/x/renamed.go",
	} {
		if got := strings.Join(untrue(dir, line), "; "); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
