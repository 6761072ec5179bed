// Package simulation answers what policies would decide, as SimulatePrincipalPolicy and SimulateCustomPolicy do.
package simulation

import (
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/identity/policy"
	"slipway/internal/identity/policy/catalogue"
)

// Question is what is simulated: each action on each resource.
type Question struct {
	// Sources are the policies. The Name of each is its SourcePolicyId.
	policy.Sources
	// Principal is the simulated caller.
	Principal policy.Principal
	// Owner is the account of resources whose ARN has none, "" for the principal's.
	Owner     string
	Actions   []string
	Resources []string // none is "*"
	Context   []iam.ContextEntry
}

// Run returns a result for each action. If resources are given, a result has one of its own for each of them, and its
// decision is that of the resource that is worst off.
func Run(q Question) []iam.EvaluationResult {
	context := policy.Values{}
	for _, e := range q.Context {
		context[strings.ToLower(awsproto.Value(e.ContextKeyName))] = e.ContextKeyValues
	}
	out := make([]iam.EvaluationResult, 0, len(q.Actions))
	for _, action := range q.Actions {
		out = append(out, q.action(action, context))
	}
	return out
}

func (q *Question) action(action string, context policy.Context) iam.EvaluationResult {
	resources := q.Resources
	all := len(resources) == 0 || len(resources) == 1 && resources[0] == "*"
	if all {
		resources = []string{"*"}
	}
	name := resources[0]
	if len(resources) > 1 {
		name = template(action, name)
	}
	result := iam.EvaluationResult{EvalActionName: &action, EvalResourceName: &name}
	worst := -1
	for _, r := range resources {
		one := q.resource(action, r, context)
		if rank := slices.Index(decisions, one.EvalResourceDecision); rank > worst {
			worst = rank
			result.EvalDecision = one.EvalResourceDecision
			result.MatchedStatements = one.MatchedStatements
			result.PermissionsBoundaryDecisionDetail = one.PermissionsBoundaryDecisionDetail
		}
		if all {
			result.MissingContextValues = one.MissingContextValues
		} else {
			result.ResourceSpecificResults = append(result.ResourceSpecificResults, one)
		}
	}
	return result
}

// decisions are from the best to the worst.
var decisions = []iam.PolicyEvaluationDecisionType{
	iam.PolicyEvaluationDecisionTypeAllowed,
	iam.PolicyEvaluationDecisionTypeImplicitDeny,
	iam.PolicyEvaluationDecisionTypeExplicitDeny,
}

// template is how AWS names the resource of an action that was simulated on several: the ARN of the type of the first.
func template(action, resource string) string {
	e, _ := catalogue.Action(action)
	i := slices.IndexFunc(e.Types, func(t catalogue.Type) bool { return t.Matches(resource) })
	if i < 0 {
		return "*"
	}
	parts := strings.SplitN(e.Types[i].ARN, ":", 4)
	for i, part := range parts {
		switch part {
		case "R":
			parts[i] = "${Region}"
		case "A":
			parts[i] = "${Account}"
		}
	}
	return "arn:aws:" + strings.Join(parts, ":")
}

func (q *Question) resource(action, resource string, context policy.Context) iam.ResourceSpecificResult {
	r := policy.Request{
		Principal: q.Principal,
		Action:    action,
		Resource:  resource,
		Account:   q.Owner,
		Context:   context,
	}
	if parts := strings.SplitN(resource, ":", 6); len(parts) == 6 && parts[4] != "" {
		r.Account = parts[4]
	}
	d := policy.Decide(q.Sources, r)
	out := iam.ResourceSpecificResult{
		EvalResourceName:     &resource,
		EvalResourceDecision: decision(d),
		MissingContextValues: policy.Missing(q.Sources, r),
	}
	allowedByBoundary := false
	for _, m := range policy.Matches(q.Sources, r) {
		if m.Type == policy.ByBoundary {
			allowedByBoundary = m.Allowed
		}
		if m.Explicit == d.Explicit {
			out.MatchedStatements = append(out.MatchedStatements, statement(m))
		}
	}
	if q.Boundary != nil {
		allowed := allowedByBoundary && (!d.Explicit || d.Type != policy.ByBoundary)
		out.PermissionsBoundaryDecisionDetail =
			&iam.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: &allowed}
	}
	return out
}

func decision(d policy.Decision) iam.PolicyEvaluationDecisionType {
	switch {
	case d.Allowed:
		return iam.PolicyEvaluationDecisionTypeAllowed
	case d.Explicit:
		return iam.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return iam.PolicyEvaluationDecisionTypeImplicitDeny
}

// The types of policies that AWS's simulator answers with; its model names others.
const (
	ofIAM      iam.PolicySourceType = "IAM Policy"
	ofResource iam.PolicySourceType = "Resource Policy"
)

func statement(m policy.Match) iam.Statement {
	s := iam.Statement{
		SourcePolicyId:   &m.Name,
		SourcePolicyType: ofIAM,
		StartPosition:    position(m.Before),
		EndPosition:      position(m.End),
	}
	if m.Type == policy.ByResource || m.Type == policy.ByTrust {
		s.SourcePolicyType = ofResource
	}
	return s
}

func position(p policy.Position) *iam.Position {
	line, column := int32(p.Line), int32(p.Column)
	return &iam.Position{Line: &line, Column: &column}
}
