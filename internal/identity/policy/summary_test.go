package policy

import (
	"testing"

	"slipway/internal/identity/policy/catalogue"
)

func TestRightsAreSummedUpByService(t *testing.T) {
	all := identity(t,
		`"Effect": "Allow", "Action": ["codecommit:Git*", "codecommit:List*"], "Resource": "*"`,
		`"Effect": "Allow", "Action": "sns:Publish", "Resource": "arn:aws:sns:*:*:x"`,
		`"Effect": "Deny", "Action": "codecommit:GitPush", "Resource": "*"`)
	got := map[string]ServiceRights{}
	for _, r := range Summary(all) {
		got[r.Service] = r
	}
	c := got["codecommit"]
	if c.Levels[catalogue.Write].Allowed != 0 || c.Levels[catalogue.Read].Allowed != 1 || c.Limited ||
		c.Levels[catalogue.List].Allowed != c.Levels[catalogue.List].All {
		t.Errorf("got %+v", c)
	}
	if s := got["sns"]; s.Levels[catalogue.Write].Allowed != 1 || !s.Limited {
		t.Errorf("got %+v", s)
	}
	if len(got) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestAStatementIsFoundByItsPosition(t *testing.T) {
	text := "{\"Version\": \"2012-10-17\", \"Statement\": [\n  {" + allowGet + "},\n  {\"Sid\": \"b\",\n   " + allowPut + "}]}"
	p := must(t, Identity, text)
	for _, at := range []Position{{3, 3}, {2, 66}} {
		got, ok := p.At(at)
		if !ok || got.Statement != 2 || got.Sid != "b" || got.Start != (Position{3, 3}) || got.Source != "{\"Sid\": \"b\",\n "+allowPut+"}" {
			t.Errorf("%v: got %+v, %t", at, got, ok)
		}
	}
	if _, ok := p.At(Position{1, 1}); ok {
		t.Error("there is a statement at the beginning")
	}
}
