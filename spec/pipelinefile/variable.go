package pipelinefile

import (
	"regexp"
	"sync"
)

var variable = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`#\{([A-Za-z0-9@_-]+)\.([A-Za-z0-9@_-]+)\}`)
})

// Variables finds the variables #{namespace.key} in a configuration value, as [namespace, key] pairs.
func Variables(value string) [][2]string {
	var found [][2]string
	for _, m := range variable().FindAllStringSubmatch(value, -1) {
		found = append(found, [2]string{m[1], m[2]})
	}
	return found
}

// Expand replaces each variable #{namespace.key} of a value by what lookup returns. A variable that lookup does not
// know stays as it is.
func Expand(value string, lookup func(namespace, key string) (string, bool)) string {
	return variable().ReplaceAllStringFunc(value, func(text string) string {
		m := variable().FindStringSubmatch(text)
		if v, ok := lookup(m[1], m[2]); ok {
			return v
		}
		return text
	})
}
