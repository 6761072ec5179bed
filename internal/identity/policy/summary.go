package policy

import (
	"strings"

	"slipway/internal/identity/policy/catalogue"
)

// ServiceRights is how much of a service policies allow.
type ServiceRights struct {
	Service string
	// Levels are by the levels of the catalogue; a level without actions is missing.
	Levels map[catalogue.Level]LevelRights
	// Limited reports that some of it is allowed on some resources alone, or under conditions.
	Limited bool
}

// LevelRights is how many actions of a level are allowed, of how many.
type LevelRights struct{ Allowed, All int }

// Summary says, for each service, how many actions are allowed on some resource. What a statement denies without
// conditions on all resources is not; other Deny statements count as limits.
func Summary(policies []Attached) []ServiceRights {
	var out []ServiceRights
	for _, service := range catalogue.Services() {
		r := ServiceRights{Service: service, Levels: map[catalogue.Level]LevelRights{}}
		any := false
		for _, e := range catalogue.Actions(service) {
			allowed, limited := extent(policies, strings.ToLower(service+":"+e.Name))
			l := r.Levels[e.Level]
			l.All++
			if allowed {
				l.Allowed++
				any = true
				r.Limited = r.Limited || limited
			}
			r.Levels[e.Level] = l
		}
		if any {
			out = append(out, r)
		}
	}
	return out
}

// extent reports whether an action is allowed on some resource, and whether only there or under conditions.
func extent(policies []Attached, action string) (allowed, limited bool) {
	limited = true
	narrowed := false
	for i := range policies {
		p := &policies[i]
		for _, j := range p.denies {
			if s := &p.statements[j]; s.forAction(action) != s.notAction {
				if s.everywhere() {
					return false, false
				}
				narrowed = true
			}
		}
		for _, j := range p.allows {
			if s := &p.statements[j]; s.forAction(action) != s.notAction {
				allowed = true
				limited = limited && !s.everywhere()
			}
		}
	}
	return allowed, limited || narrowed
}

// everywhere reports whether a statement is for all resources, without conditions.
func (s *statement) everywhere() bool {
	if len(s.conditions) > 0 || s.notResource {
		return false
	}
	for i := range s.resources {
		if s.resources[i].any {
			return true
		}
	}
	return len(s.resources) == 0
}
