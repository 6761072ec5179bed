package buildspec

import (
	"github.com/goccy/go-yaml/ast"

	"slipway/spec/yamlfile"
)

type (
	// Place is where something stands in the file, counted from one.
	Place = yamlfile.Place
	// Error is one thing that is wrong in a file, and where.
	Error = yamlfile.Error
	// Errors are all that is wrong in a file, in its order.
	Errors = yamlfile.Errors
)

func quote(s string) string { return yamlfile.Quote(s) }

func text(n ast.Node) (string, bool) { return yamlfile.Text(n) }

func kind(n ast.Node) string { return yamlfile.Kind(n) }
