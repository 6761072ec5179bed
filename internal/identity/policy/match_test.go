package policy

import (
	"strings"
	"testing"
	"time"
)

func TestActionsAndResourcesMatch(t *testing.T) {
	arn := "arn:aws:codecommit:eu-west-1:" + account + ":"
	ctx := Values{"aws:username": {"anna"}, "aws:principaltag/team": {"*"}, "aws:tagkeys": {"a", "b"}}
	tests := []struct {
		actions, resources string
		action, resource   string
		want               bool
	}{
		{`"codecommit:GitPull"`, `"*"`, "codecommit:GitPull", arn + "x", true},
		{`"CodeCommit:gitpull"`, `"*"`, "codecommit:GitPull", arn + "x", true},
		{`"codecommit:Git*"`, `"*"`, "codecommit:GitPush", "*", true},
		{`"codecommit:Get*"`, `"*"`, "codecommit:GitPush", "*", false},
		{`"codecommit:G?tPull"`, `"*"`, "codecommit:GitPull", "*", true},
		{`"*"`, `"` + arn + `x"`, "a:B", arn + "x", true},
		{`"*"`, `"` + arn + `X"`, "a:B", arn + "x", false},
		{`"*"`, `"` + arn + `*"`, "a:B", "*", false},
		{`"*"`, `"arn:aws:codecommit:*:*:x"`, "a:B", arn + "x", true},
		{`"*"`, `"arn:aws:codecommit:*:x"`, "a:B", arn + "x", false},
		{`"*"`, `"arn:aws:codecommit:eu-*:*:*"`, "a:B", arn + "x", true},
		{`"*"`, `"arn:aws:codecommit"`, "a:B", arn + "x", true},
		{`"*"`, `"arn:aws:code*"`, "a:B", arn + "x", true},
		{`"*"`, `"arn:aws:s3*"`, "a:B", arn + "x", false},
		{`"*"`, `"arn:*:codecommit:*:*:x"`, "a:B", arn + "x", true},
		{`"*"`, `"arn:aws:s3:::docs/*"`, "a:B", "arn:aws:s3:::docs/a/b:c", true},
		{`"*"`, `"arn:aws:s3:::docs/*/c"`, "a:B", "arn:aws:s3:::docs/a/b/c", true},
		{`"*"`, `"arn:aws:s3:::docs/??"`, "a:B", "arn:aws:s3:::docs/äö", true},
		{`"*"`, `"arn:aws:s3:::docs/*??"`, "a:B", "arn:aws:s3:::docs/€", false},
		{`"*"`, `"arn:aws:s3:::docs/${aws:username}/*"`, "a:B", "arn:aws:s3:::docs/anna/x", true},
		{`"*"`, `"arn:aws:s3:::docs/${AWS:UserName}/*"`, "a:B", "arn:aws:s3:::docs/anna/x", true},
		{`"*"`, `"arn:aws:s3:::docs/${aws:userid}/*"`, "a:B", "arn:aws:s3:::docs//x", false},
		{`"*"`, `"arn:aws:s3:::docs/${aws:userid, 'all'}/*"`, "a:B", "arn:aws:s3:::docs/all/x", true},
		{`"*"`, `"arn:aws:s3:::docs/${aws:TagKeys}"`, "a:B", "arn:aws:s3:::docs/a", false},
		{`"*"`, `"arn:aws:s3:::docs/${aws:PrincipalTag/Team}"`, "a:B", "arn:aws:s3:::docs/a", false},
		{`"*"`, `"arn:aws:s3:::docs/${aws:PrincipalTag/Team}"`, "a:B", "arn:aws:s3:::docs/*", true},
		{`"*"`, `"arn:aws:s3:::docs/${*}"`, "a:B", "arn:aws:s3:::docs/a", false},
		{`"*"`, `"arn:aws:s3:::docs/${*}${?}${$}"`, "a:B", "arn:aws:s3:::docs/*?$", true},
	}
	for _, test := range tests {
		text := `"Effect": "Allow", "Action": ` + test.actions + `, "Resource": ` + test.resources
		r := Request{Principal: anna, Action: test.action, Resource: test.resource, Context: ctx}
		if d := Decide(Sources{Identity: identity(t, text)}, r); d.Allowed != test.want {
			t.Errorf("%s on %s: got %t, want %t for %s", test.action, test.resource, d.Allowed, test.want, text)
		}
		not := strings.Replace(text, `"Resource"`, `"NotResource"`, 1)
		d := Decide(Sources{Identity: identity(t, not)}, r)
		if strings.Contains(test.actions, "*\"") && test.action == "a:B" &&
			d.Allowed == test.want {
			t.Errorf("%s on %s: got %t for %s", test.action, test.resource, d.Allowed, not)
		}
	}
}

func TestVersion2008HasNoVariables(t *testing.T) {
	doc := `{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*",
		"Resource": "arn:aws:s3:::docs/${aws:username}"}}`
	for resource, want := range map[string]bool{"arn:aws:s3:::docs/anna": false, "arn:aws:s3:::docs/${aws:username}": true} {
		d := Decide(Sources{Resource: []Attached{must(t, Resource, doc)}}, Request{Principal: anna, Action: "s3:GetObject",
			Resource: resource, Context: Values{"aws:username": {"anna"}}})
		if d.Allowed != want {
			t.Errorf("%s: got %t, want %t", resource, d.Allowed, want)
		}
	}
}

func TestMatchingTakesNoMoreThanTheProductOfLengths(t *testing.T) {
	g := parseGlob(strings.Repeat("a*?", 2000)+"b", grammar{wildcards: true})
	s := strings.Repeat("a", 20000)
	done := make(chan bool, 1)
	go func() { done <- g.match(s) }()
	select {
	case got := <-done:
		if got {
			t.Error("a text without b matches")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the match takes longer than 20 s")
	}
}
