package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
)

// farMachine is a network namespace that reaches this one by a cable of its own: as far away as one machine can tell.
type farMachine struct {
	t    testing.TB
	name string
	here string // this machine's address at the cable
}

// newFarMachine makes one. The test is skipped where the kernel does not allow it.
func newFarMachine(t testing.TB) *farMachine {
	t.Helper()
	id := os.Getpid() % 250
	m := &farMachine{t: t, name: fmt.Sprintf("slipway-far-%d", os.Getpid()), here: fmt.Sprintf("10.213.%d.1", id)}
	inner, outer := fmt.Sprintf("sfar%di", id), fmt.Sprintf("sfar%do", id)
	t.Cleanup(func() {
		_ = exec.Command("ip", "link", "del", outer).Run()
		_ = exec.Command("ip", "netns", "del", m.name).Run()
	})
	for _, args := range []string{
		"netns add " + m.name,
		"link add " + outer + " type veth peer name " + inner,
		"link set " + inner + " netns " + m.name,
		"addr add " + m.here + "/24 dev " + outer,
		"link set " + outer + " up",
		fmt.Sprintf("-n %s addr add 10.213.%d.2/24 dev %s", m.name, id, inner),
		"-n " + m.name + " link set " + inner + " up",
		"-n " + m.name + " link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: a runner on another machine is NOT tested: ip %s: %v: %s. It needs root, the capability "+
				"to make network namespaces, and iproute2 (apt-get install -y iproute2)", args, err, out)
		}
	}
	return m
}

// runner starts a runner on the machine, to which the folder hidden is empty, with a key alone.
func (m *farMachine) runner(i *instance, hidden, data string) *exec.Cmd {
	m.t.Helper()
	id, key := i.key("runner")
	const script = `mount -t tmpfs none "$1" && shift && exec "$@"`
	c := exec.Command("ip", "netns", "exec", m.name, "unshare", "--mount", "sh", "-c", script, "sh", hidden,
		i.program, "runner", "--endpoint", i.url, "--region", region, "--data", data, "--name", "far", "--builds", "2",
		"--label", "far-away")
	c.Env = append(environment(), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+key)
	c.Stdout, c.Stderr = i.log.file(m.t), i.log.file(m.t)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { m.kill(c) })
	return c
}

// kill kills a runner with all that it started.
func (m *farMachine) kill(c *exec.Cmd) {
	_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
	_ = c.Wait()
}

const farSpec = `version: 0.2
phases:
  build:
    commands:
      - cat hello.txt; git rev-parse HEAD >/dev/null && echo cloned
      - echo begun; i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); [ $((i % 100)) -ne 0 ] || sleep 0.1; done
      - mkdir -p kept; echo x >>kept/n; echo "kept $(wc -l <kept/n)"
cache: {paths: [kept]}
artifacts: {files: [hello.txt], name: far.zip}
`

// farProject is of a build whose sources, log, cache and artifacts all cross the network.
func farProject(i *instance) {
	i.t.Helper()
	i.createRepository("far")
	dir := i.checkout("far")
	i.commit(dir, "first", map[string]string{"hello.txt": "hello from afar\n", "buildspec.yml": farSpec})
	i.git(dir, "push", "-q", "origin", "main")
	i.bucket("far", false)
	i.inline("far", "", func(in *codebuild.CreateProjectInput) {
		in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: new(i.url + "/v1/repos/far")}
		in.SourceVersion = new("refs/heads/main")
		in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: new("far"), Name: new("far.zip"),
			Packaging: types.ArtifactPackagingZip}
		in.Cache = &types.ProjectCache{Type: types.CacheTypeLocal,
			Modes: []types.CacheMode{types.CacheModeLocalCustomCache}}
	})
}

// wholeLog fails unless a log has its two thousand lines, each once and in order.
func wholeLog(t testing.TB, log string) {
	t.Helper()
	next := 0
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "line ") {
			continue
		}
		if want := fmt.Sprintf("line %d\n", next); line != want {
			t.Fatalf("the log has %q where %q is due", line, want)
		}
		next++
	}
	if next != 2000 {
		t.Errorf("the log has %d lines of 2000", next)
	}
}

func TestRunnerOnAnotherMachine(t *testing.T) {
	m := newFarMachine(t)
	i := prepare(t, "")
	l := must(net.Listen("tcp", m.here+":0"))(t)
	i.verb, i.listen = "server", l.Addr().String()
	i.url = "http://" + i.listen
	_ = l.Close()
	i.start()
	farProject(i)
	data := filepath.Join(folder(t), "far")
	c := m.runner(i, filepath.Dir(i.data), data)

	b := i.build(&codebuild.StartBuildInput{ProjectName: new("far")})
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s: %s", b.BuildStatus, steps(b))
	}
	log := i.printed(*b.Id)
	has(t, log, "Running on Slipway runner far", "hello from afar\ncloned\n", "kept 1\n")
	wholeLog(t, log)
	if got := entries(t, i.object("far", "far.zip")); got != "hello.txt" {
		t.Errorf("the artifact has %s", got)
	}
	has(t, must(i.slipway("api", "slipway", "ListRunners", "{}"))(t), `"far-away"`, `"sandbox"`)

	// A server that is killed in the middle gets the rest of the log when it is back, and nothing twice.
	id := *i.start1("far")
	i.says(id, "line 300")
	_ = i.process.Process.Kill()
	<-i.done
	i.start()
	b = i.ended(id)
	log = i.printed(id)
	wholeLog(t, log)
	has(t, log, "restored kept", "kept 2\n")
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("%s: %s", b.BuildStatus, steps(b))
	}

	// So does the server of a runner that is killed: what its build had printed is there, and how it ended.
	id = *i.start1("far")
	i.says(id, "line 300")
	m.kill(c)
	m.runner(i, filepath.Dir(i.data), data)
	if b = i.ended(id); b.BuildStatus != types.StatusTypeFault {
		t.Errorf("a build whose runner was killed is %s", b.BuildStatus)
	}
	log = i.printed(id)
	has(t, log, "line 299\nline 300\n", "it is not run again")
	if n := strings.Count(log, "line 300\n"); n != 1 {
		t.Errorf("a line is %d times in the log", n)
	}
	eventually(t, "the runner keeps no log that the server has", func() error {
		left, err := filepath.Glob(filepath.Join(data, "runner", "logs", "*", "*", "log"))
		if len(left) > 0 {
			err = errors.New(strings.Join(left, " "))
		}
		return err
	})
}
