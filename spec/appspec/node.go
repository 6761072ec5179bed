package appspec

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"slipway/spec/yamlfile"
)

// reader goes through a file's tree and collects what is wrong.
type reader struct {
	file     string
	tree     *yamlfile.File
	errs     Errors
	warnings Errors
}

// root parses the text into a tree; nil if that fails, with the error noted.
func (r *reader) root(text []byte) ast.Node {
	var bad *yamlfile.Problem
	if r.tree, bad = yamlfile.Read(text); bad != nil {
		r.fail(bad.Place, "%s", bad.Message)
		return nil
	}
	docs := r.tree.Docs
	if len(docs) == 0 {
		r.fail(Place{Line: 1, Column: 1}, "%s", empty)
		return nil
	}
	if len(docs) > 1 {
		r.warn(r.place(docs[1]), "only the first document of the file is read")
	}
	return docs[0]
}

func (r *reader) fail(at Place, format string, args ...any) {
	r.errs = append(r.errs,
		Error{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) warn(at Place, format string, args ...any) {
	r.warnings = append(r.warnings,
		Error{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
}

func (r *reader) place(n ast.Node) Place { return yamlfile.At(n) }

// plain takes anchors, aliases and tags away from a node; nil is a null.
func (r *reader) plain(n ast.Node) ast.Node {
	p, bad := r.tree.Plain(n)
	if bad != nil {
		r.fail(bad.Place, "%s", bad.Message)
	}
	return p
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
	return r.membersAt(n, what, 0)
}

func (r *reader) membersAt(n ast.Node, what string, depth int) (ms []member, ok bool) {
	values, ok := yamlfile.Members(n)
	if !ok {
		r.fail(r.place(n), "%s must be a mapping (key: value), not %s", what, kind(n))
		return nil, false
	}
	if depth > yamlfile.MaxDepth {
		r.fail(r.place(n), "<< leads to itself")
		return nil, false
	}
	index := map[string]int{}
	for _, v := range values {
		if v.Key.IsMergeKey() {
			merged, ok := r.membersAt(r.plain(v.Value), "what << brings in", depth+1)
			if !ok {
				return nil, false
			}
			for _, m := range merged {
				if _, known := index[m.key]; !known {
					index[m.key] = len(ms)
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
		if i, known := index[m.key]; known {
			r.warn(m.Place, "%s stands here a second time; this one counts", quote(m.key))
			ms[i] = m // as Ruby's reader has it
			continue
		}
		index[m.key] = len(ms)
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
func (r *reader) text(n ast.Node) (string, bool) { return yamlfile.Text(n) }

// scalar reads a text; an error is noted where there is none.
func (r *reader) scalar(n ast.Node, what string) (string, bool) {
	if s, ok := r.text(n); ok {
		return s, true
	}
	r.fail(r.place(n), "%s must be a text, not %s", what, kind(n))
	return "", false
}

func kind(n ast.Node) string { return yamlfile.Kind(n) }
