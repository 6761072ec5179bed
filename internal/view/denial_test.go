package view

import (
	"strings"
	"testing"

	"slipway/api/slipway"
)

// What would allow a request depends on which policy refused it.
func TestDenialsSayWhatWouldAllowThem(t *testing.T) {
	t.Parallel()
	const user, role = "arn:aws:iam::1:user/team/anna", "arn:aws:iam::1:role/build"
	for kind, c := range map[string]struct{ principal, advice, statement string }{
		"identity-based policy": {user, "in a policy of anna would allow it", `"Action": "s3:GetObject"`},
		"permissions boundary":  {role, "The permissions boundary of build", `"Resource": "arn:aws:s3:::b"`},
		"session policy":        {role, "begun with a policy", `"Effect": "Allow"`},
		"resource-based policy": {user, "The policy of the resource", `"AWS": "` + user + `"`},
		"role trust policy":     {user, "The trust policy of the role", `"Principal"`},
	} {
		d := slipway.Denial{Principal: &c.principal, Action: new("s3:GetObject"), Resource: new("arn:aws:s3:::b"),
			PolicyType: &kind}
		got := Denials([]slipway.Denial{d})[0]
		if !strings.Contains(got.Advice, c.advice) || !strings.Contains(got.Allowing, c.statement) {
			t.Errorf("%s: %s %s", kind, got.Advice, got.Allowing)
		}
		if got.ByIdentity() != (kind == "identity-based policy") {
			t.Errorf("%s: a policy of the principal would allow it = %t", kind, got.ByIdentity())
		}
		d.Explicit, d.PolicyName, d.Statement, d.StatementId = new(true), new("guard"), new(int32(2)), new("No")
		got = Denials([]slipway.Denial{d})[0]
		if got.Allowing != "" || !strings.Contains(got.Advice, "Statement 2 of guard (No) denies it. An explicit deny wins") {
			t.Errorf("a deny by %s: %s %s", kind, got.Advice, got.Allowing)
		}
	}
	for arn, want := range map[string][2]string{
		user:                                {"user", "anna"},
		role:                                {"role", "build"},
		"arn:aws:sts::1:federated-user/bob": {"", "arn:aws:sts::1:federated-user/bob"},
	} {
		if kind, name := PrincipalName(arn); kind != want[0] || name != want[1] {
			t.Errorf("%s is %s %s", arn, kind, name)
		}
	}
}
