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
	statements []statement
}

type statement struct{}

// Statements returns how many statements the policy has.
func (p *Policy) Statements() int { return len(p.statements) }
