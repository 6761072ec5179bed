package access_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/logs"
	"slipway/api/sts"
	"slipway/internal/identity/access"
	"slipway/internal/identity/policy"
)

const (
	region  = "eu-central-1"
	account = "123456789012"
	arn     = "arn:aws:iam::" + account + ":user/ada"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// authority has one user with one policy, whose statements are given.
func authority(t *testing.T, statements string) *access.Authority {
	t.Helper()
	p, err := policy.Parse(policy.Identity, `{"Version": "2012-10-17", "Statement": [`+statements+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	return &access.Authority{
		Region:  region,
		Account: account,
		Now:     func() time.Time { return now },
		Principal: func(context.Context, awsproto.Caller) (access.Principal, error) {
			sources := policy.Sources{Identity: []policy.Attached{{Policy: p, Name: "rights"}}}
			return access.Principal{Sources: sources, Tags: map[string]string{"Team": "blue"}}, nil
		},
		Tags: func(_ context.Context, arn string) (map[string]string, error) {
			if strings.HasSuffix(arn, "blue") {
				return map[string]string{"team": "blue"}, nil
			}
			return nil, nil
		},
		Resolve: func(_ context.Context, kind string, values ...[]string) []string {
			if kind != "project" {
				return awsproto.Any
			}
			return []string{"arn:aws:codebuild:" + region + ":" + account + ":project/" + values[0][0]}
		},
	}
}

// caller is a user who asks from an address.
func caller(t *testing.T) context.Context {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1/", http.NoBody)
	r.RemoteAddr = "192.0.2.7:1234"
	r.Header.Set("User-Agent", "test/1")
	return awsproto.WithCaller(awsproto.WithPeer(r),
		awsproto.Caller{ARN: arn, UserID: "AIDAADA", Name: "ada", Account: account})
}

func operation(t *testing.T, s awsproto.Service, name string) *awsproto.Operation {
	t.Helper()
	for _, e := range s.Endpoints() {
		if e.Op.Name == name {
			return e.Op
		}
	}
	t.Fatal(name)
	return nil
}

// Each condition holds for one request and not for another.
func TestConditionKeys(t *testing.T) {
	t.Parallel()
	repositories := codecommit.New(awsproto.Hooks{}, codecommit.Unimplemented{})
	projects := codebuild.New(awsproto.Hooks{}, codebuild.Unimplemented{})
	get := func(name string) any { return &codecommit.GetFileInput{RepositoryName: &name} }
	create := func(tags map[string]string) any {
		return &codecommit.CreateRepositoryInput{RepositoryName: new("new"), Tags: tags}
	}
	put := func(branch string) any {
		return &codecommit.PutFileInput{RepositoryName: new("web"), BranchName: &branch}
	}
	start := func(image string) any {
		return &codebuild.StartBuildInput{ProjectName: new("web"), ImageOverride: &image}
	}
	made := func(image string) any {
		return &codebuild.CreateProjectInput{Name: new("web"), Environment: &codebuild.ProjectEnvironment{Image: &image},
			SecondarySources: []codebuild.ProjectSource{{SourceIdentifier: new("lib"), Location: new("there")}}}
	}
	for name, c := range map[string]struct {
		service   awsproto.Service
		operation string
		condition string
		yes, no   any // no is nil where no request makes the difference
	}{
		"resource tag": {repositories, "GetFile", `"StringEquals": {"aws:ResourceTag/team": "blue"}`, get("blue"), get("web")},
		"resource tag as the principal's": {repositories, "GetFile",
			`"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/Team}"}`, get("blue"), get("web")},
		"request tag": {repositories, "CreateRepository", `"StringEquals": {"aws:RequestTag/team": "blue"}`,
			create(map[string]string{"team": "blue"}), create(map[string]string{"team": "red"})},
		"tag keys": {repositories, "CreateRepository", `"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}`,
			create(map[string]string{"team": "x"}), create(map[string]string{"cost": "x"})},
		"reference": {repositories, "PutFile", `"StringLike": {"codecommit:References": "refs/heads/dev*"}`, put("dev-1"),
			put("main")},
		"source address": {repositories, "GetFile", `"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}`, get("web"), nil},
		"time":           {repositories, "GetFile", `"DateLessThan": {"aws:CurrentTime": "2026-12-01T00:00:00Z"}`, get("web"), nil},
		"user name":      {repositories, "GetFile", `"StringEquals": {"aws:username": "ada"}`, get("web"), nil},
		"agent":          {repositories, "GetFile", `"StringLike": {"aws:UserAgent": "test/*"}`, get("web"), nil},
		"transport":      {repositories, "GetFile", `"Bool": {"aws:SecureTransport": "false"}`, get("web"), nil},
		"principal":      {repositories, "GetFile", `"ArnEquals": {"aws:PrincipalArn": "` + arn + `"}`, get("web"), nil},
		"type":           {repositories, "GetFile", `"StringEquals": {"aws:PrincipalType": "User"}`, get("web"), nil},
		"a second factor": {sts.New(awsproto.Hooks{}, sts.Unimplemented{}), "AssumeRole",
			`"Bool": {"aws:MultiFactorAuthPresent": "true"}`,
			&sts.AssumeRoleInput{RoleArn: new(arn), TokenCode: new("123456")}, &sts.AssumeRoleInput{RoleArn: new(arn)}},
		"the age of a second factor": {sts.New(awsproto.Hooks{}, sts.Unimplemented{}), "AssumeRole",
			`"NumericLessThan": {"aws:MultiFactorAuthAge": "60"}`,
			&sts.AssumeRoleInput{RoleArn: new(arn), TokenCode: new("123456")}, &sts.AssumeRoleInput{RoleArn: new(arn)}},
		"no session": {repositories, "GetFile", `"Null": {"aws:TokenIssueTime": "true"}`, get("web"), nil},
		"a member of the request": {projects, "CreateProject", `"StringEquals": {"codebuild:environment.image": "good"}`,
			made("good"), made("bad")},
		"a member of an element": {projects, "CreateProject",
			`"StringEquals": {"codebuild:secondarySources/lib.location": "there"}`, made("x"), start("x")},
		"a member that is a structure": {projects, "CreateProject", `"Null": {"codebuild:environment": "false"}`, made("x"),
			&codebuild.CreateProjectInput{Name: new("web")}},
	} {
		a := authority(t, `{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {`+c.condition+`}}`)
		op := operation(t, c.service, c.operation)
		if err := a.Operation(caller(t), op, c.yes); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, other := c.no.(*codebuild.StartBuildInput); c.no == nil || other {
			continue
		}
		if err := a.Operation(caller(t), op, c.no); !strings.HasPrefix(awsproto.Code(err), "AccessDenied") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

// The age of a second factor counts from when it was shown, and is unknown to a session without one.
func TestAgeOfSecondFactor(t *testing.T) {
	t.Parallel()
	op := operation(t, codecommit.New(awsproto.Hooks{}, codecommit.Unimplemented{}), "GetFile")
	in := &codecommit.GetFileInput{RepositoryName: new("web")}
	const (
		young   = `"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}`
		unknown = `"Null": {"aws:MultiFactorAuthAge": "true"}`
	)
	for _, test := range []struct {
		mfa       bool
		age       time.Duration
		condition string
		may       bool
	}{
		{true, 3599 * time.Second, young, true},
		{true, 3600 * time.Second, young, false},
		{true, time.Second, unknown, false},
		{false, 0, young, false},
		{false, 0, unknown, true},
	} {
		a := authority(t, `{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {`+test.condition+`}}`)
		ctx := awsproto.WithCaller(t.Context(), awsproto.Caller{ARN: arn, UserID: "AIDAADA", Name: "ada",
			Account: account, Session: &awsproto.Session{Parent: "AIDAADA", Issued: now, MFA: test.mfa,
				MFATime: now.Add(-test.age)}})
		if err := a.Operation(ctx, op, in); (err == nil) != test.may {
			t.Errorf("%+v: got %v", test, err)
		}
	}
}

// A role that is handed over needs iam:PassRole on it, for the service that gets it.
func TestPassRole(t *testing.T) {
	t.Parallel()
	op := operation(t, codebuild.New(awsproto.Hooks{}, codebuild.Unimplemented{}), "CreateProject")
	in := &codebuild.CreateProjectInput{Name: new("web"), ServiceRole: new("arn:aws:iam::" + account + ":role/builder")}
	const all = `{"Effect": "Allow", "Action": "codebuild:*", "Resource": "*"}`
	pass := func(service string) string {
		return `{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
			"Condition": {"StringEquals": {"iam:PassedToService": "` + service + `"}}}`
	}
	for statements, may := range map[string]bool{
		all: false,
		all + "," + pass("codedeploy.amazonaws.com"): false,
		all + "," + pass("codebuild.amazonaws.com"):  true,
	} {
		err := authority(t, statements).Operation(caller(t), op, in)
		if (err == nil) != may || !may && !strings.Contains(err.Error(), "is not authorized to perform: iam:PassRole") {
			t.Errorf("%s: %v, want allowed = %t", statements, err, may)
		}
	}
}

// A policy may name a log group with and without what follows its name; a deny of either form counts.
func TestTwoForms(t *testing.T) {
	t.Parallel()
	op := operation(t, logs.New(awsproto.Hooks{}, logs.Unimplemented{}), "PutRetentionPolicy")
	in := &logs.PutRetentionPolicyInput{LogGroupName: new("web")}
	group := "arn:aws:logs:" + region + ":" + account + ":log-group:web"
	on := func(effect, resource string) string {
		return `{"Effect": "` + effect + `", "Action": "logs:PutRetentionPolicy", "Resource": "` + resource + `"}`
	}
	for statements, may := range map[string]bool{
		on("Allow", group):                                       true,
		on("Allow", group+":*"):                                  true,
		on("Allow", group+"2"):                                   false,
		on("Allow", "*") + "," + on("Deny", group):               false,
		on("Allow", group) + "," + on("Deny", group+":*"):        false,
		on("Allow", group) + "," + on("Deny", group+"2:stream*"): true,
	} {
		if err := authority(t, statements).Operation(caller(t), op, in); (err == nil) != may {
			t.Errorf("%s: %v, want allowed = %t", statements, err, may)
		}
	}
}

// Who has no identity gets nothing, not even what is open to all who have one.
func TestNobody(t *testing.T) {
	t.Parallel()
	a := authority(t, `{"Effect": "Allow", "Action": "*", "Resource": "*"}`)
	if err := a.Ask(t.Context(), &awsproto.Access{}, nil); awsproto.Code(err) != "AccessDeniedException" {
		t.Errorf("got %v, want a refusal", err)
	}
}

func BenchmarkOperation(b *testing.B) {
	p, err := policy.Parse(policy.Identity,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "codecommit:*", "Resource": "*"}]}`)
	if err != nil {
		b.Fatal(err)
	}
	a := &access.Authority{Region: region, Account: account, Now: time.Now,
		Principal: func(context.Context, awsproto.Caller) (access.Principal, error) {
			return access.Principal{Sources: policy.Sources{Identity: []policy.Attached{{Policy: p}}}}, nil
		}}
	ctx := awsproto.WithCaller(b.Context(), awsproto.Caller{ARN: arn, Account: account})
	in := &codecommit.GetFileInput{RepositoryName: new("web")}
	var op *awsproto.Operation
	for _, e := range codecommit.New(awsproto.Hooks{}, codecommit.Unimplemented{}).Endpoints() {
		if e.Op.Name == "GetFile" {
			op = e.Op
		}
	}
	for b.Loop() {
		if err := a.Operation(ctx, op, in); err != nil {
			b.Fatal(err)
		}
	}
}
