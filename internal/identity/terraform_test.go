package identity_test

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// The calls that Terraform makes for its resources, in its order: create, read, read again, delete. The second read
// must not differ from the first.

const allowAll = `{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a b+c/*"}]
}`

// same reads twice and compares.
func same[T any](t *testing.T, what string, read func() T) T {
	t.Helper()
	first, second := read(), read()
	if !reflect.DeepEqual(first, second) {
		t.Errorf("%s: the second read differs:\n%+v\n%+v", what, first, second)
	}
	return second
}

// document is a document as Terraform reads it.
func document(t *testing.T, encoded *string) string {
	t.Helper()
	text, err := url.QueryUnescape(*encoded)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTerraformRole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.iam(), t.Context()
	assume := trust(`{"Service":"codebuild.amazonaws.com"}`)
	name, arn := aws.String("app-build"), "arn:aws:iam::"+account+":policy/app"
	must[*iam.CreateRoleOutput](t)(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, Path: aws.String("/ci/"),
		AssumeRolePolicyDocument: assume, MaxSessionDuration: aws.Int32(7200), Description: aws.String("builds"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}}))
	must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("app"),
		PolicyDocument: aws.String(allowAll)}))
	must[*iam.PutRolePolicyOutput](t)(c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name,
		PolicyName: aws.String("inline"), PolicyDocument: aws.String(allowAll)}))
	must[*iam.AttachRolePolicyOutput](t)(c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: name,
		PolicyArn: &arn}))
	type state struct {
		Role             *types.Role
		Trust, Inline    string
		Inlines          []string
		Attached         []types.AttachedPolicy
		Default, Version string
	}
	got := same(t, "aws_iam_role", func() (s state) {
		s.Role = must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: name})).Role
		s.Trust = document(t, s.Role.AssumeRolePolicyDocument)
		s.Inlines = must[*iam.ListRolePoliciesOutput](t)(c.ListRolePolicies(ctx,
			&iam.ListRolePoliciesInput{RoleName: name})).PolicyNames
		s.Inline = document(t, must[*iam.GetRolePolicyOutput](t)(c.GetRolePolicy(ctx,
			&iam.GetRolePolicyInput{RoleName: name, PolicyName: &s.Inlines[0]})).PolicyDocument)
		s.Attached = must[*iam.ListAttachedRolePoliciesOutput](t)(c.ListAttachedRolePolicies(ctx,
			&iam.ListAttachedRolePoliciesInput{RoleName: name})).AttachedPolicies
		p := must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: &arn})).Policy
		s.Default = *p.DefaultVersionId
		s.Version = document(t, must[*iam.GetPolicyVersionOutput](t)(c.GetPolicyVersion(ctx,
			&iam.GetPolicyVersionInput{PolicyArn: &arn, VersionId: p.DefaultVersionId})).PolicyVersion.Document)
		return s
	})
	if got.Trust != *assume || got.Inline != allowAll || got.Version != allowAll || *got.Role.MaxSessionDuration != 7200 ||
		*got.Role.Path != "/ci/" || len(got.Attached) != 1 || *got.Attached[0].PolicyArn != arn ||
		len(got.Role.Tags) != 1 {
		t.Errorf("read: %+v", got)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); code(err) != "DeleteConflict" {
		t.Errorf("a role with policies is deleted: %v", err)
	}
	must[*iam.ListInstanceProfilesForRoleOutput](t)(c.ListInstanceProfilesForRole(ctx,
		&iam.ListInstanceProfilesForRoleInput{RoleName: name}))
	must[*iam.DetachRolePolicyOutput](t)(c.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: name,
		PolicyArn: &arn}))
	must[*iam.DeleteRolePolicyOutput](t)(c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name,
		PolicyName: aws.String("inline")}))
	must[*iam.DeleteRoleOutput](t)(c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	if _, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name}); code(err) != "NoSuchEntity" {
		t.Errorf("a deleted role: %v", err)
	}
}

// TestTerraformPolicy updates a policy more often than it may have versions.
func TestTerraformPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.iam(), t.Context()
	p := must[*iam.CreatePolicyOutput](t)(c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("app"),
		PolicyDocument: aws.String(allowAll)}))
	arn := p.Policy.Arn
	if _, err := c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("App"),
		PolicyDocument: aws.String(allowAll)}); code(err) != "EntityAlreadyExists" {
		t.Errorf("a second policy of the name in other letters: %v", err)
	}
	for range 6 {
		list := must[*iam.ListPolicyVersionsOutput](t)(c.ListPolicyVersions(ctx,
			&iam.ListPolicyVersionsInput{PolicyArn: arn}))
		if n := len(list.Versions); n == 5 {
			if _, err := c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn,
				PolicyDocument: aws.String(allowAll)}); code(err) != "LimitExceeded" {
				t.Errorf("a sixth version: %v", err)
			}
			must[*iam.DeletePolicyVersionOutput](t)(c.DeletePolicyVersion(ctx,
				&iam.DeletePolicyVersionInput{PolicyArn: arn,
					VersionId: list.Versions[n-1].VersionId}))
		}
		made := must[*iam.CreatePolicyVersionOutput](t)(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{
			PolicyArn: arn, PolicyDocument: aws.String(allowAll)}))
		must[*iam.SetDefaultPolicyVersionOutput](t)(c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{
			PolicyArn: arn, VersionId: made.PolicyVersion.VersionId}))
	}
	got := same(t, "aws_iam_policy", func() *types.Policy {
		return must[*iam.GetPolicyOutput](t)(c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})).Policy
	})
	if *got.DefaultVersionId != "v7" {
		t.Errorf("the default version is %s", *got.DefaultVersionId)
	}
	list := must[*iam.ListPolicyVersionsOutput](t)(c.ListPolicyVersions(ctx,
		&iam.ListPolicyVersionsInput{PolicyArn: arn}))
	for _, v := range list.Versions {
		_, err := c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: v.VersionId})
		if want := map[bool]string{true: "DeleteConflict"}[v.IsDefaultVersion]; code(err) != want {
			t.Errorf("deleting %s: %v", *v.VersionId, err)
		}
	}
	must[*iam.DeletePolicyOutput](t)(c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
}

func TestTerraformUserAndGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.iam(), t.Context()
	user, group := aws.String("bob"), aws.String("team")
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: user, Path: aws.String("/people/"),
		PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}))
	must[*iam.CreateGroupOutput](t)(c.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: group}))
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: user,
		GroupName: group}))
	must[*iam.AddUserToGroupOutput](t)(c.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: user,
		GroupName: group}))
	type state struct {
		User   *types.User
		Users  []types.User
		Groups []types.Group
	}
	got := same(t, "aws_iam_user", func() (s state) {
		s.User = must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: user})).User
		s.Users = must[*iam.GetGroupOutput](t)(c.GetGroup(ctx, &iam.GetGroupInput{GroupName: group})).Users
		s.Groups = must[*iam.ListGroupsForUserOutput](t)(c.ListGroupsForUser(ctx,
			&iam.ListGroupsForUserInput{UserName: user})).Groups
		return s
	})
	if *got.User.Arn != "arn:aws:iam::"+account+":user/people/bob" || got.User.PermissionsBoundary == nil ||
		len(got.Users) != 1 || len(got.Groups) != 1 {
		t.Errorf("read: %+v", got)
	}
	must[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: user,
		NewUserName: aws.String("rob"),
		NewPath:     aws.String("/")}))
	renamed := must[*iam.GetUserOutput](t)(c.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("rob")})).User
	if *renamed.UserId != *got.User.UserId || *renamed.Arn != "arn:aws:iam::"+account+":user/rob" {
		t.Errorf("renamed: %+v", renamed)
	}
	for what, err := range map[string]error{
		"a user in a group": func() error {
			_, err := c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("rob")})
			return err
		}(),
		"a group with users": func() error {
			_, err := c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: group})
			return err
		}(),
	} {
		if code(err) != "DeleteConflict" {
			t.Errorf("%s is deleted: %v", what, err)
		}
	}
	must[*iam.RemoveUserFromGroupOutput](t)(c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupInput{
		UserName: aws.String("rob"), GroupName: group}))
	must[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("rob")}))
	must[*iam.DeleteGroupOutput](t)(c.DeleteGroup(ctx, &iam.DeleteGroupInput{GroupName: group}))
}

// Clients ask for a user's signing certificates before they delete it, as Terraform does with force_destroy.
func TestNobodyHasSigningCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.iam(), t.Context()
	must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("bob")}))
	out := must[*iam.ListSigningCertificatesOutput](t)(c.ListSigningCertificates(ctx,
		&iam.ListSigningCertificatesInput{UserName: aws.String("bob")}))
	if len(out.Certificates) != 0 || out.IsTruncated {
		t.Errorf("bob has %+v", out)
	}
	_, err := c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: aws.String("nobody")})
	if code(err) != "NoSuchEntity" {
		t.Errorf("the certificates of nobody: %v, want NoSuchEntity", err)
	}
}

func TestTerraformInstanceProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.iam(), t.Context()
	w.role("host", `{"Service":"ec2.amazonaws.com"}`)
	name, role := aws.String("hosts"), aws.String("host")
	must[*iam.CreateInstanceProfileOutput](t)(c.CreateInstanceProfile(ctx,
		&iam.CreateInstanceProfileInput{InstanceProfileName: name}))
	add := &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: role}
	must[*iam.AddRoleToInstanceProfileOutput](t)(c.AddRoleToInstanceProfile(ctx, add))
	if _, err := c.AddRoleToInstanceProfile(ctx, add); code(err) != "LimitExceeded" {
		t.Errorf("a second role: %v", err)
	}
	got := same(t, "aws_iam_instance_profile", func() *types.InstanceProfile {
		return must[*iam.GetInstanceProfileOutput](t)(c.GetInstanceProfile(ctx,
			&iam.GetInstanceProfileInput{InstanceProfileName: name})).InstanceProfile
	})
	if len(got.Roles) != 1 || *got.Roles[0].RoleName != "host" {
		t.Errorf("read: %+v", got)
	}
	if _, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role}); code(err) != "DeleteConflict" {
		t.Errorf("a role of a profile is deleted: %v", err)
	}
	must[*iam.RemoveRoleFromInstanceProfileOutput](t)(c.RemoveRoleFromInstanceProfile(ctx,
		&iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: role}))
	must[*iam.DeleteInstanceProfileOutput](t)(c.DeleteInstanceProfile(ctx,
		&iam.DeleteInstanceProfileInput{InstanceProfileName: name}))
}

func TestTerraformOpenIDConnectProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx := w.iam(), t.Context()
	made := must[*iam.CreateOpenIDConnectProviderOutput](t)(c.CreateOpenIDConnectProvider(ctx,
		&iam.CreateOpenIDConnectProviderInput{Url: aws.String("https://token.example.com/ci"),
			ClientIDList: []string{"sts.amazonaws.com"}}))
	arn := made.OpenIDConnectProviderArn
	if *arn != "arn:aws:iam::"+account+":oidc-provider/token.example.com/ci" {
		t.Errorf("the provider is %s", *arn)
	}
	must[*iam.UpdateOpenIDConnectProviderThumbprintOutput](t)(c.UpdateOpenIDConnectProviderThumbprint(ctx,
		&iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: arn,
			ThumbprintList: []string{"6938fd4d98bab03faadb97b34396831e3780aea1"}}))
	type state struct {
		URL                  string
		Clients, Thumbprints []string
	}
	got := same(t, "aws_iam_openid_connect_provider", func() state {
		p := must[*iam.GetOpenIDConnectProviderOutput](t)(c.GetOpenIDConnectProvider(ctx,
			&iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))
		return state{*p.Url, p.ClientIDList, p.ThumbprintList}
	})
	if got.URL != "token.example.com/ci" || len(got.Clients) != 1 || len(got.Thumbprints) != 1 {
		t.Errorf("read: %+v", got)
	}
	for range 2 {
		must[*iam.DeleteOpenIDConnectProviderOutput](t)(c.DeleteOpenIDConnectProvider(ctx,
			&iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))
	}
}
