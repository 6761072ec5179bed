package view

import (
	"fmt"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// Denial is what was refused to a principal, with what would allow it.
type Denial struct {
	slipway.Denial
	// Advice says what would allow it, and Allowing is the statement that would, in JSON; "" if no statement that is
	// added would.
	Advice   string `json:"advice"`
	Allowing string `json:"allowing,omitempty"`
}

// Denials says of each denial what would allow it.
func Denials(all []slipway.Denial) []Denial {
	out := make([]Denial, len(all))
	for i := range all {
		out[i].Denial = all[i]
		out[i].advise()
	}
	return out
}

// Of returns the kind and the name of the user or the role; the kind is "" for another principal.
func (d *Denial) Of() (kind, name string) { return PrincipalName(awsproto.Value(d.Principal)) }

// PrincipalName splits the ARN of a user or a role into its kind and its name; kind is "" for another principal, whose
// name is its ARN.
func PrincipalName(arn string) (kind, name string) {
	resource := arn[strings.LastIndexByte(arn, ':')+1:]
	kind, path, ok := strings.Cut(resource, "/")
	if !ok || kind != "user" && kind != "role" {
		return "", arn
	}
	return kind, path[strings.LastIndexByte(path, '/')+1:]
}

// ByIdentity reports whether a statement in a policy of the principal would allow it.
func (d *Denial) ByIdentity() bool {
	return !awsproto.Value(d.Explicit) && awsproto.Value(d.PolicyType) == "identity-based policy"
}

func (d *Denial) advise() {
	_, name := d.Of()
	action, resource := awsproto.Value(d.Action), awsproto.Value(d.Resource)
	if awsproto.Value(d.Explicit) {
		d.Advice = d.place() + " denies it. An explicit deny wins over every allow: only a change of that statement " +
			"allows it."
		return
	}
	who := map[string]string{"AWS": awsproto.Value(d.Principal)}
	d.Allowing = Allowing(action, resource)
	switch awsproto.Value(d.PolicyType) {
	case "permissions boundary":
		d.Advice = "The permissions boundary of " + name + " does not allow it. This statement in the boundary would:"
	case "session policy":
		d.Advice = "The session was begun with a policy that does not allow it. This statement in that policy would:"
	case "resource-based policy":
		d.Advice = "The policy of the resource must allow it itself. This statement in it would:"
		d.Allowing = statementText(struct {
			Effect           string
			Principal        map[string]string
			Action, Resource string
		}{"Allow", who, action, resource})
	case "role trust policy":
		d.Advice = "The trust policy of the role must allow it itself. This statement in it would:"
		d.Allowing = statementText(struct {
			Effect    string
			Principal map[string]string
			Action    string
		}{"Allow", who, action})
	default:
		d.Advice = "This statement in a policy of " + name + " would allow it:"
	}
}

// Why is the reason as a sentence.
func (d *Denial) Why() string {
	why := awsproto.Value(d.Reason)
	if why == "" {
		return ""
	}
	return strings.ToUpper(why[:1]) + why[1:] + "."
}

// place names the statement that denies: "Statement 2 of Guard".
func (d *Denial) place() string {
	policy := awsproto.Value(d.PolicyName)
	if policy == "" {
		policy = awsproto.Value(d.PolicyArn)
	}
	n := awsproto.Value(d.Statement)
	if policy == "" || n == 0 {
		return "A statement"
	}
	place := fmt.Sprintf("Statement %d of %s", n, policy)
	if sid := awsproto.Value(d.StatementId); sid != "" {
		place += " (" + sid + ")"
	}
	return place
}
