package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBundleByTheCLI goes a bundle's way with the aws CLI alone: buckets, a push to CodeDeploy, a deployment, logs.
func TestBundleByTheCLI(t *testing.T) {
	t.Parallel()
	i := up(t)
	cli(t)
	h := i.host("h", map[string]string{"service": "web"})
	i.run(h)
	dir := folder(t)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"page.txt": "one\n", "sub/more.txt": "two\n", "gone.txt": "",
		"hook.sh": "#!/bin/sh\necho \"hook of $DEPLOYMENT_ID\"\n",
		"appspec.yml": "version: 0.0\nos: linux\nfiles:\n  - source: /\n    destination: " +
			"/srv/web\nfile_exists_behavior: OVERWRITE\nhooks:\n  AfterInstall:\n    - location: hook.sh\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	i.command("s3 mb s3://bundles")
	i.command("s3 sync --only-show-errors " + dir + " s3://bundles/tree")
	i.command("s3 cp --only-show-errors " + dir + "/page.txt s3://bundles/tree/copy.txt")
	has(t, i.command("s3 ls --recursive s3://bundles/tree/"), "tree/appspec.yml", "tree/copy.txt", "tree/sub/more.txt",
		"tree/gone.txt")
	if got := i.command("s3 cp s3://bundles/tree/copy.txt -"); got != "one" {
		t.Errorf("s3 cp: %q", got)
	}
	if status, body := get(t, i.command("s3 presign s3://bundles/tree/copy.txt")); status != 200 || body != "one\n" {
		t.Errorf("presigned: %d %q", status, body)
	}
	if err := os.Remove(filepath.Join(dir, "gone.txt")); err != nil {
		t.Fatal(err)
	}
	i.command("s3 sync --delete --only-show-errors " + dir + " s3://bundles/tree")
	if out := i.command("s3 ls s3://bundles/tree/"); strings.Contains(out, "copy.txt") ||
		strings.Contains(out, "gone.txt") || !strings.Contains(out, "page.txt") {
		t.Errorf("sync --delete left\n%s", out)
	}
	i.command("s3 rm --recursive --quiet s3://bundles/tree")
	if keys := i.keys("bundles"); len(keys) > 0 {
		t.Errorf("rm left %v", keys)
	}

	i.command("deploy create-application --application-name web")
	i.command(
		"deploy create-deployment-group --application-name web --deployment-group-name production " +
			"--on-premises-instance-tag-filters Key=service,Value=web,Type=KEY_AND_VALUE --service-role-arn " + role)
	// It prints how to deploy what it pushed.
	pushed := i.command(
		"deploy push --application-name web --s3-location s3://bundles/web.zip --description first --source " + dir)
	_, words, ok := strings.Cut(pushed, "aws deploy create-deployment")
	if !ok {
		t.Fatalf("aws deploy push printed %s", pushed)
	}
	id := i.text("deploymentId",
		"deploy create-deployment"+
			strings.NewReplacer("<deployment-group-name>", "production", "<deployment-config-name>",
				"CodeDeployDefault.AllAtOnce", "<description>", "by-hand").Replace(words))
	eventually(t, "the deployment's end", func() error { // the CLI's own waiter looks every 15 seconds only
		if got := i.text("deploymentInfo.status", "deploy get-deployment --deployment-id "+id); got != "Succeeded" &&
			got != "Failed" {
			return errors.New(got)
		}
		return nil
	})
	i.command("deploy wait deployment-successful --deployment-id " + id)
	has(t, i.command("deploy get-deployment --deployment-id "+id), `"Succeeded": 1`, `"description": "by-hand"`)
	for name, want := range map[string]string{"page.txt": "one\n", "sub/more.txt": "two\n"} {
		if got, err := os.ReadFile(filepath.Join(h.root, "srv/web", name)); err != nil || string(got) != want {
			t.Errorf("%s is %q %v", name, got, err)
		}
	}
	i.command("s3 rb --force s3://bundles")
	if got := i.command("s3 ls"); got != "" {
		t.Errorf("buckets are left: %s", got)
	}
}
