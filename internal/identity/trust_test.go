package identity_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"slipway/api/awsproto"
	apiiam "slipway/api/iam"
	"slipway/internal/identity/policy"
)

// TestNamesakesAreNotTrusted deletes a user that a role trusts, and makes another one of its name.
func TestNamesakesAreNotTrusted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, ctx, bob := w.iam(), t.Context(), aws.String("bob")
	first := must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: bob})).User
	role := w.role("deployer", `{"AWS":"`+*first.Arn+`"}`)
	trusted := func(id string) bool {
		p, ok := w.TrustPolicy(role)
		if !ok {
			t.Fatal("the role has no trust policy")
		}
		return policy.Decide(policy.Sources{Resource: []policy.Attached{p}, Alone: true}, policy.Request{
			Principal: policy.Principal{Account: account, ARN: *first.Arn, UserID: id}, Action: "sts:AssumeRole",
			Resource: role, Context: policy.Values{}}).Allowed
	}
	shown := func() string {
		out := must[*iam.GetRoleOutput](t)(c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("deployer")}))
		return document(t, out.Role.AssumeRolePolicyDocument)
	}
	if !trusted(*first.UserId) || !strings.Contains(shown(), *first.Arn) {
		t.Errorf("the user is not trusted: %s", shown())
	}
	must[*iam.UpdateUserOutput](t)(c.UpdateUser(ctx, &iam.UpdateUserInput{UserName: bob,
		NewUserName: aws.String("rob")}))
	if !strings.Contains(shown(), ":user/rob") {
		t.Errorf("after the user was renamed: %s", shown())
	}
	must[*iam.DeleteUserOutput](t)(c.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("rob")}))
	second := must[*iam.CreateUserOutput](t)(c.CreateUser(ctx, &iam.CreateUserInput{UserName: bob})).User
	if trusted(*second.UserId) || !strings.Contains(shown(), *first.UserId) {
		t.Errorf("a namesake is trusted: %s", shown())
	}
	for _, principal := range []string{
		`{"AWS":"` + w.UserARN("nobody") + `"}`, `{"AWS":"AIDAAAAAAAAAAAAAAAAAA"}`, `{"AWS":"` + w.UserARN("*") + `"}`,
	} {
		_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("x"),
			AssumeRolePolicyDocument: trust(principal)})
		if code(err) != "MalformedPolicyDocument" || !strings.Contains(err.Error(), "Invalid principal in policy") {
			t.Errorf("a role for %s: %v", principal, err)
		}
	}
}

// TestCommandLine has the aws command assume a role, by a profile, as people do.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	command, err := exec.LookPath("aws")
	if err != nil {
		t.Skip("SKIPPED: no aws here. Install it with: pip install awscli")
	}
	w := newWorld(t)
	role := w.role("deployer", `{"AWS":"`+account+`"}`)
	config := t.TempDir() + "/config"
	if err := os.WriteFile(config, fmt.Appendf(nil,
		"[profile deploy]\nrole_arn = %s\ncredential_source = Environment\n"+
			"region = %s\nendpoint_url = %s\nrole_session_name = cli\n", role, region, w.url), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) map[string]any {
		t.Helper()
		x := exec.Command(command, append(args, "--output", "json")...)
		x.Env = append(os.Environ(), "HOME="+t.TempDir(), "AWS_CONFIG_FILE="+config, "AWS_ENDPOINT_URL="+w.url,
			"AWS_DEFAULT_REGION="+region,
			"AWS_ACCESS_KEY_ID="+w.admin.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+w.admin.SecretAccessKey)
		out, err := x.CombinedOutput()
		if err != nil {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
		var answer map[string]any
		if err := json.Unmarshal(out, &answer); err != nil && len(out) > 0 {
			t.Fatalf("aws %v: %v\n%s", args, err, out)
		}
		return answer
	}
	if got := run("sts", "get-caller-identity", "--profile", "deploy")["Arn"]; got !=
		"arn:aws:sts::"+account+":assumed-role/deployer/cli" {
		t.Errorf("the profile is %v", got)
	}
	if got := run("sts", "get-session-token")["Credentials"]; got == nil {
		t.Error("no session token")
	}
	run("iam", "create-user", "--user-name", "bob", "--tags", "Key=team,Value=red")
	run("iam", "wait", "user-exists", "--user-name", "bob")
	run("iam", "attach-user-policy", "--user-name", "bob", "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	simulated := run("iam", "simulate-principal-policy", "--policy-source-arn", w.UserARN("bob"), "--action-names",
		"s3:GetObject", "s3:PutObject")["EvaluationResults"].([]any)
	for i, want := range []string{"allowed", "implicitDeny"} {
		if got := simulated[i].(map[string]any)["EvalDecision"]; got != want {
			t.Errorf("action %d is %v, want %s", i, got, want)
		}
	}
}

// TestManyUsers holds the time of a change with 3,000 users against that with few.
func TestManyUsers(t *testing.T) {
	w := newWorld(t)
	ctx := awsproto.WithCaller(t.Context(), awsproto.Caller{Account: account})
	create := func(name string) time.Duration {
		began := time.Now()
		must[*apiiam.CreateUserOutput](t)(w.CreateUser(ctx, &apiiam.CreateUserInput{UserName: &name}))
		return time.Since(began)
	}
	least := func(prefix string) time.Duration {
		best := time.Hour
		for i := range 20 {
			best = min(best, create(fmt.Sprint(prefix, i)))
		}
		return best
	}
	few := least("few")
	done := make(chan bool)
	for i := range 50 {
		go func() {
			for j := range 60 {
				create(fmt.Sprintf("user-%d-%d", i, j))
			}
			done <- true
		}()
	}
	for range 50 {
		<-done
	}
	if many := least("many"); many > 10*few+10*time.Millisecond {
		t.Errorf("a change takes %s with 3,000 users, and %s with few", many, few)
	}
}
