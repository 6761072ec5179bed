// Package workflow reads the files of GitHub Actions: workflows, action.yml, and the steps of a buildspec. It says of
// every mistake where it is. Sources: "Workflow syntax for GitHub Actions" and "Metadata syntax reference" in GitHub's
// documentation; "Build specification reference for CodeBuild" for steps of a buildspec.
package workflow

import (
	"fmt"
	"math"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"slipway/spec/yamlfile"
)

// Place is where something stands in a file.
type Place = yamlfile.Place

// Error is one thing that is wrong in a file, and where.
type Error = yamlfile.Error

// Errors are all that is wrong in a file.
type Errors = yamlfile.Errors

// Kind says what a node is.
type Kind string

// Kinds of nodes. A node that is not in the file has the kind Absent.
const (
	Absent  Kind = ""
	Null    Kind = "null"
	Bool    Kind = "bool"
	Number  Kind = "number"
	Text    Kind = "text"
	List    Kind = "list"
	Mapping Kind = "mapping"
)

// Node is a value of a file as it was written: expressions in it have not been evaluated.
type Node struct {
	Place
	Kind    Kind
	Text    string   `json:",omitempty"` // of a scalar, as it is written
	Number  float64  `json:",omitempty"`
	Items   []Node   `json:",omitempty"`
	Members []Member `json:",omitempty"`
}

// Member is a key of a mapping with its value.
type Member struct {
	Place
	Key   string
	Value Node
}

// Has tells whether the node is in the file.
func (n Node) Has() bool { return n.Kind != Absent }

// Member returns the value of a key. It is absent if there is none.
func (n Node) Member(key string) Node {
	for _, m := range n.Members {
		if m.Key == key {
			return m.Value
		}
	}
	return Node{}
}

// reader turns a file's tree into nodes and collects what is wrong.
type reader struct {
	file string
	tree *yamlfile.File
	errs Errors
}

const maxErrors = 100

func (r *reader) fail(at Place, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs,
			Error{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
	}
}

// root reads a text that must be one document.
func (r *reader) root(text []byte) Node {
	tree, bad := yamlfile.Read(text)
	switch {
	case bad != nil:
		r.fail(bad.Place, "%s", bad.Message)
	case len(tree.Docs) == 0:
		r.fail(Place{Line: 1, Column: 1}, "the file is empty")
	case len(tree.Docs) > 1:
		r.fail(yamlfile.At(tree.Docs[1]), "a second YAML document begins here; the file must be one")
	default:
		r.tree = tree
		return r.node(tree.Docs[0], 0)
	}
	return Node{}
}

func (r *reader) node(n ast.Node, depth int) Node {
	at := yamlfile.At(n)
	if depth > yamlfile.MaxDepth {
		r.fail(at, "the file nests deeper than %d levels", yamlfile.MaxDepth)
		return Node{}
	}
	p, bad := r.tree.Plain(n)
	if bad != nil {
		r.fail(bad.Place, "%s", bad.Message)
		return Node{}
	}
	if p == nil {
		return Node{Place: at, Kind: Null}
	}
	if values, ok := yamlfile.Members(p); ok {
		return r.mapping(values, at, depth)
	}
	if list, ok := p.(*ast.SequenceNode); ok {
		out := Node{Place: at, Kind: List}
		for _, v := range list.Values {
			out.Items = append(out.Items, r.node(v, depth+1))
		}
		return out
	}
	return r.scalar(p, at)
}

func (r *reader) mapping(values []*ast.MappingValueNode, at Place, depth int) Node {
	out := Node{Place: at, Kind: Mapping}
	seen := map[string]int{}
	for _, v := range values {
		m := Member{Place: yamlfile.At(v.Key)}
		key, bad := r.tree.Plain(v.Key)
		ok := bad == nil
		if ok {
			m.Key, ok = yamlfile.Text(key)
		}
		if !ok || v.Key.IsMergeKey() {
			r.fail(m.Place, "a key must be a text")
			continue
		}
		if line, twice := seen[m.Key]; twice {
			r.fail(m.Place, "%s stands here a second time (first in line %d)", yamlfile.Quote(m.Key), line)
			continue
		}
		seen[m.Key] = m.Line
		m.Value = r.node(v.Value, depth+1)
		out.Members = append(out.Members, m)
	}
	return out
}

func (r *reader) scalar(n ast.Node, at Place) Node {
	text, ok := yamlfile.Text(n)
	if !ok {
		r.fail(at, "this is no value that YAML knows")
		return Node{}
	}
	out := Node{Place: at, Kind: Text, Text: text}
	switch x := n.(type) {
	case *ast.BoolNode:
		out.Kind, out.Text = Bool, strconv.FormatBool(x.Value)
	case *ast.IntegerNode:
		out.Kind = Number
		switch v := x.Value.(type) {
		case int64:
			out.Number = float64(v)
		case uint64:
			out.Number = float64(v)
		}
	case *ast.FloatNode:
		out.Kind, out.Number = Number, x.Value
		if math.IsInf(x.Value, 0) || math.IsNaN(x.Value) {
			out.Kind = Text
		}
	}
	return out
}
