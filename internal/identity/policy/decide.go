package policy

import "strings"

// Context answers for the condition keys of a request. Keys are in lower case; a tag's name after the slash keeps the
// letters that the policy wrote, and is compared without regard to case. Values returns false if the request has no
// such key, which is not the same as an empty list.
type Context interface {
	Values(key string) (values []string, ok bool)
}

// Principal is who asks.
type Principal struct {
	Account   string
	ARN       string // of the user, session, federated user or root; "" for a service or somebody unknown
	Role      string // the ARN of a session's role, "" otherwise
	UserID    string // AIDA…, AROA…:SESSION, ACCOUNT:NAME, ACCOUNT
	Service   string // codebuild.amazonaws.com, if a service asks
	Federated string // the ARN or the host of an identity provider, if a token of it is exchanged
	Root      bool   // the account itself
}

// Request is one question: may Principal do Action on Resource.
type Request struct {
	Principal Principal
	Action    string // codecommit:GitPull
	Resource  string // an ARN, or * for an action without resources
	Account   string // that owns the resource, "" for the principal's own
	Context   Context
}

// Attached is a policy with where it comes from.
type Attached struct {
	*Policy
	ARN  string // of a managed policy, "" for an inline one
	Name string
}

// Sources are the policies that bear on a request.
type Sources struct {
	Identity []Attached // of the user and its groups, or of the role
	Boundary *Attached  // nil for none
	Session  []Attached // what was passed with the session
	// Limited reports that session policies were passed. If it is false, Session does not limit.
	Limited  bool
	Resource []Attached // of the resource
	// Alone reports that the resource policy must allow by itself, as role trust policies and KMS key policies must.
	Alone bool
}

// Type is which kind of policy decided a request.
type Type int

// The types of policies, in the order in which a denial names them.
const (
	ByIdentity Type = iota + 1
	ByBoundary
	BySession
	ByResource
	ByTrust
	// ByRoot is no policy: the account itself may do everything in it.
	ByRoot
)

// Decision is whether a request is allowed, and by what.
type Decision struct {
	Allowed  bool
	Explicit bool // a Deny statement applies
	// Type is what decided; for an implicit deny, what would have to allow.
	Type Type
	// ARN and Name are the deciding policy's; empty for an implicit deny.
	ARN, Name string
	// Statement is the place of the deciding statement in its policy, from one; 0 for an implicit deny.
	Statement  int
	Sid        string
	Start, End Position
}

// asked is a request with what is needed of it for each statement.
type asked struct {
	*Request
	action   string // in lower case
	resource parts
	other    *otherName // nil for most services
}

func ask(r *Request) asked {
	action := strings.ToLower(r.Action)
	return asked{Request: r, action: action, resource: splitARN(r.Resource), other: otherOf(action, r.Resource)}
}

// Decide decides a request. An explicit deny anywhere wins. Otherwise the identity policies, the boundary and the
// session policies must all allow; the policy of a resource in the same account can stand in for them. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func Decide(s Sources, r Request) Decision {
	a := ask(&r)
	if d, ok := a.denied(&s); ok {
		return d
	}
	granted, given := a.granted(s.Resource)
	p := &r.Principal
	if p.ARN == "" {
		// A service, a token or nobody: no policy is attached to it.
		if granted >= replaced {
			return given
		}
		return Decision{Type: lacking(&s, p)}
	}
	crosses := r.Account != "" && r.Account != p.Account
	if crosses || s.Alone {
		if granted == none {
			return a.lacksResource(&s, crosses)
		}
		if crosses {
			granted = delegated
		}
	}
	if granted == direct {
		return given
	}
	decision := given
	if granted < replaced {
		own, ok := a.byIdentity(&s)
		if !ok {
			return own
		}
		decision = own
	}
	if t := a.limited(&s); t != 0 {
		return Decision{Type: t}
	}
	return decision
}

// limited returns the type of the limit that does not let the request through, 0 if all do.
func (a *asked) limited(s *Sources) Type {
	if s.Boundary != nil {
		if _, ok := a.first(ByBoundary, []Attached{*s.Boundary}, false); !ok {
			return ByBoundary
		}
	}
	if s.Limited {
		if _, ok := a.first(BySession, s.Session, false); !ok {
			return BySession
		}
	}
	return 0
}

// lacking is which policy would have to allow somebody who has no identity policies.
func lacking(s *Sources, p *Principal) Type {
	for i := range s.Resource {
		if s.Resource[i].kind == Trust {
			return ByTrust
		}
	}
	if s.Alone || len(s.Resource) > 0 || p.Service != "" || p.Federated != "" {
		return ByResource
	}
	return ByIdentity
}

// lacksResource denies for want of a resource policy. If the principal's own policies do not allow either, the answer
// names them: that is what the principal can look into.
func (a *asked) lacksResource(s *Sources, crosses bool) Decision {
	if crosses && !s.Alone {
		if own, ok := a.byIdentity(s); !ok {
			return own
		}
	}
	t := ByResource
	if lacking(s, &a.Principal) == ByTrust {
		t = ByTrust
	}
	return Decision{Type: t}
}

func (a *asked) byIdentity(s *Sources) (Decision, bool) {
	if a.Principal.Root {
		return Decision{Allowed: true, Type: ByRoot}, true
	}
	if d, ok := a.first(ByIdentity, s.Identity, false); ok {
		return d, true
	}
	return Decision{Type: ByIdentity}, false
}

// denied looks for an explicit deny.
func (a *asked) denied(s *Sources) (Decision, bool) {
	if d, ok := a.first(ByIdentity, s.Identity, true); ok {
		return d, true
	}
	if s.Boundary != nil {
		if d, ok := a.first(ByBoundary, []Attached{*s.Boundary}, true); ok {
			return d, true
		}
	}
	if d, ok := a.first(BySession, s.Session, true); ok {
		return d, true
	}
	return a.first(ByResource, s.Resource, true)
}

// first returns the first statement of an effect that is for the request.
func (a *asked) first(t Type, policies []Attached, deny bool) (Decision, bool) {
	for i := range policies {
		p := &policies[i]
		if p.Policy == nil {
			continue
		}
		indexes := p.allows
		if deny {
			indexes = p.denies
		}
		for _, j := range indexes {
			st := &p.statements[j]
			if st.principals != nil && deny && !st.principals.applies(&a.Principal, a.Context) {
				continue
			}
			if st.matches(a) {
				return decided(t, p, j, deny), true
			}
		}
	}
	return Decision{}, false
}

func decided(t Type, p *Attached, statement int, deny bool) Decision {
	if t == ByResource && p.kind == Trust {
		t = ByTrust
	}
	st := &p.statements[statement]
	return Decision{
		Allowed:   !deny,
		Explicit:  deny,
		Type:      t,
		ARN:       p.ARN,
		Name:      p.Name,
		Statement: statement + 1,
		Sid:       st.sid,
		Start:     st.start,
		End:       st.end,
	}
}

// granted returns the most that the resource's policies give, and the statement that gives it.
func (a *asked) granted(policies []Attached) (best grant, by Decision) {
	for i := range policies {
		p := &policies[i]
		if p.Policy == nil {
			continue
		}
		for _, j := range p.allows {
			st := &p.statements[j]
			if st.principals == nil {
				continue
			}
			g := st.principals.grants(&a.Principal, a.Context)
			if g == replaced && st.byPrincipalARN {
				g = direct
			}
			if g > best && st.matches(a) {
				best, by = g, decided(ByResource, p, j, false)
			}
		}
	}
	return best, by
}

// matches reports whether the statement is for the action and the resource, and its conditions hold.
func (s *statement) matches(a *asked) bool {
	if s.named(a) == s.notAction || !s.forResource(a) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(a.Context) {
			return false
		}
	}
	return true
}

// named reports whether the statement names the action, by either name of its service.
func (s *statement) named(a *asked) bool {
	return s.forAction(a.action) || a.other != nil && s.forAction(a.other.action)
}

func (s *statement) forAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].all || s.actions[i].match(action) {
			return true
		}
	}
	return false
}

func (s *statement) forResource(a *asked) bool {
	if len(s.resources) == 0 {
		return true
	}
	for i := range s.resources {
		of := &s.resources[i]
		if of.match(&a.resource, a.Context) || a.other != nil && of.match(&a.other.resource, a.Context) {
			return !s.notResource
		}
	}
	return s.notResource
}
