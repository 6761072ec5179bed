package policy

import (
	"encoding/json"
	"strings"
)

// Allowing returns a statement that allows an action on a resource, in JSON on one line, as errors have it.
func Allowing(action, resource string) string {
	statement := struct{ Effect, Action, Resource string }{"Allow", action, resource}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(statement); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
