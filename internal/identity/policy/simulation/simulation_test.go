package simulation

import (
	"encoding/json"
	"testing"

	"slipway/api/iam"
	"slipway/internal/identity/policy"
)

const account = "111122223333"

func attached(t *testing.T, name, text string) policy.Attached {
	t.Helper()
	p, err := policy.Parse(policy.Identity, text)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Attached{Policy: p, Name: name}
}

func show(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The policy and the answers are those of the examples of "aws iam simulate-custom-policy help".
func TestTheExamplesOfTheCommandLine(t *testing.T) {
	const document = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",` +
		`"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}`
	tests := []struct{ time, want string }{
		{"2019-04-25T11:00:00Z", `[{"EvalActionName":"dynamodb:CreateBackup","EvalResourceName":"*",` +
			`"EvalDecision":"allowed","MatchedStatements":[{"SourcePolicyId":"PolicyInputList.1",` +
			`"SourcePolicyType":"IAM Policy","StartPosition":{"Line":1,"Column":38},` +
			`"EndPosition":{"Line":1,"Column":167}}],"MissingContextValues":[]}]`},
		{"2014-04-25T11:00:00Z", `[{"EvalActionName":"dynamodb:CreateBackup","EvalResourceName":"*",` +
			`"EvalDecision":"implicitDeny","MissingContextValues":[]}]`},
		{"", `[{"EvalActionName":"dynamodb:CreateBackup","EvalResourceName":"*","EvalDecision":"implicitDeny",` +
			`"MissingContextValues":["aws:CurrentTime"]}]`},
	}
	for _, test := range tests {
		q := Question{
			Sources:   policy.Sources{Identity: []policy.Attached{attached(t, "PolicyInputList.1", document)}},
			Principal: policy.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/a"},
			Actions:   []string{"dynamodb:CreateBackup"},
		}
		if name := "aws:CurrentTime"; test.time != "" {
			q.Context = []iam.ContextEntry{{ContextKeyName: &name, ContextKeyValues: []string{test.time}}}
		}
		if got := show(t, Run(q)); got != test.want {
			t.Errorf("at %q:\ngot  %s\nwant %s", test.time, got, test.want)
		}
	}
}

func TestEachResourceHasAResult(t *testing.T) {
	allow := attached(t, "files", `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}/*"}, {"Effect": "Deny",
		"Action": "s3:GetObject", "Resource": "arn:aws:s3:::*/secret"}]}`)
	boundary := attached(t, "boundary", `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*",
		"Resource": "*"}}`)
	name := "aws:UserName"
	q := Question{
		Sources:   policy.Sources{Identity: []policy.Attached{allow}, Boundary: &boundary},
		Principal: policy.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":user/a"},
		Actions:   []string{"s3:GetObject", "s3:PutObject"},
		Resources: []string{"arn:aws:s3:::a/one", "arn:aws:s3:::b/one", "arn:aws:s3:::a/secret"},
		Context:   []iam.ContextEntry{{ContextKeyName: &name, ContextKeyValues: []string{"a"}}},
	}
	results := Run(q)
	want := [][]iam.PolicyEvaluationDecisionType{{"allowed", "implicitDeny", "explicitDeny"},
		{"implicitDeny", "implicitDeny", "implicitDeny"}}
	for i, r := range results {
		if len(r.ResourceSpecificResults) != 3 {
			t.Fatalf("got %s", show(t, r))
		}
		for j, one := range r.ResourceSpecificResults {
			inside := *one.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary
			if one.EvalResourceDecision != want[i][j] || inside != (i == 0) || len(one.MissingContextValues) != 0 {
				t.Errorf("%s: got %s, want %s", q.Actions[i], show(t, one), want[i][j])
			}
		}
	}
	denied := results[0].ResourceSpecificResults[2].MatchedStatements
	if got := show(t, denied); got != `[{"SourcePolicyId":"files","SourcePolicyType":"IAM Policy","StartPosition":`+
		`{"Line":2,"Column":87},"EndPosition":{"Line":3,"Column":65}}]` {
		t.Errorf("got %s", got)
	}
	if results[0].EvalDecision != "explicitDeny" || *results[0].EvalResourceName != "arn:aws:s3:::${BucketName}/${ObjectName}" {
		t.Errorf("got %s", show(t, results[0]))
	}
	q.Context = nil
	if got := Run(q)[0].ResourceSpecificResults[0]; show(t, got.MissingContextValues) != `["aws:username"]` {
		t.Errorf("got %s", show(t, got))
	}
}
