package policy

import "strings"

// Grants reports whether a statement allows an action on some resource, under some conditions.
func (p *Policy) Grants(action string) bool {
	action = strings.ToLower(action)
	for _, i := range p.allows {
		if s := &p.statements[i]; s.forAction(action) != s.notAction {
			return true
		}
	}
	return false
}
