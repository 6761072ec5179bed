package policy

import "strings"

// names are how AWS calls the types of policies: in an implicit deny, and in an explicit one.
var names = map[Type][2]string{
	ByIdentity: {"no identity-based policy allows", "an identity-based policy"},
	ByBoundary: {"no permissions boundary allows", "a permissions boundary"},
	BySession:  {"no session policy allows", "a session policy"},
	ByResource: {"no resource-based policy allows", "a resource-based policy"},
	ByTrust:    {"no role trust policy allows", "the role trust policy"},
}

func (t Type) String() string {
	switch t {
	case ByIdentity:
		return "identity-based policy"
	case ByBoundary:
		return "permissions boundary"
	case BySession:
		return "session policy"
	case ByResource:
		return "resource-based policy"
	case ByTrust:
		return "role trust policy"
	case ByRoot:
		return "account root"
	}
	return ""
}

// Reason says why an action is denied, in AWS's words: "because no identity-based policy allows the s3:GetObject
// action". It is empty for an action that is allowed.
func (d Decision) Reason(action string) string {
	words, ok := names[d.Type]
	if d.Allowed || !ok {
		return ""
	}
	if !d.Explicit {
		return "because " + words[0] + " the " + action + " action"
	}
	reason := "with an explicit deny in " + words[1]
	if d.ARN != "" {
		reason += ": " + d.ARN
	}
	return reason
}

// Denied is the sentence with which AWS denies a request.
func Denied(r Request, d Decision) string {
	var b strings.Builder
	b.WriteString("User: ")
	switch p := &r.Principal; {
	case p.ARN != "":
		b.WriteString(p.ARN)
	case p.Service != "":
		b.WriteString(p.Service)
	case p.Federated != "":
		b.WriteString(p.Federated)
	default:
		b.WriteString("anonymous")
	}
	b.WriteString(" is not authorized to perform: ")
	b.WriteString(r.Action)
	if r.Resource != "" && r.Resource != "*" {
		b.WriteString(" on resource: ")
		b.WriteString(r.Resource)
	}
	if reason := d.Reason(r.Action); reason != "" {
		b.WriteByte(' ')
		b.WriteString(reason)
	}
	return b.String()
}
