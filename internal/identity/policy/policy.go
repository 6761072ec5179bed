// Package policy reads IAM's policy documents and decides requests by them. It is pure: it does no input or output, and
// reads no clock.
package policy

// Kind is what a document is for, which decides what may stand in it.
type Kind int

const (
	// Identity is a policy of a user, group or role, a permissions boundary or a session policy.
	Identity Kind = iota
	// Trust is a role's trust policy.
	Trust
	// Resource is a policy of a resource.
	Resource
)

// Policy is a document that was read, and is ready to decide by. It is not changed, and may be used by many at once.
type Policy struct {
	kind       Kind
	text       string
	statements []statement
	// denies and allows are the indexes of statements by effect.
	denies, allows []int
}

// statement is compiled from a Statement element.
type statement struct {
	sid        string
	start, end Position
	before     Position // where AWS's simulator says that it begins

	actions   []glob // in lower case
	notAction bool
	// resources is empty in trust policies, and where a resource's policy names none: the statement is then for the
	// resource itself.
	resources   []arnPattern
	notResource bool
	principals  *principals // nil in identity policies
	conditions  []condition
	// byPrincipalARN is whether a condition names the principal by aws:PrincipalArn.
	byPrincipalARN bool
}

// Statements returns how many statements the policy has.
func (p *Policy) Statements() int { return len(p.statements) }

// Text returns the document as it was sent.
func (p *Policy) Text() string { return p.text }

// Kind returns what the policy was read for.
func (p *Policy) Kind() Kind { return p.kind }

// Principals returns the entries of all Principal and NotPrincipal elements, in the document's order.
func (p *Policy) Principals() []NamedPrincipal {
	var out []NamedPrincipal
	for i := range p.statements {
		if e := p.statements[i].principals; e != nil {
			out = append(out, e.entries...)
		}
	}
	return out
}

// Bind returns a policy in which the users and roles of some ARNs are known by their unique IDs, so that a namesake,
// made after one was deleted, is somebody else.
func (p *Policy) Bind(ids map[string]string) *Policy {
	bound := *p
	bound.statements = append([]statement(nil), p.statements...)
	for i := range bound.statements {
		s := &bound.statements[i]
		if s.principals == nil {
			continue
		}
		e := *s.principals
		e.entries = append([]NamedPrincipal(nil), e.entries...)
		for j := range e.entries {
			if id, ok := ids[e.entries[j].Value]; ok && e.entries[j].kind == anARN {
				e.entries[j].kind, e.entries[j].want = anID, id
			}
		}
		s.principals = &e
	}
	return &bound
}
