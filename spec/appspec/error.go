package appspec

import "slipway/spec/yamlfile"

type (
	// Place is where something stands in the file, counted from one.
	Place = yamlfile.Place
	// Error is one thing that is wrong in a file, and where.
	Error = yamlfile.Error
	// Errors are all that is wrong in a file, in its order.
	Errors = yamlfile.Errors
)

func quote(s string) string { return yamlfile.Quote(s) }
