package identity_test

import (
	"net/url"
	"testing"
	"time"

	"slipway/api/iam"
	"slipway/internal/identity"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// The roles that a database of the version before names go on: those of actions are assumed by the pipelines' roles.
func TestUpgradedRoles(t *testing.T) {
	t.Parallel()
	sealer, err := seal.Open(t.TempDir() + "/key")
	if err != nil {
		t.Fatal(err)
	}
	s, err := identity.New(t.Context(), storetest.Open(t, identity.Migrations()),
		identity.Config{Region: region, Account: account, Seal: sealer, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const service = "codepipeline.amazonaws.com"
	role := func(name string) string { return "arn:aws:iam::" + account + ":role/" + name }
	for _, name := range []string{"pipe", "pipe2", "own"} {
		if ours, err := s.EnsureServiceRole(t.Context(), role(name), service); err != nil || !ours {
			t.Fatal(ours, err)
		}
	}
	trust := func(name string) string {
		out, err := s.GetRole(t.Context(), &iam.GetRoleInput{RoleName: &name})
		if err != nil {
			t.Fatal(err)
		}
		text, err := url.QueryUnescape(*out.Role.AssumeRolePolicyDocument)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for range 2 { // the second time changes nothing
		for _, by := range []string{"pipe", "pipe2"} {
			if err := s.EnsureTrustIn(t.Context(), role("own"), role(by)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const want = `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"AWS":[` +
		`"arn:aws:iam::123456789012:role/pipe","arn:aws:iam::123456789012:role/pipe2"],` +
		`"Service":"codepipeline.amazonaws.com"}}],"Version":"2012-10-17"}`
	if got := trust("own"); got != want {
		t.Errorf("the role of the actions is trusted by %s", got)
	}
	before := trust("slipway")
	if err := s.EnsureTrustIn(t.Context(), role("slipway"), role("pipe")); err != nil {
		t.Fatal(err)
	}
	if trust("slipway") != before {
		t.Error("a role that was not made by the upgrade was changed")
	}
}
