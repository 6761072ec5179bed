package view

import (
	"strings"
	"testing"

	"slipway/api/iam"
)

func TestARightIsSaidInWords(t *testing.T) {
	at := func(policy string, line int32) iam.Statement {
		return iam.Statement{SourcePolicyId: &policy, StartPosition: &iam.Position{Line: &line, Column: &line}}
	}
	boundary := func(allowed bool) *iam.PermissionsBoundaryDecisionDetail {
		return &iam.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: &allowed}
	}
	tests := []struct {
		r      iam.ResourceSpecificResult
		reason string
		offers bool
	}{
		{iam.ResourceSpecificResult{EvalResourceDecision: "allowed", MatchedStatements: []iam.Statement{at("Dev", 4)}},
			"Allowed by line 4 of Dev.", false},
		{iam.ResourceSpecificResult{EvalResourceDecision: "allowed"}, "Allowed: the account itself may do everything.", false},
		{iam.ResourceSpecificResult{EvalResourceDecision: "explicitDeny", MatchedStatements: []iam.Statement{
			at("A", 1), at("B", 2)}}, "Denied by line 1 of A and line 2 of B. An explicit deny wins over every allow.", false},
		{iam.ResourceSpecificResult{EvalResourceDecision: "implicitDeny"}, "No policy allows it.", true},
		{iam.ResourceSpecificResult{EvalResourceDecision: "implicitDeny", MatchedStatements: []iam.Statement{at("A", 1)},
			PermissionsBoundaryDecisionDetail: boundary(false)},
			"Its policies allow it, its permissions boundary does not.", true},
		{iam.ResourceSpecificResult{EvalResourceDecision: "implicitDeny", PermissionsBoundaryDecisionDetail: boundary(false)},
			"Neither its policies nor its permissions boundary allow it.", true},
		{iam.ResourceSpecificResult{EvalResourceDecision: "allowed", MatchedStatements: []iam.Statement{at("A", 1),
			at("B", 2), at("C", 3), at("D", 4), at("E", 5)}},
			"Allowed by line 1 of A, line 2 of B, line 3 of C and 2 more.", false},
	}
	for _, test := range tests {
		test.r.EvalResourceName = new("arn:aws:s3:::docs/<a>")
		results := []iam.EvaluationResult{{
			EvalActionName:          new("s3:GetObject"),
			ResourceSpecificResults: []iam.ResourceSpecificResult{test.r},
		}}
		got := Rights("anna", results)
		if len(got) != 1 || got[0].Reason != test.reason || got[0].Principal != "anna" || (got[0].Suggestion != "") != test.offers {
			t.Errorf("got %+v, want %q", got, test.reason)
		}
		if test.offers && !strings.Contains(got[0].Suggestion, `"Action": "s3:GetObject"`) {
			t.Errorf("got %s", got[0].Suggestion)
		}
	}
}
