package policy

import (
	"slices"
	"strings"
)

// Match is a statement that is for a request, and whose conditions hold.
type Match struct {
	Decision
	// Before is where AWS's simulator says that the statement begins: after the bracket or the comma before it.
	Before Position
}

// Matches returns all statements that bear on a request, in the order of the sources: identity policies, boundary,
// session policies, and the resource's.
func Matches(s Sources, r Request) []Match {
	a := ask(&r)
	var out []Match
	s.each(func(t Type, p *Attached) {
		for j := range p.statements {
			st := &p.statements[j]
			deny := slices.Contains(p.denies, j)
			if st.principals != nil && (deny && !st.principals.applies(&r.Principal, r.Context) ||
				!deny && st.principals.grants(&r.Principal, r.Context) == none) {
				continue
			}
			if st.matches(&a) {
				out = append(out, Match{Decision: decided(t, p, j, deny), Before: st.before})
			}
		}
	})
	return out
}

// each calls f for each policy.
func (s *Sources) each(f func(t Type, p *Attached)) {
	list := func(t Type, policies []Attached) {
		for i := range policies {
			if policies[i].Policy != nil {
				f(t, &policies[i])
			}
		}
	}
	list(ByIdentity, s.Identity)
	if s.Boundary != nil {
		list(ByBoundary, []Attached{*s.Boundary})
	}
	list(BySession, s.Session)
	list(ByResource, s.Resource)
}

// Missing returns the condition keys that statements for the action and the resource ask for, and for which the request
// has no value, in alphabetical order.
func Missing(s Sources, r Request) []string {
	a := ask(&r)
	keys := keySet{}
	s.each(func(_ Type, p *Attached) {
		for j := range p.statements {
			st := &p.statements[j]
			if st.named(&a) == st.notAction || len(st.resources) > 0 && !st.near(&a) {
				continue
			}
			st.keys(func(key, name string) {
				if r.Context != nil {
					if _, ok := r.Context.Values(key); ok {
						return
					}
				}
				keys.add(key, name)
			})
		}
	})
	return keys.sorted()
}

// near reports whether the resources could match if variables had values.
func (s *statement) near(a *asked) bool {
	if s.forResource(a) {
		return true
	}
	variables := false
	for i := range s.resources {
		variables = variables || s.resources[i].part[arnParts-1].variables
	}
	return variables
}

// Keys returns the condition keys of policies, those of variables included, in alphabetical order.
func Keys(policies ...*Policy) []string {
	keys := keySet{}
	for _, p := range policies {
		for j := range p.statements {
			p.statements[j].keys(keys.add)
		}
	}
	return keys.sorted()
}

// keySet is condition keys by their name in lower case, with the name of a policy.
type keySet map[string]string

func (k keySet) add(key, name string) {
	if _, ok := k[strings.ToLower(key)]; !ok {
		k[strings.ToLower(key)] = name
	}
}

func (k keySet) sorted() []string {
	out := make([]string, 0, len(k))
	for _, name := range k {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// keys calls f with each condition key of the statement, as Context wants it and as the policy has it.
func (s *statement) keys(f func(key, name string)) {
	variables := func(g *glob) {
		for _, t := range g.tokens {
			if t.kind == variable {
				f(t.text, t.name)
			}
		}
	}
	for i := range s.resources {
		variables(&s.resources[i].part[arnParts-1])
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		f(c.key, c.name)
		for _, o := range c.operands {
			switch o := o.(type) {
			case *textOperand:
				variables(&o.glob)
			case *arnOperand:
				variables(&o.pattern.part[arnParts-1])
			case *boolOperand:
				variables(&o.glob)
			}
		}
	}
}
