package appspec

import "strings"

// Matches tells whether the permission is for a path below its object. rel is that path, from the object on. A pattern
// other than "**" knows only "*" and speaks of the object's own entries, never of what lies deeper; an exception does
// too.
func (p Permission) Matches(rel string) bool {
	if p.Pattern != "**" && !matches(p.Pattern, rel) {
		return false
	}
	for _, e := range p.Except {
		if matches(e, rel) {
			return false
		}
	}
	return true
}

func matches(pattern, name string) bool {
	if strings.Contains(name, "/") {
		return false
	}
	// Go back to the last star whenever the rest does not fit: linear in practice, quadratic at worst.
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
