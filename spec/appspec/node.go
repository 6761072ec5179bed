package appspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxSize bounds a file; the largest that is known has a few thousand bytes.
const maxSize = 1 << 20

// reader goes through a file's tree and collects what is wrong.
type reader struct {
	file     string
	errs     Errors
	warnings Errors
	anchors  map[string]ast.Node
}

// root parses the text into a tree; nil if that fails, with the error noted.
func (r *reader) root(text []byte) (root ast.Node) {
	whole := Place{1, 1}
	if len(text) > maxSize {
		r.fail(whole, "the file has %d bytes; an application specification may have %d", len(text), maxSize)
		return nil
	}
	if !utf8.Valid(text) {
		r.fail(placeOfInvalid(text), "the file is not UTF-8; save it in that encoding")
		return nil
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		r.fail(placeAt(text, i), "the file has a zero byte; it is no text")
		return nil
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if json.Valid(text) {
		// JSON may be indented by tabs, which YAML does not take. Inside its texts there are none.
		text = bytes.ReplaceAll(text, []byte("\t"), []byte(" "))
	}
	defer func() {
		if p := recover(); p != nil { // the parser is not ours: whatever it meets, the answer is an error
			root = nil
			r.fail(whole, "the file is no YAML: %v", p)
		}
	}()
	f, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := whole
		message := err.Error()
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
	r.anchors = map[string]ast.Node{}
	var bodies []ast.Node
	for _, d := range f.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) == 0 {
		r.fail(whole, "%s", empty)
		return nil
	}
	if len(bodies) > 1 {
		r.warn(r.place(bodies[1]), "only the first document of the file is read")
	}
	ast.Walk(anchorCollector{r}, bodies[0])
	return bodies[0]
}

type anchorCollector struct{ r *reader }

func (c anchorCollector) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		c.r.anchors[a.Name.GetToken().Value] = a.Value
	}
	return c
}

func placeOf(t *token.Token) Place {
	return Place{max(1, t.Position.Line), max(1, t.Position.Column)}
}

func placeAt(text []byte, offset int) Place {
	before := text[:offset]
	line := bytes.Count(before, []byte("\n")) + 1
	start := bytes.LastIndexByte(before, '\n') + 1
	return Place{line, utf8.RuneCount(before[start:]) + 1}
}

func placeOfInvalid(text []byte) Place {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && n == 1 {
			return placeAt(text, i)
		}
		i += n
	}
	return Place{1, 1}
}

func (r *reader) fail(at Place, format string, args ...any) {
	r.errs = append(r.errs, Error{r.file, at.Line, at.Column, fmt.Sprintf(format, args...)})
}

func (r *reader) warn(at Place, format string, args ...any) {
	r.warnings = append(r.warnings, Error{r.file, at.Line, at.Column, fmt.Sprintf(format, args...)})
}

func (r *reader) place(n ast.Node) Place {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return r.place(m.Values[0].Key)
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		return r.place(m.Key)
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Place{1, 1}
	}
	return placeOf(n.GetToken())
}

// plain takes anchors, aliases and tags away from a node; nil is a null.
func (r *reader) plain(n ast.Node) ast.Node {
	for range 64 { // an alias may lead to itself
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
		case *ast.NullNode, *ast.CommentGroupNode:
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

// members reads a mapping; what says what should be one. ok is false, and the error noted, if it is none.
func (r *reader) members(n ast.Node, what string) (ms []member, ok bool) {
	var values []*ast.MappingValueNode
	switch x := n.(type) {
	case *ast.MappingNode:
		values = x.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{x}
	default:
		r.fail(r.place(n), "%s must be a mapping (key: value), not %s", what, kind(n))
		return nil, false
	}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			merged, ok := r.members(r.plain(v.Value), "what << brings in")
			if !ok {
				return nil, false
			}
			for _, m := range merged {
				if !slices.ContainsFunc(ms, func(o member) bool { return o.key == m.key }) {
					ms = append(ms, m)
				}
			}
			continue
		}
		m := member{Place: r.place(v.Key), key: r.keyText(v.Key), value: r.plain(v.Value)}
		m.at = m.Place
		if m.value != nil {
			m.at = r.place(m.value)
		}
		if i := slices.IndexFunc(ms, func(o member) bool { return o.key == m.key }); i >= 0 {
			r.warn(m.Place, "%s stands here a second time; this one counts", quote(m.key))
			ms[i] = m // as Ruby's reader has it
			continue
		}
		ms = append(ms, m)
	}
	return ms, true
}

func (r *reader) keyText(k ast.MapKeyNode) string {
	if s, ok := r.text(r.plain(k)); ok {
		return s
	}
	return k.String()
}

// items reads a list; what says what should be one.
func (r *reader) items(n ast.Node, what string) ([]ast.Node, bool) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fail(r.place(n), "%s must be a list, not %s", what, kind(n))
		return nil, false
	}
	return s.Values, true
}

// text reads a scalar as it is written.
func (r *reader) text(n ast.Node) (string, bool) {
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

// scalar reads a text; an error is noted where there is none.
func (r *reader) scalar(n ast.Node, what string) (string, bool) {
	if s, ok := r.text(n); ok {
		return s, true
	}
	r.fail(r.place(n), "%s must be a text, not %s", what, kind(n))
	return "", false
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
