package actions

import "context"

// builtins are the actions that Slipway answers itself, by their names in lower case. A path ends at the action, so
// that cache/restore is one of its own.
var builtins = map[string]func(ctx context.Context, u *use) error{
	"actions/checkout":          checkout,
	"actions/cache":             caching,
	"actions/cache/restore":     restoring,
	"actions/cache/save":        saving,
	"actions/upload-artifact":   upload,
	"actions/download-artifact": download,
	"actions/setup-node":        setup,
	"actions/setup-python":      setup,
	"actions/setup-go":          setup,
	"actions/setup-java":        setup,
	"actions/setup-dotnet":      setup,
	"ruby/setup-ruby":           setup,
}
