package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		if command, ok := strings.CutPrefix(line, "    "); ok &&
			(section == "Start" || strings.HasPrefix(command, "   ")) {
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
	return append(append(environment(), x.client()...),
		append([]string{"HOME=" + x.home, "PATH=" + filepath.Dir(x.program) + ":" + os.Getenv("PATH"),
			"GIT_TERMINAL_PROMPT=0",
			"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada",
			"GIT_COMMITTER_EMAIL=ada@example.com"}, more...)...)
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

// refuses runs a command that must fail, and say why.
func (x *terminal) refuses(command, why string) {
	x.t.Helper()
	c := exec.Command("bash", "-c", command)
	c.Dir, c.Env = x.dir, x.environment()
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), why) {
		x.t.Errorf("%s: %v, and says %s, want %q", command, err, out, why)
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

// hostKey is how slipway hosts create prints a host's key.
var hostKey = regexp.MustCompile(`export (AWS_ACCESS_KEY_ID=\S+) (AWS_SECRET_ACCESS_KEY=\S+)`)

// TestReadme does what README.md says, from its first command to its last one, with the example that it names.
func TestReadme(t *testing.T) {
	t.Parallel()
	i := up(t)
	x := i.terminal()
	root := folder(t)
	x.starts()
	commands := readme(t, "Your own project")
	if len(commands) != 15 {
		t.Errorf("README.md has %d commands: %s", len(commands), strings.Join(commands, "\n"))
	}
	if err := os.CopyFS(x.dir, os.DirFS("../examples/web")); err != nil {
		t.Fatal(err)
	}
	x.paste("sed -i s/123456789012/" + account + "/ *.json") // the README's server has the default account
	key := []string{"", "", ""}
	for _, command := range commands {
		command = strings.NewReplacer("127.0.0.1:8080", i.listen, "/srv/host-1", root, "123456789012", account).
			Replace(command)
		command = strings.Replace(strings.Replace(command, "AWS_ACCESS_KEY_ID=…", key[1], 1), "AWS_SECRET_ACCESS_KEY=…",
			key[2], 1)
		switch {
		case strings.HasPrefix(command, "cp -r examples/web"): // done above
			continue
		case strings.Contains(command, "slipway agent"):
			x.background("env " + command)
			continue
		}
		out := x.paste(command)
		switch {
		case command == "slipway validate":
			has(t, out, "appspec.yml: a valid appspec", "buildspec.yml: a valid buildspec",
				"pipeline.json: a valid pipeline")
		case command == "slipway run":
			has(t, out, "build.sh", "SUCCEEDED")
		case strings.Contains(command, "hosts create"):
			if key = hostKey.FindStringSubmatch(out); key == nil {
				t.Fatalf("no key in %s", out)
			}
		}
	}
	x.changes(root)
	x.releases(t)
}

// starts does what the section about the start says. The server runs already, and its address is the environment's.
func (x *terminal) starts() {
	commands := readme(x.t, "Start")
	if len(commands) != 5 || commands[0] != "make build" || commands[1] != "bin/slipway up" {
		x.t.Errorf("README.md starts with %q", commands)
	}
	for _, command := range commands[2:] {
		x.paste(strings.ReplaceAll(command, "127.0.0.1:8080", x.listen))
	}
	has(x.t, x.paste("slipway api codecommit list-repositories"), `"repositories": []`)
	for _, verb := range []string{"hosts", "groups", "projects", "s3 ls"} {
		x.paste("slipway " + verb)
	}
}

// changes takes the first change and a second one through the pipeline, as the rest of the section tells.
func (x *terminal) changes(root string) {
	t := x.t
	f := &flow{instance: x.instance, Client: codepipeline.NewFromConfig(x.sdk())}
	changed := func(n int) {
		t.Helper()
		f.token("web", "Approve", "Release", f.newest("web", n, types.PipelineExecutionStatusInProgress))
		has(t, x.paste("slipway approve"), "web/Approve/Release", "Waiting for approval", "Ada")
		has(t, x.paste("slipway approve web -m seen"), "is approved")
		f.newest("web", n, types.PipelineExecutionStatusSucceeded)
		commit := strings.TrimSpace(x.paste("git rev-parse --short=7 HEAD"))
		if got, err := os.ReadFile(filepath.Join(root, "srv/web/page.txt")); err != nil ||
			string(got) != "Hello from version "+commit+"\n" {
			t.Errorf("the host has %q %v", got, err)
		}
		has(t, x.paste("slipway hosts"), "host-1", "web/production: "+commit)
		has(t, x.paste("slipway watch"), "web/production runs "+commit)
	}
	changed(1)
	x.paste("echo '# A second change' >> build.sh && git commit -qam second && git push -q origin main")
	changed(2)
	build := strings.TrimSpace(
		x.paste("aws codebuild list-builds-for-project --project-name web-build --query 'ids[0]' --output text"))
	has(t, x.paste("slipway logs -f "+build), "build.sh")
	x.refuses("slipway rollback web/production", "say --yes")
	has(t, x.paste("slipway rollback web/production --yes"), "back to", "The first change", "by Ada")
	has(t, x.paste("aws codepipeline list-pipelines"), `"name": "web"`)
	has(t, x.paste("slipway api codecommit list-repositories"), `"web"`)
}

// releases does what the section about releases says: a load balancer, hosts of both sides, a group that does not
// collide with the first one, a policy.
func (x *terminal) releases(t *testing.T) {
	commands := readme(t, "Release step by step")
	if len(commands) != 9 {
		t.Errorf("README.md has %d commands: %s", len(commands), strings.Join(commands, "\n"))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	script := strings.ReplaceAll(strings.Join(commands, "\n"), "--port 9000", "--port "+port)
	has(t, x.paste(script), "The release policy of web/live is set.", "The host blue-1 is created.")
	has(t, x.paste("slipway policies get web/live"), `"onUncertain": "ASK"`)
	has(t, x.paste("slipway groups"), "web/live", "web/production")
}
