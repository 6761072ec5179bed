package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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
