package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// stateBucket holds the states of OpenTofu.
const stateBucket = "tofu-state"

// tofu is a folder with a configuration of OpenTofu whose state lies in a bucket.
type tofu struct {
	*instance
	dir, role string
}

// needTofu skips a test where OpenTofu is not installed.
func needTofu(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("tofu"); err != nil {
		t.Skip("SKIPPED: no OpenTofu here. Install it with: " +
			"go mod download github.com/opentofu/opentofu@v1.10.10 && " +
			"cd $(go list -m -f '{{.Dir}}' github.com/opentofu/opentofu@v1.10.10) && " +
			"go build -o /usr/local/bin/tofu ./cmd/tofu")
	}
}

// tofu makes a folder whose state is read and written as a role.
func (i *instance) tofu(role string) *tofu {
	return &tofu{instance: i, dir: folder(i.t), role: "arn:aws:iam::" + account + ":role/" + role}
}

// declare writes the configuration: one resource that is built in, with an input.
func (f *tofu) declare(input string) {
	f.t.Helper()
	text := fmt.Sprintf(`terraform {
  backend "s3" {
    bucket         = %q
    key            = "web/terraform.tfstate"
    region         = %q
    use_path_style = true
    use_lockfile   = true
    endpoints      = { s3 = %q, sts = %[3]q }
    assume_role    = { role_arn = %[4]q, session_name = "tofu" }
  }
}
resource "terraform_data" "web" {
  input = %[5]q
}
output "web" {
  value = terraform_data.web.output
}
`, stateBucket, region, f.url, f.role, input)
	if err := os.WriteFile(filepath.Join(f.dir, "main.tf"), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// run runs OpenTofu and returns what it prints, and its exit code.
func (f *tofu) run(args ...string) (string, int) {
	f.t.Helper()
	c := exec.Command("tofu", args...)
	c.Dir = f.dir
	c.Env = append(append(environment(), f.client()...), "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1",
		"TF_CLI_CONFIG_FILE="+os.DevNull, "TF_CLI_ARGS=-no-color", "TF_DATA_DIR="+filepath.Join(f.dir, ".terraform"))
	out, err := c.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return string(out), 0
}

// exits runs OpenTofu and wants an exit code.
func (f *tofu) exits(want int, args ...string) string {
	f.t.Helper()
	out, code := f.run(args...)
	if code != want {
		f.t.Fatalf("tofu %s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, out)
	}
	return out
}

// refused runs OpenTofu and wants it to fail for a reason.
func (f *tofu) refused(why string, args ...string) {
	f.t.Helper()
	framed := strings.ReplaceAll(f.exits(1, args...), "│", " ") // it draws a line beside an error
	has(f.t, strings.Join(strings.Fields(framed), " "), why)
}

// assumable makes a role that a user or another role may assume, with a policy of its own if it is not "".
func (i *instance) assumable(name, by, policy string) {
	i.t.Helper()
	c, ctx := iam.NewFromConfig(i.sdk()), i.t.Context()
	trust := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
		"Principal": {"AWS": "arn:aws:iam::` + account + `:` + by + `"}}]}`
	must(c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust}))(i.t)
	if policy != "" {
		must(c.PutRolePolicy(ctx,
			&iam.PutRolePolicyInput{RoleName: &name, PolicyName: new("state"), PolicyDocument: &policy}))(i.t)
	}
}

// onState is a policy for the bucket and the objects of the state.
func onState(actions ...string) string {
	return `{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::` + stateBucket + `"},
		{"Effect": "Allow", "Action": ["` + strings.Join(actions, `", "`) + `"],
			"Resource": ["arn:aws:s3:::` + stateBucket + `/web/terraform.tfstate",
				"arn:aws:s3:::` + stateBucket + `/web/terraform.tfstate.tflock"]}]}`
}

// OpenTofu keeps its state in a bucket as a role that it assumes: a second plan finds nothing to change, and what is
// locked is not changed. A role without rights, or without trust in the caller, is refused.
func TestTofuStateAsARole(t *testing.T) {
	t.Parallel()
	needTofu(t)
	i := up(t)
	i.bucket(stateBucket, true)
	must(iam.NewFromConfig(i.sdk()).CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("other")}))(t)
	may := onState("s3:GetObject", "s3:PutObject", "s3:DeleteObject") // what the documentation of the backend names
	i.assumable("state", "user/administrator", may)
	i.assumable("reader", "user/administrator", onState("s3:GetObject"))
	i.assumable("powerless", "user/administrator", "")
	i.assumable("closed", "user/other", may)

	f := i.tofu("state")
	f.declare("first")
	f.exits(0, "init")
	has(t, f.exits(0, "apply", "-auto-approve"), "1 added, 0 changed, 0 destroyed", `web = "first"`)
	has(t, i.object(stateBucket, "web/terraform.tfstate"), `"outputs":{"web":{"value":"first"`)
	f.exits(0, "plan", "-detailed-exitcode")
	f.declare("second")
	f.exits(2, "plan", "-detailed-exitcode")

	const lock = `{"ID": "f7a2", "Operation": "OperationTypeApply", "Who": "somebody else"}`
	i.put(stateBucket, "web/terraform.tfstate.tflock", []byte(lock))
	has(t, f.exits(1, "apply", "-auto-approve"), "Error acquiring the state lock", "somebody else")
	f.exits(0, "force-unlock", "-force", "f7a2")
	has(t, f.exits(0, "apply", "-auto-approve"), "0 added, 1 changed, 0 destroyed", `web = "second"`)
	if keys := i.keys(stateBucket); len(keys) != 1 {
		t.Errorf("the bucket holds %v, want the state alone: the lock is gone", keys)
	}

	f = i.tofu("reader")
	f.declare("third")
	f.exits(0, "init")
	f.refused("AccessDenied: User: arn:aws:sts::"+account+":assumed-role/reader/tofu is not authorized to perform: "+
		"s3:PutObject on resource: ", "apply", "-auto-approve")
	f = i.tofu("closed")
	f.declare("first")
	f.refused("AccessDenied: User: arn:aws:iam::"+account+":user/administrator is not authorized to perform: "+
		"sts:AssumeRole on resource: "+f.role, "init")
	f = i.tofu("powerless")
	f.declare("first")
	f.refused("S3: HeadObject, https response error StatusCode: 403", "init") // an answer to HEAD cannot say more
}
