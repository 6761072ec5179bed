package policy

import "testing"

// A policy that names connections by either name of their service is for both.
func TestEitherNameOfConnectionsCounts(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:codestar-connections:us-east-1:123456789012:connection/x"
	for text, want := range map[string]bool{
		`"Effect":"Allow","Action":"codestar-connections:UseConnection","Resource":"*"`:                          true,
		`"Effect":"Allow","Action":"codeconnections:Use*","Resource":"arn:aws:codeconnections:*:*:connection/x"`: true,
		`"Effect":"Allow","Action":"codeconnections:Use*","Resource":"` + arn + `"`:                              true,
		`"Effect":"Allow","Action":"codeconnections:Use*","Resource":"arn:aws:codeconnections:*:*:connection/y"`: false,
		`"Effect":"Allow","NotAction":"codestar-connections:UseConnection","Resource":"*"`:                       false,
		`"Effect":"Allow","Action":"*","NotResource":"arn:aws:codeconnections:*:*:connection/x"`:                 false,
	} {
		p, err := Parse(Identity, `{"Version":"2012-10-17","Statement":[{`+text+`}]}`)
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range []string{"codeconnections:UseConnection", "codestar-connections:UseConnection"} {
			d := Decide(Sources{Identity: []Attached{{Policy: p, Name: "p"}}}, Request{
				Principal: Principal{ARN: "arn:aws:iam::123456789012:user/u", Account: "123456789012"},
				Action:    action, Resource: arn, Account: "123456789012", Context: Values{}})
			if d.Allowed != want {
				t.Errorf("%s with %s: got %v, want %v", action, text, d.Allowed, want)
			}
		}
	}
}
