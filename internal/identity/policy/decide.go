package policy

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
