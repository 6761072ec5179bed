package yamlfile

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// At is where a node begins.
func At(n ast.Node) Place {
	switch x := n.(type) {
	case nil:
		return Place{1, 1}
	case *ast.MappingNode:
		if !x.IsFlowStyle && len(x.Values) > 0 {
			return At(x.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return At(x.Key)
	case *ast.LiteralNode:
		return placeOf(x.Start)
	}
	return placeOf(n.GetToken())
}

// Plain takes anchors, aliases and tags away from a node; nil is a null. It fails on an alias without an anchor, on one
// that leads to itself, and once MaxNodes nodes have been visited.
func (f *File) Plain(n ast.Node) (ast.Node, *Problem) {
	if n == nil || f == nil {
		return nil, nil
	}
	if f.nodes++; f.nodes > MaxNodes {
		return nil, problem(At(n), "the file has more than %d nodes with its aliases; write less", MaxNodes)
	}
	for range MaxDepth { // an alias may lead to itself
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.TagNode:
			n = x.Value
		case *ast.AliasNode:
			name := x.Value.GetToken().Value
			target, ok := f.anchors[name]
			if !ok {
				return nil, problem(At(x), "the alias *%s has no anchor", name)
			}
			n = target
		case nil, *ast.NullNode, *ast.CommentGroupNode:
			return nil, nil
		default:
			return n, nil
		}
	}
	return nil, problem(At(n), "an alias leads to itself")
}

// Text reads a scalar as it is written.
func Text(n ast.Node) (string, bool) {
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

// Members are the entries of a mapping; ok is false for anything else.
func Members(n ast.Node) (values []*ast.MappingValueNode, ok bool) {
	switch x := n.(type) {
	case *ast.MappingNode:
		return x.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{x}, true
	}
	return nil, false
}

// Kind says in words what a node is.
func Kind(n ast.Node) string {
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
