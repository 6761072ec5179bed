package policy

import (
	"fmt"
	"testing"
)

// BenchmarkDecide decides with ten policies of four statements each, of which the last allows, with a condition.
func BenchmarkDecide(b *testing.B) {
	var policies []Attached
	for i := range 10 {
		doc := `{"Version": "2012-10-17", "Statement": [`
		for j := range 3 {
			doc += fmt.Sprintf(`{"Effect": "Allow", "Action": ["codebuild:Batch*", "s3:Get*", "codecommit:GitPull"],
				"Resource": ["arn:aws:codecommit:eu-west-1:%s:team%d-%d-*", "arn:aws:s3:::team%d/*"]},`, account, i, j, i)
		}
		doc += `{"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*", "Condition": {"StringLikeIfExists":
			{"codecommit:References": ["refs/heads/main", "refs/heads/release/*"]}, "Null": {"codecommit:References": "false"}}}]}`
		policies = append(policies, must(b, Identity, doc))
	}
	policies = append(policies[:9], must(b, Identity, `"Effect": "Allow", "Action": ["codecommit:Git*"],
		"Resource": "arn:aws:codecommit:*:*:${aws:username}-*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
		"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}`))
	ctx := Values{
		"aws:username":          {"anna"},
		"aws:sourceip":          {"10.1.2.3"},
		"aws:resourcetag/team":  {"a"},
		"aws:principaltag/team": {"a"},
		"codecommit:references": {"refs/heads/work"},
	}
	r := Request{
		Principal: anna,
		Action:    "codecommit:GitPush",
		Resource:  "arn:aws:codecommit:eu-west-1:" + account + ":anna-tools",
		Context:   ctx,
	}
	s := Sources{Identity: policies}
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(s, r); !d.Allowed {
			b.Fatal(d)
		}
	}
}
