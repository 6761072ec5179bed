package policy

import "strings"

// grant is how far a statement of a resource's policy goes for a principal, from least to most.
type grant int

const (
	none grant = iota
	// delegated: the statement names the principal's account, which decides by its own policies.
	delegated
	// replaced: the statement replaces the principal's identity policies, but no boundary or session policy.
	replaced
	// direct: the statement names the principal itself, and no implicit deny counts.
	direct
)

type principalKind uint8

const (
	anybody principalKind = iota
	anAccount
	anARN
	anID // the unique ID of a user or a role
	aService
	aFederation
)

// NamedPrincipal is an entry of a Principal or NotPrincipal element.
type NamedPrincipal struct {
	// Type is AWS, Service or Federated; "" if the whole element is "*".
	Type  string
	Value string // as the policy has it
	At    Position

	kind principalKind
	want string // what is compared: an account, an ARN, an ID, a service
}

// parsePrincipal reads an entry. It reports false if it names nobody.
func parsePrincipal(kind, value string) (NamedPrincipal, bool) {
	n := NamedPrincipal{Type: kind, Value: value, want: value}
	dotted := strings.Contains(value, ".") && !strings.ContainsAny(value, "*?")
	switch kind {
	case "Service":
		n.kind = aService
		return n, dotted && !strings.Contains(value, ":") || value == "*"
	case "Federated":
		n.kind = aFederation
		return n, dotted
	}
	switch {
	case value == "*":
		n.kind = anybody
		return n, true
	case isAccount(value):
		n.kind = anAccount
		return n, true
	case isUniqueID(value):
		n.kind = anID
		return n, true
	}
	return n.parseARN()
}

// parseARN reads the ARN of an account, a user, a role, a session or a federated user.
func (n NamedPrincipal) parseARN() (NamedPrincipal, bool) {
	p := splitARN(n.Value)
	named := p.count == arnParts && p.part[0] == "arn" && isAccount(p.part[4]) && !strings.ContainsAny(n.Value, "*?$ ")
	if !named {
		return n, false
	}
	n.kind = anARN
	resource := p.part[5]
	if p.part[2] == "iam" && resource == "root" {
		n.kind, n.want = anAccount, p.part[4]
		return n, true
	}
	iam := p.part[2] == "iam" && (after(resource, "user/") || after(resource, "role/"))
	sts := p.part[2] == "sts" && (after(resource, "assumed-role/") || after(resource, "federated-user/"))
	return n, iam || sts
}

func after(s, prefix string) bool { return len(s) > len(prefix) && strings.HasPrefix(s, prefix) }

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

func isUniqueID(s string) bool {
	return len(s) >= 16 && (strings.HasPrefix(s, "AROA") || strings.HasPrefix(s, "AIDA")) &&
		!strings.ContainsAny(s, ":/*?. ")
}

// grants returns what the entry says of a principal.
func (n *NamedPrincipal) grants(p *Principal, c Context) grant {
	switch n.kind {
	case anybody:
		if p.Federated == "" {
			return replaced
		}
	case anAccount:
		return n.grantsAccount(p)
	case anARN:
		return either(p.ARN != "" && n.want == p.ARN, p.Role != "" && n.want == p.Role)
	case anID:
		id, _, session := strings.Cut(p.UserID, ":")
		return either(!session && n.want == id, session && n.want == id)
	case aService:
		named := p.Service != "" && (n.want == "*" || sameService(n.want, p.Service, c))
		return either(named, false)
	case aFederation:
		return either(p.Federated != "" && n.want == p.Federated, false)
	}
	return none
}

func (n *NamedPrincipal) grantsAccount(p *Principal) grant {
	switch {
	case p.ARN == "" || p.Account != n.want:
		return none
	case p.Root:
		return direct
	}
	return delegated
}

// either returns what naming a principal itself gives, or naming the role of a session.
func either(itself, role bool) grant {
	switch {
	case itself:
		return direct
	case role:
		return replaced
	}
	return none
}

const awsDomain = ".amazonaws.com"

// sameService reports whether a policy names the service that asks. Some services also go by a name with the region:
// codedeploy.eu-west-1.amazonaws.com.
func sameService(named, asks string, c Context) bool {
	if named == asks {
		return true
	}
	plain, ok := strings.CutSuffix(asks, awsDomain)
	if !ok || c == nil || !strings.HasPrefix(named, plain+".") {
		return false
	}
	region, ok := c.Values("aws:requestedregion")
	return ok && len(region) == 1 && named == plain+"."+region[0]+awsDomain
}

// principals is a Principal or NotPrincipal element.
type principals struct {
	entries []NamedPrincipal
	not     bool
}

// grants returns the most that the element gives a principal.
func (e *principals) grants(p *Principal, c Context) grant {
	best := none
	for i := range e.entries {
		best = max(best, e.entries[i].grants(p, c))
	}
	if !e.not {
		return best
	}
	if best == none {
		return replaced
	}
	return none
}

func (e *principals) everybody() bool {
	for i := range e.entries {
		if e.entries[i].kind == anybody {
			return true
		}
	}
	return false
}

// applies reports whether a Deny with this element is for a principal. To escape a Deny with NotPrincipal, all that a
// request is made by must be named: the account and the user; the account, the role and the session.
func (e *principals) applies(p *Principal, c Context) bool {
	if !e.not {
		return e.everybody() || e.grants(p, c) > none
	}
	named := [direct + 1]bool{}
	for i := range e.entries {
		n := &e.entries[i]
		g := n.grants(p, c)
		named[g] = true
		if e.everybody() || g == direct && (p.ARN == "" || p.Root) {
			return false
		}
	}
	whole := named[direct] && named[delegated] && (p.Role == "" || named[replaced])
	return !whole
}
