package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// readme are the commands of a section of README.md, as somebody pastes them.
func readme(t testing.TB, section string) (all []string) {
	t.Helper()
	text := string(must(os.ReadFile("../README.md"))(t))
	_, text, found := strings.Cut(text, "\n## "+section)
	if !found {
		t.Fatalf("README.md has no section %s", section)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		if command, ok := strings.CutPrefix(line, "       "); ok {
			all = append(all, strings.TrimSpace(command))
		}
	}
	return all
}

// terminal is a shell in a folder of a person who has pasted what `slipway up` printed.
type terminal struct {
	*instance
	dir  string
	home string
}

func (i *instance) terminal() *terminal {
	i.t.Helper()
	cli(i.t)
	return &terminal{i, folder(i.t), folder(i.t)}
}

func (x *terminal) environment(more ...string) []string {
	return append(append(environment(), x.client()...), append([]string{"HOME=" + x.home, "PATH=" + filepath.Dir(x.program) + ":" + os.Getenv("PATH"), "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com"}, more...)...)
}

// paste runs a command with bash and returns what it printed.
func (x *terminal) paste(command string) string {
	x.t.Helper()
	c := exec.Command("bash", "-euo", "pipefail", "-c", command)
	c.Dir, c.Env = x.dir, x.environment()
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		x.t.Fatalf("%s\n%v: %s%s", command, err, out, said.String())
	}
	return string(out)
}

func (x *terminal) write(files map[string]string) {
	x.t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(x.dir, name), []byte(content), 0o755); err != nil {
			x.t.Fatal(err)
		}
	}
}

// background runs a command until the test's end.
func (x *terminal) background(command string) {
	x.t.Helper()
	c := exec.Command("bash", "-c", "exec "+command)
	log := new(output)
	c.Dir, c.Env, c.Stdout, c.Stderr = x.dir, x.environment(), log.file(x.t), log.file(x.t)
	if err := c.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
		if x.t.Failed() {
			x.t.Logf("%s printed:\n%s", command, tail(log.String(), 20))
		}
	})
}

// TestReadme does what README.md says, command by command, from an empty folder to a deployment.
func TestReadme(t *testing.T) {
	t.Parallel()
	i := up(t)
	x := i.terminal()
	root := folder(t)
	commands := readme(t, "Your own project")
	if len(commands) != 12 {
		t.Errorf("README.md has %d commands: %s", len(commands), strings.Join(commands, "\n"))
	}
	x.write(map[string]string{
		"buildspec.yml": "version: 0.2\nenv:\n  exported-variables: [VERSION]\nphases:\n  build:\n    commands:\n      - export VERSION=7\n      - echo \"version $VERSION\" | tee page.txt\nartifacts:\n  files: ['**/*']\n",
		"appspec.yml":   "version: 0.0\nos: linux\nfiles:\n  - source: page.txt\n    destination: /srv/web\nfile_exists_behavior: OVERWRITE\n",
		"pipeline.json": strings.NewReplacer("greeter-artifacts", "web-artifacts", "greeter-build", "web", "greeter-test", "web", "greeter", "web").Replace(string(must(os.ReadFile("../examples/pipeline.json"))(t))),
	})
	has(t, x.paste("slipway validate"), "appspec.yml: a valid appspec", "buildspec.yml: a valid buildspec", "pipeline.json: a valid pipeline")
	has(t, x.paste("slipway run"), "version 7", "SUCCEEDED")
	var key struct{ AccessKeyId, SecretAccessKey string }
	for _, command := range commands {
		command = strings.ReplaceAll(strings.ReplaceAll(command, "127.0.0.1:8080", i.listen), "/srv/host-1", root)
		command = strings.Replace(strings.Replace(command, "ID=…", "ID="+key.AccessKeyId, 1), "KEY=…", "KEY="+key.SecretAccessKey, 1)
		if strings.Contains(command, "slipway agent") {
			x.background("env " + command)
			continue
		}
		out := x.paste(command)
		if strings.Contains(command, "CreateHost") {
			if err := json.Unmarshal([]byte(out), &key); err != nil || key.SecretAccessKey == "" {
				t.Fatalf("%v in %s", err, out)
			}
		}
	}
	f := &flow{instance: i, Client: codepipeline.NewFromConfig(i.sdk())}
	changed := func(n int, content string) {
		t.Helper()
		token := f.token("web", "Approve", "Release", f.newest("web", n, types.PipelineExecutionStatusInProgress))
		has(t, x.paste("aws codepipeline get-pipeline-state --name web"), token)
		x.paste("aws codepipeline put-approval-result --pipeline-name web --stage-name Approve --action-name Release --result summary=seen,status=Approved --token " + token)
		f.newest("web", n, types.PipelineExecutionStatusSucceeded)
		if got, err := os.ReadFile(filepath.Join(root, "srv/web/page.txt")); err != nil || string(got) != content {
			t.Errorf("the host has %q %v", got, err)
		}
	}
	changed(1, "version 7\n")
	// From now on a push does it all.
	x.write(map[string]string{"buildspec.yml": strings.Replace(string(must(os.ReadFile(filepath.Join(x.dir, "buildspec.yml")))(t)), "VERSION=7", "VERSION=8", 1)})
	x.paste("git commit -qam second && git push -q origin main")
	changed(2, "version 8\n")
	build := strings.TrimSpace(x.paste("aws codebuild list-builds-for-project --project-name web --query 'ids[0]' --output text"))
	has(t, x.paste("slipway logs -f "+build), "version 8")
	has(t, x.paste("slipway why "+build), "The build succeeded")
	// The beginning of README.md.
	has(t, x.paste("aws codepipeline list-pipelines"), `"name": "web"`)
	has(t, x.paste("slipway api codecommit list-repositories"), `"web"`)
}

// TestCommandLine goes a bundle's way with the aws CLI alone: buckets, a push to CodeDeploy, a deployment, logs.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	i := up(t)
	x := i.terminal()
	h := i.host("h", map[string]string{"service": "web"})
	i.run(h)
	x.paste("mkdir -p app/sub; echo one > app/page.txt; echo two > app/sub/more.txt; ln -s page.txt app/link")
	x.write(map[string]string{"app/appspec.yml": "version: 0.0\nos: linux\nfiles:\n  - source: /\n    destination: /srv/web\nfile_exists_behavior: OVERWRITE\nhooks:\n  AfterInstall:\n    - location: hook.sh\n",
		"app/hook.sh": "#!/bin/sh\necho \"hook of $DEPLOYMENT_ID\"\n"})
	x.paste("aws s3 mb s3://bundles")
	x.paste("aws s3 sync app s3://bundles/tree --only-show-errors && aws s3 cp app/page.txt s3://bundles/tree/copy.txt --only-show-errors")
	has(t, x.paste("aws s3 ls s3://bundles/tree/ --recursive"), "tree/appspec.yml", "tree/copy.txt", "tree/sub/more.txt")
	if got := x.paste("aws s3 cp s3://bundles/tree/copy.txt -"); got != "one\n" {
		t.Errorf("s3 cp: %q", got)
	}
	if status, body := get(t, strings.TrimSpace(x.paste("aws s3 presign s3://bundles/tree/copy.txt"))); status != 200 || body != "one\n" {
		t.Errorf("presigned: %d %q", status, body)
	}
	x.paste("rm app/link && aws s3 sync --delete app s3://bundles/tree --only-show-errors")
	if out := x.paste("aws s3 ls s3://bundles/tree/"); strings.Contains(out, "copy.txt") || strings.Contains(out, "link") {
		t.Errorf("sync --delete left\n%s", out)
	}
	x.paste("aws s3 rm --recursive s3://bundles/tree --quiet")
	if out := x.paste("aws s3api list-objects-v2 --bucket bundles"); strings.Contains(out, "tree") {
		t.Errorf("rm left %s", out)
	}

	x.paste("aws deploy create-application --application-name web")
	x.paste("aws deploy create-deployment-group --application-name web --deployment-group-name production --on-premises-instance-tag-filters Key=service,Value=web,Type=KEY_AND_VALUE --service-role-arn arn:aws:iam::" + account + ":role/deploy")
	// It prints how to deploy what was pushed.
	pushed := x.paste("aws deploy push --application-name web --s3-location s3://bundles/web.zip --source app --description first")
	_, command, ok := strings.Cut(pushed, "aws deploy create-deployment")
	if !ok {
		t.Fatalf("aws deploy push printed %s", pushed)
	}
	command = "aws deploy create-deployment" + strings.NewReplacer("<deployment-group-name>", "production", "<deployment-config-name>", "CodeDeployDefault.AllAtOnce", "<description>", "'by hand'").Replace(command)
	id := strings.TrimSpace(x.paste(strings.TrimSpace(command) + " --query deploymentId --output text"))
	eventually(t, "the deployment's end", func() error { // the command below looks every 15 seconds only
		out := must(codedeploy.NewFromConfig(i.sdk()).GetDeployment(t.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id}))(t).DeploymentInfo
		if out.CompleteTime == nil {
			return fmt.Errorf("it is %s", out.Status)
		}
		return nil
	})
	x.paste("aws deploy wait deployment-successful --deployment-id " + id)
	has(t, x.paste("aws deploy get-deployment --deployment-id "+id), `"status": "Succeeded"`, `"Succeeded": 1`, `"description": "by hand"`)
	for name, want := range map[string]string{"page.txt": "one\n", "sub/more.txt": "two\n"} {
		if got, err := os.ReadFile(filepath.Join(h.root, "srv/web", name)); err != nil || string(got) != want {
			t.Errorf("%s is %q %v", name, got, err)
		}
	}

	x.write(map[string]string{"source.json": `{"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {build: {commands: ['for n in 1 2 3; do echo line $n; done; echo ERROR: lost']}}\n"}`})
	x.paste(`aws codebuild create-project --name print --source file://source.json --artifacts type=NO_ARTIFACTS --environment type=LINUX_CONTAINER,image=host,computeType=BUILD_GENERAL1_SMALL --service-role arn:aws:iam::` + account + `:role/build`)
	build := strings.TrimSpace(x.paste("aws codebuild start-build --project-name print --query build.id --output text"))
	i.ended(build)
	has(t, x.paste("aws logs filter-log-events --log-group-name /aws/codebuild/print --filter-pattern '\"line \" -\"Running command\"' --query 'events[].message' --output text"), "line 1", "line 2", "line 3")
	has(t, x.paste("aws logs filter-log-events --log-group-name /aws/codebuild/print --filter-pattern ERROR"), "ERROR: lost")
	_, stream, _ := strings.Cut(build, ":")
	has(t, x.paste("aws logs get-log-events --start-from-head --log-group-name /aws/codebuild/print --log-stream-name "+stream), "line 2")
}
