package policy

import "strings"

// Values is a Context of known values, by key in lower case.
type Values map[string][]string

// Values returns the values of a key. The name of a tag is found in any case.
func (v Values) Values(key string) ([]string, bool) {
	values, ok := v[key]
	if !ok {
		values, ok = v[strings.ToLower(key)]
	}
	return values, ok
}
