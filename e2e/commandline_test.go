package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// commandLine is the aws CLI with its modules loaded once: each command is a fork, and does what the program `aws`
// does.
type commandLine struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
	dir string
}

const forking = `
import json, os, sys
from awscli.clidriver import create_clidriver
driver = create_clidriver()
for service in ("codecommit", "codebuild", "codedeploy", "codepipeline", "logs", "sts", "iam", "elbv2"):
    driver.session.get_service_model(service)
driver.session.get_available_services()
driver.session.get_component("data_loader").load_data("endpoints")
driver.session.create_client("sts")
print("ready", flush=True)
for line in iter(sys.stdin.readline, ""):
    args, out, err = json.loads(line)
    pid = os.fork()
    if pid == 0:
        code = 255
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for fd, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), fd)
            code = driver.main(args)
        except SystemExit as e:
            code = e.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code or 0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
`

// newCommandLine starts the CLI for an instance; nil if this machine's Python does not have it.
func newCommandLine(i *instance) *commandLine {
	c := exec.Command("python3", "-c", forking)
	c.Env = append(environment(), i.client()...)
	in, inErr := c.StdinPipe()
	out, outErr := c.StdoutPipe()
	if err := errors.Join(inErr, outErr, c.Start()); err != nil {
		return nil
	}
	x := &commandLine{in: in, out: bufio.NewReader(out), dir: folder(i.t)}
	i.t.Cleanup(func() { _, _ = in.Close(), c.Wait() })
	if line, err := x.out.ReadString('\n'); err != nil || line != "ready\n" {
		return nil
	}
	return x
}

// run returns what a command printed, and as an error what it complained of.
func (x *commandLine) run(args []string) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	out, err := filepath.Join(x.dir, "out"), filepath.Join(x.dir, "err")
	request, bad := json.Marshal([]any{args, out, err})
	if bad != nil {
		return "", bad
	}
	if _, bad = x.in.Write(append(request, '\n')); bad != nil {
		return "", bad
	}
	code, bad := x.out.ReadString('\n')
	if bad != nil {
		return "", bad
	}
	printed, bad := os.ReadFile(out)
	said, bad2 := os.ReadFile(err)
	if code != "0\n" {
		bad = fmt.Errorf("exit status %s%s", code, said)
	}
	return string(printed), errors.Join(bad, bad2)
}

// command runs an aws command by its words; what has spaces in it comes after them.
func (i *instance) command(words string, more ...string) string {
	i.t.Helper()
	return strings.TrimSpace(i.aws(append(strings.Fields(words), more...)...))
}

// text is what a query makes of a command's answer.
func (i *instance) text(query, words string, more ...string) string {
	i.t.Helper()
	return i.command(words, append(more, "--query", query, "--output", "text")...)
}
