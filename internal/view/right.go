package view

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// Right is whether a principal may do something, and why, as pages and the terminal say it.
type Right struct {
	Allowed   bool   `json:"allowed"`
	Decision  string `json:"decision"` // allowed, explicitDeny or implicitDeny
	Principal string `json:"principal"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Reason    string `json:"reason"`
	// Statements are those that decided.
	Statements []RightStatement `json:"statements,omitempty"`
	// Missing are condition keys on which the answer depends, and which have no value.
	Missing []string `json:"missingContextValues,omitempty"`
	// Suggestion is a statement that would allow it, in JSON; "" if none would.
	Suggestion string `json:"suggestion,omitempty"`

	outside bool // the permissions boundary does not allow it
}

// RightStatement is the place of a statement.
type RightStatement struct {
	Policy    string `json:"policy"`
	PolicyARN string `json:"policyArn,omitempty"`
	Group     string `json:"group,omitempty"` // that the policy comes from
	Number    int    `json:"statement,omitempty"`
	Sid       string `json:"sid,omitempty"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	Text      string `json:"text,omitempty"`
	// OfResource is whether it is of the resource's policy.
	OfResource bool `json:"ofResource,omitempty"`
}

// Rights puts the answer of a simulation into words: one for each action and resource.
func Rights(principal string, results []iam.EvaluationResult) []Right {
	var out []Right
	for i := range results {
		r := &results[i]
		if len(r.ResourceSpecificResults) == 0 {
			out = append(out, right(principal, awsproto.Value(r.EvalActionName), &iam.ResourceSpecificResult{
				EvalResourceName:                  r.EvalResourceName,
				EvalResourceDecision:              r.EvalDecision,
				MatchedStatements:                 r.MatchedStatements,
				MissingContextValues:              r.MissingContextValues,
				PermissionsBoundaryDecisionDetail: r.PermissionsBoundaryDecisionDetail,
			}))
			continue
		}
		for j := range r.ResourceSpecificResults {
			out = append(out, right(principal, awsproto.Value(r.EvalActionName), &r.ResourceSpecificResults[j]))
		}
	}
	return out
}

func right(principal, action string, r *iam.ResourceSpecificResult) Right {
	out := Right{
		Allowed:   r.EvalResourceDecision == iam.PolicyEvaluationDecisionTypeAllowed,
		Decision:  string(r.EvalResourceDecision),
		Principal: principal,
		Action:    action,
		Resource:  awsproto.Value(r.EvalResourceName),
		Missing:   slices.Clone(r.MissingContextValues),
	}
	for i := range r.MatchedStatements {
		s := &r.MatchedStatements[i]
		one := RightStatement{
			Policy:     awsproto.Value(s.SourcePolicyId),
			OfResource: s.SourcePolicyType == "Resource Policy",
		}
		if s.StartPosition != nil {
			one.Line = int(awsproto.Value(s.StartPosition.Line))
			one.Column = int(awsproto.Value(s.StartPosition.Column))
		}
		out.Statements = append(out.Statements, one)
	}
	b := r.PermissionsBoundaryDecisionDetail
	out.outside = b != nil && !awsproto.Value(b.AllowedByPermissionsBoundary)
	out.Say()
	if r.EvalResourceDecision == iam.PolicyEvaluationDecisionTypeImplicitDeny {
		out.Suggestion = Allowing(action, out.Resource)
	}
	return out
}

// Say writes the reason anew, after more is known of the statements.
func (r *Right) Say() { r.Reason = r.reason() }

func (r *Right) reason() string {
	switch {
	case r.Allowed && len(r.Statements) > 0:
		return "Allowed by " + r.places() + "."
	case r.Allowed:
		return "Allowed: the account itself may do everything."
	case r.Decision == string(iam.PolicyEvaluationDecisionTypeExplicitDeny):
		return "Denied by " + r.places() + ". An explicit deny wins over every allow."
	case r.outside && len(r.Statements) > 0:
		return "Its policies allow it, its permissions boundary does not."
	case r.outside:
		return "Neither its policies nor its permissions boundary allow it."
	}
	return "No policy allows it."
}

// places names the statements: "line 4 of SlipwayDevelopers and line 9 of TeamA".
func (r *Right) places() string {
	var all []string
	for _, s := range r.Statements {
		place := fmt.Sprintf("line %d of %s", s.Line, s.Policy)
		if s.Group != "" {
			place += " (group " + s.Group + ")"
		}
		all = append(all, place)
	}
	const most = 3
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("%d more", len(all)-most))
	}
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// Allowing is a statement that allows an action on a resource, in JSON.
func Allowing(action, resource string) string {
	return statementText(struct{ Effect, Action, Resource string }{"Allow", action, resource})
}

func statementText(statement any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(statement)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
