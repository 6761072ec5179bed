package policy

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnEditorIsToldWhatAPolicyDoesNotMean(t *testing.T) {
	const push = `"Effect": "Allow", "Action": "codecommit:GitPush", `
	tests := []struct {
		kind      Kind
		statement string
		want      string // part of a finding; "" for none at all
	}{
		{Identity, push + `"Resource": "*"`, ""},
		{Identity, push + `"Resource": "arn:aws:codecommit:*:*:team-*"`, ""},
		{Identity, push + `"Resource": "arn:aws:codecommit:eu-west-1:111122223333:x", "Condition": {"StringLikeIfExists":
			{"codecommit:References": "refs/heads/x*", "aws:ResourceTag/team": "a", "aws:username": "b"}}`, ""},
		{Identity, push + `"Resource": "*", "Condition": {"StringLike": {"codecommit:References": "refs/heads/x"}}`,
			`No push meets this: codecommit:GitPush is asked for first without references. Write StringLikeIfExists.`},
		{Identity, `"Effect": "Allow", "Action": "codecommit:GitPusch", "Resource": "*"`,
			`1:71 warning: There is no action "codecommit:GitPusch". Did you mean codecommit:GitPush?`},
		{Identity, `"Effect": "Allow", "Action": "codecomit:GitPush", "Resource": "*"`,
			`1:71 info: Slipway knows no service "codecomit". Did you mean codecommit?`},
		{Identity, `"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::docs"`,
			`No action of the statement is for such a resource. It is for arn:aws:s3:REGION:ACCOUNT:accesspoint`},
		{Identity, `"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::docs*"`, ""},
		{Identity, `"Effect": "Allow", "Action": "codecommit:ListRepositories", "Resource":
			"arn:aws:codecommit:*:*:x"`, `codecommit:ListRepositories has no resources; this does not allow it.`},
		{Identity, `"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"`, `Allows all other actions`},
		{Identity, `"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"`, ``},
		{Identity, `"Effect": "Allow", "Action": ["s3:GetObject", "iam:PassRole"], "Resource": "*"`,
			`1:88 warning: Lets every role be passed to every service.`},
		{Identity, `"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*", "Condition": {"StringEquals":
			{"iam:PassedToService": "codebuild.amazonaws.com"}}`, ``},
		{Identity, push + `"Resource": "*", "Condition": {"StringEquals": {"codecommit:Refs": "x"}}`,
			`No action of the statement has the condition key codecommit:Refs.`},
		{Identity, push + `"Resource": "*", "Condition": {"StringEquals": {"aws:SourceIP2": "x"}}`,
			`No action of the statement has the condition key aws:SourceIP2. Did you mean aws:SourceIp?`},
		{Identity, push + `"Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0"}}`,
			`"10.0.0" is no IP address`},
		{Identity, push + `"Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "yes"}}`,
			`"yes" is neither true nor false`},
		{Identity, push + `"Resource": "*", "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": "ten"}}`,
			`"ten" is no number`},
		{Identity, push + `"Resource": "*", "Condition": {"StringEquals": {"aws:username": "a*"}}`,
			`StringEquals takes * and ? as they are. Use StringLike for wildcards.`},
		{Identity, push + `"Resource": "*", "Condition": {"StringEquals": {"aws:username": []}}`,
			`A condition without values never holds.`},
		{Identity, `"Effect": "Allow", "Action": "codecommit:TagResource", "Resource": "*", "Condition":
			{"StringEquals": {"aws:TagKeys": "team"}}`, `aws:TagKeys can have several values`},
		{Identity, `"Effect": "Allow", "Action": "codecommit:TagResource", "Resource": "*", "Condition":
			{"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}`, `also holds if the request has no aws:TagKeys`},
		{Identity, `"Effect": "Allow", "Action": "codecommit:TagResource", "Resource": "*", "Condition":
			{"ForAllValues:StringEquals": {"aws:TagKeys": "team"}, "Null": {"aws:TagKeys": "false"}}`, ``},
		{Identity, push + `"Resource": "arn:aws:codecommit:*:${aws:PrincipalAccount}:x"`, `after the fifth colon`},
		{Identity, push + `"Resource": ""`, `error: Resource  must be in ARN format`},
		{Resource, `"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"`,
			`Allows everybody, also other accounts`},
		{Trust, `"Effect": "Allow", "Principal": {"Federated": "example.org"}, "Action":
			"sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"example.org:aud": "slipway"}}`, ``},
	}
	for _, test := range tests {
		var got []string
		for _, f := range Check(test.kind, `{"Version": "2012-10-17", "Statement": [{`+test.statement+`}]}`) {
			got = append(got, fmt.Sprintf("%d:%d %s: %s %s", f.Line, f.Column, f.Severity, f.Message, f.Hint))
		}
		all := strings.Join(got, "\n")
		if test.want == "" && all != "" || !strings.Contains(all, test.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", test.statement, all, test.want)
		}
	}
}

func TestAllErrorsOfADocumentAreFindings(t *testing.T) {
	got := Check(Identity, "{\n\"Version\": \"2012-10-17\",\n\"Statement\": [{\"Effect\": \"allow\", \"Action\": \"x\"},\n{}]}")
	var lines []int
	for _, f := range got {
		if f.Severity == SeverityError {
			lines = append(lines, f.Line)
		}
	}
	if fmt.Sprint(lines) != "[3 3 3 4 4 4]" {
		t.Errorf("got %v: %+v", lines, got)
	}
}

func TestPatternsOverlap(t *testing.T) {
	wild := grammar{wildcards: true, variables: true}
	tests := []struct {
		a, b string
		want bool
	}{
		{"docs*", "${Bucket}/${Key}", true},
		{"docs", "${Bucket}/${Key}", false},
		{"*", "pipeline:${Name}", true},
		{"pip*:x", "pipeline:${Name}", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a*b", "*a", false},
		{"", "", true},
	}
	for _, test := range tests {
		a, b := parseGlob(test.a, wild), parseGlob(test.b, wild)
		if got := overlap(a.tokens, b.tokens); got != test.want || overlap(b.tokens, a.tokens) != got {
			t.Errorf("%s and %s: got %t, want %t", test.a, test.b, got, test.want)
		}
	}
}
