package identity

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/api/slipway"
	service "slipway/internal/identity"
	"slipway/internal/people"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

const account = "123456789012"

// api is IAM as a server has it.
type api struct {
	*service.Service
	iam.Unimplemented
}

// newService is IAM itself.
func newService(t *testing.T) *service.Service {
	t.Helper()
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.New(t.Context(), storetest.Open(t, service.Migrations()), service.Config{
		Region:  "eu-central-1",
		Account: account,
		Seal:    sealer,
		Now:     webtest.Now.UTC,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open returns the pages over IAM itself, for somebody who may do what may says.
func open(t *testing.T, may func(ctx context.Context, action, resource string) bool) (*webtest.Pages, iam.API) {
	t.Helper()
	s := newService(t)
	contract := iam.New(awsproto.Hooks{}, api{Service: s})
	return webtest.Open(t, Routes, kit.Config{IAM: contract, Slipway: refusals{Service: s}, May: may}), contract
}

func TestAPersonIsGivenRightsOnThePages(t *testing.T) {
	p, api := open(t, nil)
	if to := p.Send("/settings/users", url.Values{"name": {"anna"}, "group": {"developers"}}); to != "/settings/users/anna" {
		t.Fatalf("it leads to %s", to)
	}
	p.Shows("/settings/users", "anna", "People and rights")
	p.Shows("/settings/users/anna", "developers", "No policies of its own", "codecommit", "Effective rights",
		"Delete this user")
	approvers := "arn:aws:iam::aws:policy/slipway/SlipwayApprovers"
	p.Send("/settings/users/anna", url.Values{"do": {"attach"}, "policy": {approvers}})
	p.Shows("/settings/users/anna", "SlipwayApprovers", "Detach")
	p.Shows("/settings/rights?who=anna&action=codepipeline:PutApprovalResult&resource=web/Approve/Ask", "Allowed",
		"line 4 of SlipwayApprovers", `"codepipeline:PutApprovalResult"`)
	p.Shows("/settings/rights?who=anna&action=codecommit:GitPush&resource=web", "Allowed",
		"line 4 of SlipwayDevelopers (group developers)", "through the group developers")
	p.Shows("/settings/rights?who=anna&action=codecommit:DeleteRepository&resource=web", "Denied", "No policy allows it.",
		"would allow it", `"Resource": "arn:aws:codecommit:eu-central-1:123456789012:web"`)
	p.Send("/settings/users/anna", url.Values{"do": {"detach"}, "policy": {approvers}})
	p.Send("/settings/users/anna", url.Values{"do": {"leave"}, "group": {"developers"}})
	u, err := people.UserOf(t.Context(), api, "anna")
	if err != nil || len(u.Groups)+len(u.AttachedPolicies) != 0 {
		t.Errorf("got %+v, %v", u, err)
	}
	if to := p.Send("/settings/users/anna", url.Values{"do": {"delete"}}); to != "/settings/users" {
		t.Errorf("it leads to %s", to)
	}
	if got := p.Status("/settings/users/anna"); got != http.StatusNotFound {
		t.Errorf("the page of a user who is deleted answers %d", got)
	}
}

func TestAPolicyIsWrittenWithItsErrorsShown(t *testing.T) {
	p, api := open(t, nil)
	p.Shows("/settings/policies?all", "AWSCodeCommitPowerUser", "SlipwayReaders")
	p.Shows("/settings/editor", "New policy", `"codecommit:GitPull"`)
	good := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "codecommit:GitPush", "Resource": "*"}}`
	bad := strings.Replace(good, `"Allow"`, `"allow"`, 1)
	answer, status := p.Answer("/settings/editor", url.Values{"name": {"push"}, "document": {bad}, "do": {"save"}})
	if status != http.StatusUnprocessableEntity ||
		!strings.Contains(answer, "Line 1, column 51 : The policy failed legacy parsing: Effect is") || !strings.Contains(answer, bad) {
		t.Errorf("a wrong policy is answered with %d: %s", status, answer)
	}
	misspelt := strings.Replace(good, "GitPush", "GitPusch", 1)
	answer, status = p.Answer("/settings/editor", url.Values{"name": {"push"}, "document": {misspelt}, "do": {"check"}})
	if status != http.StatusOK || !strings.Contains(answer, "Did you mean codecommit:GitPush?") {
		t.Errorf("a check is answered with %d: %s", status, answer)
	}
	if to := p.Send("/settings/editor", url.Values{"name": {"push"}, "document": {good}, "do": {"save"}}); to !=
		"/settings/policies" {
		t.Errorf("it leads to %s", to)
	}
	arn, err := people.PolicyARN(t.Context(), api, "push")
	if err != nil {
		t.Fatal(err)
	}
	of := "?arn=" + url.QueryEscape(arn)
	p.Shows("/settings/policy"+of, "Version v1", "GitPush", "Delete this policy")
	p.Send("/settings/editor"+of, url.Values{"document": {strings.Replace(good, "GitPush", "GitPull", 1)}, "do": {"save"}})
	p.Shows("/settings/policy"+of, "Version v2", "GitPull", "Make default")
	p.Send("/settings/policy"+of, url.Values{"do": {"default"}, "version": {"v1"}})
	p.Shows("/settings/policy"+of, "Version v1")
	p.Send("/settings/policy"+of, url.Values{"do": {"delete"}})
	if _, err := people.PolicyARN(t.Context(), api, "push"); err == nil {
		t.Error("the policy is still there")
	}
}

func TestARoleAndAGroupHaveTheirPages(t *testing.T) {
	p, api := open(t, nil)
	form := url.Values{"name": {"build"}, "service": {"codebuild.amazonaws.com"}, "description": {"Nightly builds"}}
	if to := p.Send("/settings/roles", form); to != "/settings/roles/build" {
		t.Errorf("it leads to %s", to)
	}
	p.Shows("/settings/roles", "build", "Nightly builds", "slipway-build")
	p.Shows("/settings/roles/build", "Who may assume it", "codebuild.amazonaws.com", "It may do nothing")
	trust := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "` + account +
		`"}, "Action": "sts:AssumeRole"}}`
	p.Send("/settings/editor?trust=build", url.Values{"document": {trust}, "do": {"save"}})
	p.Shows("/settings/roles/build", account)
	inline := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}`
	p.Send("/settings/editor?of=role/build", url.Values{"name": {"objects"}, "document": {inline}, "do": {"save"}})
	p.Shows("/settings/roles/build", "objects", "inline")
	p.Shows("/settings/editor?of=role/build&name=objects", "s3:GetObject")
	p.Send("/settings/groups", url.Values{"name": {"team"}})
	p.Send("/settings/users", url.Values{"name": {"berta"}})
	p.Send("/settings/groups/team", url.Values{"do": {"join"}, "user": {"berta"}})
	p.Shows("/settings/groups/team", "berta")
	p.Send("/settings/groups/team", url.Values{"do": {"delete"}})
	p.Send("/settings/roles/build", url.Values{"do": {"delete"}})
	if _, err := people.RoleOf(t.Context(), api, "build"); err == nil {
		t.Error("the role is still there")
	}
}

func TestWhatAVisitorMayNotDoIsNotOffered(t *testing.T) {
	p, api := open(t, func(_ context.Context, action, _ string) bool { return action == "iam:ListUsers" })
	if _, err := api.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("anna")}); err != nil {
		t.Fatal(err)
	}
	for path, hidden := range map[string]string{
		"/settings/users":      "Create a user",
		"/settings/users/anna": "Delete this user",
		"/settings/policies":   "Write a policy",
	} {
		if answer := p.Read(path); strings.Contains(answer, hidden) {
			t.Errorf("%s offers %q: %s", path, hidden, answer)
		}
	}
}

// refusals is the part of Slipway's own service that lists denials.
type refusals struct {
	*service.Service
	slipway.Unimplemented
}

func (r refusals) ListDenials(ctx context.Context, in *slipway.ListDenialsInput) (*slipway.ListDenialsOutput, error) {
	return r.Service.ListDenials(ctx, in)
}

func TestWhatWasDeniedIsShownWithWhatWouldAllowIt(t *testing.T) {
	s := newService(t)
	contract := iam.New(awsproto.Hooks{}, api{Service: s})
	p := webtest.Open(t, Routes, kit.Config{IAM: contract, Slipway: refusals{Service: s}})
	p.Shows("/settings/denials", "Nothing was refused")
	p.Send("/settings/users", url.Values{"name": {"anna"}})
	p.Shows("/settings/users/anna", "Nothing was refused to it")
	anna := awsproto.Caller{ARN: "arn:aws:iam::" + account + ":user/anna", Account: account}
	for range 2 {
		s.Denied(&service.Denial{Caller: anna, Action: "codecommit:GitPush", Resource: "arn:aws:codecommit:::web",
			Refusal: service.Refusal{Address: "192.0.2.7", Type: "identity-based policy",
				Reason: "because no identity-based policy allows the codecommit:GitPush action"}})
	}
	s.Denied(&service.Denial{Caller: awsproto.Caller{ARN: "arn:aws:iam::" + account + ":role/build"}, Resource: "*",
		Action: "s3:GetObject", Refusal: service.Refusal{Type: "identity-based policy", Explicit: true,
			PolicyName: "guard", Statement: 2, Reason: "with an explicit deny in an identity-based policy"}})
	p.Shows("/settings/denials", "codecommit:GitPush", "Because no identity-based policy allows", "192.0.2.7", "anna",
		"Statement 2 of guard denies it. An explicit deny wins", "build")
	p.Shows("/settings/users/anna", "Denied lately", `"Action": "codecommit:GitPush"`, "Write a policy with it")
	if read := p.Read("/settings/denials?who=anna"); strings.Contains(read, "s3:GetObject") ||
		!strings.Contains(read, "GitPush") {
		t.Errorf("those of anna are %s", read)
	}
	const editor = "/settings/editor?of=user/anna&allow=codecommit:GitPush&on=arn:aws:codecommit:::web"
	p.Shows(editor, `"Action": "codecommit:GitPush"`, `"Resource": "arn:aws:codecommit:::web"`, "Save")
}
