// Package yamlfile is the one reader of YAML (and so of JSON) for the files that people write: buildspec, appspec and
// pipeline. It bounds size, depth and nodes before the parser, which recurses, sees a file, and says where each error
// is.
package yamlfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// MaxSize bounds a file in bytes. CodeBuild takes 64 KiB in a request; a file in a repository may be longer.
	MaxSize = 1 << 20
	// MaxDepth bounds how deep a file nests; the deepest of the three grammars, of pipelines, needs twelve.
	MaxDepth = 64
	// MaxMembers bounds the members of one mapping in blocks.
	MaxMembers = 2000
	// maxDocs bounds a file's documents: none of the three formats has more than one.
	maxDocs = 100
	// MaxNodes bounds how many nodes are visited, each time an alias leads to it anew.
	MaxNodes = 200_000
)

// File is a file's documents. Its methods look at their nodes.
type File struct {
	// Docs are the documents that are not empty.
	Docs    []ast.Node
	anchors map[string]ast.Node
	nodes   int
}

// Problem is an error and its place.
type Problem struct {
	Place
	Message string
}

func problem(at Place, format string, args ...any) *Problem {
	return &Problem{at, fmt.Sprintf(format, args...)}
}

// Read parses a text. It takes time linear in the text's size, whatever the text.
func Read(text []byte) (f *File, bad *Problem) {
	whole := Place{1, 1}
	if len(text) > MaxSize {
		return nil, problem(whole, "the file has %d bytes; it may have %d", len(text), MaxSize)
	}
	if i := invalid(text); i >= 0 {
		return nil, problem(placeAt(text, i), "the file is not UTF-8 text; save it in that encoding")
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if json.Valid(text) { // JSON may be indented by tabs, which YAML does not take. Inside its texts there are none.
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	}
	if at, deep := tooDeepText(text); deep {
		return nil, problem(at, "the file nests deeper than %d levels", MaxDepth)
	}
	defer func() {
		if p := recover(); p != nil { // the parser is not ours: whatever it meets, the answer is an error
			f, bad = nil, problem(whole, "the file is not valid YAML: %v", p)
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if bad := bounded(tokens); bad != nil {
		return nil, bad
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntax(err)
	}
	f = &File{anchors: map[string]ast.Node{}}
	for _, d := range parsed.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			f.Docs = append(f.Docs, d.Body)
			ast.Walk(anchors{f}, d.Body)
		}
	}
	return f, nil
}

func syntax(err error) *Problem {
	at, message := Place{1, 1}, err.Error()
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		message = syntax.Message
		if syntax.Token != nil && syntax.Token.Position != nil {
			at = placeOf(syntax.Token)
		}
	}
	if strings.Contains(message, "cannot start any token") && strings.ContainsAny(message, "\t⇥") {
		message = "a line is indented by a tab; YAML takes spaces only"
	}
	return problem(at, "the file is not valid YAML: %s", message)
}

type anchors struct{ f *File }

func (c anchors) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		c.f.anchors[a.Name.GetToken().Value] = a.Value
	}
	return c
}

// invalid is the offset of the first byte that is no UTF-8 or is zero, -1 if there is none.
func invalid(text []byte) int {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == 0 || c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func placeOf(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{1, 1}
	}
	return Place{max(1, t.Position.Line), max(1, t.Position.Column)}
}

func placeAt(text []byte, offset int) Place {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return Place{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1}
}
