package server_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
)

// aws runs the aws CLI against the server.
func (w *world) aws(args ...string) []byte {
	w.t.Helper()
	c := exec.Command("aws", args...)
	c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+w.url, "AWS_ACCESS_KEY_ID="+w.admin.ID,
		"AWS_SECRET_ACCESS_KEY="+w.admin.Secret, "AWS_SESSION_TOKEN=", "AWS_DEFAULT_REGION="+region,
		"AWS_REGION="+region, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=",
		"AWS_EC2_METADATA_DISABLED=true", "HOME="+w.t.TempDir())
	var problems strings.Builder
	c.Stderr = &problems
	out, err := c.Output()
	if err != nil {
		w.t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, problems.String())
	}
	return out
}

func TestTheCLIPushesAndDeploys(t *testing.T) {
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("SKIPPED: no aws here. Install it with: apt-get install -y awscli")
	}
	w := newWorld(t)
	h := w.newHost("web1", nil)
	w.start(h)
	w.aws("deploy", "create-application", "--application-name", "shop", "--tags", "Key=team,Value=a")
	w.aws("deploy", "add-tags-to-on-premises-instances", "--instance-names", "web1", "--tags", "Key=role,Value=web")
	w.aws("deploy", "create-deployment-group", "--application-name", "shop", "--deployment-group-name", "prod",
		"--service-role-arn", "arn:aws:iam::123456789012:role/deploy",
		"--deployment-config-name", "CodeDeployDefault.AllAtOnce", "--on-premises-instance-tag-filters",
		"Key=role,Value=web,Type=KEY_AND_VALUE")
	source := t.TempDir()
	for name, content := range map[string]string{
		"appspec.yml": "version: 0.0\nos: linux\nfiles:\n  - source: index.html\n    destination: /srv/www\n" +
			"hooks:\n  AfterInstall:\n    - location: hook.sh\n",
		"index.html": "hello", "hook.sh": script("echo it runs"),
	} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.aws("deploy", "push", "--application-name", "shop", "--s3-location", "s3://bundles/shop.zip", "--source", source)
	var listed struct{ Revisions []json.RawMessage }
	if err := json.Unmarshal(w.aws("deploy", "list-application-revisions", "--application-name", "shop", "--sort-by",
		"registerTime"), &listed); err != nil || len(listed.Revisions) != 1 {
		t.Fatalf("%+v %v", listed, err)
	}
	var created struct{ DeploymentID string }
	if err := json.Unmarshal(w.aws("deploy", "create-deployment", "--application-name", "shop",
		"--deployment-group-name", "prod", "--revision", string(listed.Revisions[0])), &created); err != nil {
		t.Fatal(err)
	}
	if d := w.wait(created.DeploymentID); d.Status != types.DeploymentStatusSucceeded {
		t.Fatalf("%+v", d.ErrorInformation)
	}
	w.aws("deploy", "wait", "deployment-successful", "--deployment-id", created.DeploymentID)
	if got := read(t, h.root, "srv/www/index.html"); got != "hello" {
		t.Errorf("%q", got)
	}
	if out := w.aws("deploy", "list-deployment-targets", "--deployment-id",
		created.DeploymentID); !strings.Contains(string(out), "web1") {
		t.Errorf("%s", out)
	}
	if out := w.aws("deploy", "batch-get-deployment-targets", "--deployment-id", created.DeploymentID, "--target-ids",
		"web1"); !strings.Contains(string(out), `"lifecycleEventName": "AfterInstall"`) {
		t.Errorf("%s", out)
	}
}
