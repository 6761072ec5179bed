package buildspec

import (
	"bytes"
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
	// maxSize bounds a file in bytes. CodeBuild takes 64 KiB in a request; a file in a repository may be longer.
	maxSize = 1 << 20
	// maxDepth bounds how deep a file nests; the grammar needs eight.
	maxDepth = 64
	// maxNodes bounds how many nodes are read, each time an alias leads to it anew.
	maxNodes = 100_000
	// maxErrors bounds how many mistakes are told.
	maxErrors = 200
)

// reader goes through a file's tree and collects what is wrong.
type reader struct {
	file    string
	errs    Errors
	anchors map[string]ast.Node
	nodes   int
	placed  map[string]Place
}

// root parses the text into a tree; nil if that fails, with the error noted.
func (r *reader) root(text []byte) (root ast.Node) {
	whole := Place{1, 1}
	if len(text) > maxSize {
		r.fail(whole, "the file has %d bytes; a build specification may have %d", len(text), maxSize)
		return nil
	}
	if i := firstInvalid(text); i >= 0 {
		r.fail(placeAt(text, i), "this is no UTF-8 text; save the file in that encoding")
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	defer func() {
		if p := recover(); p != nil { // the parser is not ours: whatever it meets, the answer is an error
			root = nil
			r.fail(whole, "the file is no YAML: %v", p)
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if at, ok := tooDeep(tokens); ok {
		r.fail(at, "the file nests deeper than %d levels", maxDepth)
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := whole, err.Error()
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) {
			message = syntax.Message
			if syntax.Token != nil && syntax.Token.Position != nil {
				at = placeOf(syntax.Token)
			}
		}
		r.fail(at, "the file is no YAML: %s", message)
		return nil
	}
	var bodies []ast.Node
	for _, d := range f.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		r.fail(whole, "%s", empty)
		return nil
	case len(bodies) > 1:
		r.fail(r.place(bodies[1]), "a second YAML document begins here; a build specification is one")
		return nil
	}
	r.anchors = map[string]ast.Node{}
	ast.Walk(anchors{r}, bodies[0])
	return bodies[0]
}

// tooDeep looks for nesting before the parser, which recurses, does.
func tooDeep(tokens token.Tokens) (Place, bool) {
	flow, inLine, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position != nil && t.Position.Line != line {
			inLine, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			inLine++
		}
		if flow > maxDepth || inLine > maxDepth || t.Position != nil && t.Position.IndentLevel > maxDepth {
			return placeOf(t), true
		}
	}
	return Place{}, false
}

type anchors struct{ r *reader }

func (c anchors) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		c.r.anchors[a.Name.GetToken().Value] = a.Value
	}
	return c
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

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == 0 || c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

func (r *reader) fail(at Place, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, Error{r.file, at.Line, at.Column, fmt.Sprintf(format, args...)})
	}
}

func (r *reader) place(n ast.Node) Place {
	switch x := n.(type) {
	case nil:
		return Place{1, 1}
	case *ast.MappingNode:
		if !x.IsFlowStyle && len(x.Values) > 0 {
			return r.place(x.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return r.place(x.Key)
	case *ast.LiteralNode:
		return placeOf(x.Start)
	}
	return placeOf(n.GetToken())
}

// plain takes anchors, aliases and tags away from a node; nil is a null.
func (r *reader) plain(n ast.Node) ast.Node {
	if r.nodes++; r.nodes > maxNodes {
		if r.nodes == maxNodes+1 {
			r.fail(r.place(n), "the file has more than %d nodes with its aliases; write less", maxNodes)
		}
		return nil
	}
	for range maxDepth { // an alias may lead to itself
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.TagNode:
			n = x.Value
		case *ast.AliasNode:
			name := x.Value.GetToken().Value
			target, ok := r.anchors[name]
			if !ok {
				r.fail(r.place(x), "the alias *%s has no anchor", name)
				return nil
			}
			n = target
		case nil, *ast.NullNode, *ast.CommentGroupNode:
			return nil
		default:
			return n
		}
	}
	r.fail(r.place(n), "an alias leads to itself")
	return nil
}

// member is a key of a mapping with its value.
type member struct {
	Place
	key   string
	value ast.Node // plain; nil for null
	at    Place    // of the value
}

// members reads a mapping; a null is an empty one. what says what should be one.
func (r *reader) members(n ast.Node, what string) []member { return r.membersAt(n, what, 0) }

func (r *reader) membersAt(n ast.Node, what string, depth int) (ms []member) {
	var values []*ast.MappingValueNode
	switch x := n.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		values = x.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{x}
	default:
		r.fail(r.place(n), "%s must be a mapping (key: value), not %s", what, kind(n))
		return nil
	}
	if depth > maxDepth {
		r.fail(r.place(n), "<< leads to itself")
		return nil
	}
	index := map[string]int{}
	merged := map[string]bool{}
	add := func(m member, byMerge bool) {
		i, twice := index[m.key]
		switch {
		case !twice:
			index[m.key], merged[m.key] = len(ms), byMerge
			ms = append(ms, m)
		case byMerge:
		case merged[m.key]:
			ms[i], merged[m.key] = m, false
		default:
			r.fail(m.Place, "%s stands here a second time (first in line %d)", quote(m.key), ms[i].Line)
		}
	}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			from := r.plain(v.Value)
			sources := []ast.Node{from}
			if list, ok := from.(*ast.SequenceNode); ok {
				sources = sources[:0]
				for _, s := range list.Values {
					sources = append(sources, r.plain(s))
				}
			}
			for _, s := range sources {
				for _, m := range r.membersAt(s, "what << brings in", depth+1) {
					add(m, true)
				}
			}
			continue
		}
		m := member{Place: r.place(v.Key), value: r.plain(v.Value)}
		var ok bool
		if m.key, ok = text(r.plain(v.Key)); !ok {
			r.fail(m.Place, "a key must be a text")
			continue
		}
		m.at = m.Place
		if m.value != nil {
			m.at = r.place(m.value)
		}
		add(m, false)
	}
	return ms
}

// items reads a list; a null is an empty one, and with single a scalar one of one.
func (r *reader) items(m member, what string, single bool) []ast.Node {
	switch x := m.value.(type) {
	case nil:
		return nil
	case *ast.SequenceNode:
		return x.Values
	default:
		if _, ok := text(x); ok && single {
			return []ast.Node{x}
		}
		r.fail(m.at, "%s must be a list, not %s", what, kind(x))
		return nil
	}
}

// strings reads a list of texts.
func (r *reader) strings(m member, what string) []string {
	var out []string
	for _, n := range r.items(m, what, true) {
		p := r.plain(n)
		s, ok := text(p)
		if !ok || s == "" {
			r.fail(r.place(n), "each entry of %s must be a text, not %s", what, kind(p))
			continue
		}
		out = append(out, s)
	}
	return out
}

// text reads a scalar as it is written.
func text(n ast.Node) (string, bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, true
	case *ast.LiteralNode:
		return x.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(x.GetToken().Value), true
	}
	return "", false
}

// scalar reads a member's text; a null is "".
func (r *reader) scalar(m member, what string) string {
	if m.value == nil {
		return ""
	}
	s, ok := text(m.value)
	if !ok {
		r.fail(m.at, "%s must be a text, not %s", what, kind(m.value))
	}
	return s
}

// flag reads yes or no, as YAML 1.1 has it.
func (r *reader) flag(m member, what string) bool {
	s := r.scalar(m, what)
	switch strings.ToLower(s) {
	case "yes", "true", "on":
		return true
	case "no", "false", "off", "":
		return false
	}
	r.fail(m.at, "%s must be yes or no, not %s", what, quote(s))
	return false
}

func kind(n ast.Node) string {
	switch n.(type) {
	case nil:
		return "nothing"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	}
	return "something else"
}

// keys goes through a mapping's members and refuses those that are not known there.
func (r *reader) keys(ms []member, where string, known map[string]func(member)) {
	for _, m := range ms {
		if read := known[m.key]; read != nil {
			read(m)
			continue
		}
		names := sortedKeys(known)
		if meant := closest(m.key, names); meant != "" {
			r.fail(m.Place, "unknown key %s in %s: did you mean %s?", quote(m.key), where, meant)
		} else {
			r.fail(m.Place, "unknown key %s in %s; known are %s", quote(m.key), where, strings.Join(names, ", "))
		}
	}
}
