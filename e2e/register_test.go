package e2e

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// TestRegisterTheAWSWay: what `aws deploy register` and `register-on-premises-instance --iam-user-arn` begin ends with
// a host that works, and `aws deploy deregister` ends its key.
func TestRegisterTheAWSWay(t *testing.T) {
	t.Parallel()
	cli(t)
	f := newFleet(t, 0, "CodeDeployDefault.AllAtOnce")
	dir := folder(t)
	in := func(args ...string) string {
		t.Helper()
		c := exec.Command("aws", args...)
		c.Dir, c.Env = dir, append(environment(), "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret,
			"AWS_ENDPOINT_URL="+f.url, "AWS_DEFAULT_REGION="+region)
		out, err := c.CombinedOutput()
		if err != nil || strings.Contains(string(out), "ERROR") {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	in("deploy", "register", "--instance-name", "op-1", "--tags", "Key=role,Value=web")
	file := filepath.Join(dir, "codedeploy.onpremises.yml")
	start := func(config string) (*exec.Cmd, chan error) {
		c := exec.Command(f.program, "agent", "--endpoint", f.url, "--config", config, "--root",
			filepath.Join(dir, "host"))
		c.Env = environment()
		log := new(output)
		c.Stdout, c.Stderr = log.file(t), log.file(t)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		t.Cleanup(func() { _ = c.Process.Kill() })
		return c, ended
	}
	agent, ended := start(file)
	if d := f.over(f.deploy(f.revision("v1", nil))); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	_ = agent.Process.Signal(os.Interrupt)
	<-ended

	in("deploy", "deregister", "--instance-name", "op-1")
	if out, err := f.awsFails("iam", "get-user", "--user-name", "op-1"); err == nil ||
		!strings.Contains(out+err.Error(), "NoSuchEntity") {
		t.Errorf("the user is there after deregister: %v %s", err, out)
	}
	_, ended = start(file)
	if err := <-ended; err == nil {
		t.Error("an agent with the key of a host that was deregistered runs")
	} else if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() == 0 {
		t.Errorf("it ended with %v", err)
	}

	arn := "arn:aws:iam::" + account + ":user/op-2"
	in("deploy", "register-on-premises-instance", "--instance-name", "op-2", "--iam-user-arn", arn)
	in("deploy", "add-tags-to-on-premises-instances", "--instance-names", "op-2", "--tags", "Key=role,Value=web")
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	if err := json.Unmarshal([]byte(in("iam", "create-access-key", "--user-name", "op-2")), &made); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "op-2.yml")
	text := "---\nregion: " + region + "\niam_user_arn: " + arn + "\naws_access_key_id: " + made.AccessKey.AccessKeyId +
		"\naws_secret_access_key: " + made.AccessKey.SecretAccessKey + "\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(config)
	r := f.revision("v2", nil)
	if d := f.over(f.deploy(r)); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%s: %+v", aws.ToString(r.S3Location.Key), d.ErrorInformation)
	}
}
