package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"slipway/api/iam"
	"slipway/internal/identity/policy"
)

// checkPolicy refuses a document that is no policy of a kind.
func checkPolicy(k policy.Kind, text string) (*policy.Policy, error) {
	p, err := policy.Parse(k, text)
	if err == nil {
		return p, nil
	}
	message := err.Error()
	if e, ok := errors.AsType[*policy.Error](err); ok {
		message = e.Message
		if e.Hint != "" {
			message += fmt.Sprintf(" Line %d, column %d: %s", e.Line, e.Column, e.Hint)
		}
	}
	return nil, &iam.MalformedPolicyDocumentException{Message: message}
}

// length is the size of a document as IAM's limits count it, without white space.
func length(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// maxTrust is IAM's limit of a trust policy, in characters.
const maxTrust = 4096

// trust reads a trust policy, and finds the unique IDs of the users and roles that it names by ARN.
func (v *view) trust(text string) (bound map[string]string, err error) {
	p, err := checkPolicy(policy.Trust, text)
	if err != nil {
		return nil, err
	}
	if length(text) > maxTrust {
		return nil, exceeds("Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	bound = map[string]string{}
	for _, n := range p.Principals() {
		if n.Type != "AWS" {
			continue
		}
		id, known := v.principalID(n.Value)
		if !known {
			return nil, &iam.MalformedPolicyDocumentException{
				Message: `Invalid principal in policy: "AWS":"` + n.Value + `"`}
		}
		if id != "" {
			bound[n.Value] = id
		}
	}
	return bound, nil
}

// principalID returns the unique ID of a user or role by its ARN. It is empty for what has none: accounts, sessions,
// and everything of other accounts, which cannot be looked up.
func (v *view) principalID(name string) (id string, known bool) {
	if d := v.byID(name); d != nil {
		return "", true
	}
	if strings.HasPrefix(name, "AROA") || strings.HasPrefix(name, "AIDA") {
		return "", false
	}
	if u := v.userOf(name); u != nil {
		return u.ID, true
	}
	if r := v.roleOf(name); r != nil {
		return r.ID, true
	}
	ours := strings.HasPrefix(name, v.s.arn("user/")) || strings.HasPrefix(name, v.s.arn("role/"))
	if session, ok := strings.CutPrefix(name, "arn:aws:sts::"+v.s.Account+":assumed-role/"); ok {
		roleName, _, _ := strings.Cut(session, "/")
		_, err := v.role(roleName)
		return "", err == nil
	}
	return "", !ours
}

// byID finds a user or a role by its unique ID.
func (v *view) byID(id string) grantee {
	if u, ok := v.get(userKind, id).(*user); ok {
		return u
	}
	if r, ok := v.get(roleKind, id).(*role); ok {
		return r
	}
	return nil
}

// shownTrust is a role's trust policy as IAM shows it: users and roles that were renamed have their new ARN, those that
// were deleted have their unique ID.
func (v *view) shownTrust(r *role) string {
	text := r.Trust
	for arn, id := range r.Bound {
		now := id
		if d := v.byID(id); d != nil {
			now = v.s.arnOf(d)
		}
		if now != arn {
			before, _ := json.Marshal(arn)
			after, _ := json.Marshal(now) // texts
			text = strings.ReplaceAll(text, string(before), string(after))
		}
	}
	return text
}

// trustOf is a role's trust policy to decide by; nil for one that cannot be read, which trusts nobody.
func (s *Service) trustOf(r *role) *policy.Policy {
	p := s.read.read(policy.Trust, r.Trust)
	if p == nil || len(r.Bound) == 0 {
		return p
	}
	return p.Bind(r.Bound)
}
