package e2e

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
)

// host is an on-premises instance: its key, and its agent if it runs.
type host struct {
	name, root                   string
	AccessKeyId, SecretAccessKey string
	Arn                          string
	service                      string // where it takes requests from a load balancer
	agent                        *exec.Cmd
	ended                        chan struct{}
	log                          *output
}

// host registers an instance.
func (i *instance) host(name string, tags map[string]string) *host {
	i.t.Helper()
	h := &host{name: name, log: new(output)}
	in := must(json.Marshal(map[string]any{"name": name, "tags": tags}))(i.t)
	out, err := i.slipway("api", "slipway", "CreateHost", string(in))
	if err != nil {
		i.t.Fatalf("%v: %s", err, out)
	}
	if err := json.Unmarshal([]byte(out), h); err != nil {
		i.t.Fatal(err)
	}
	h.root = filepath.Join(folder(i.t), name)
	return h
}

// run starts the agent of a host, and ends it with the test.
func (i *instance) run(h *host) {
	i.t.Helper()
	c := exec.Command(i.program, "agent", "--endpoint", i.url, "--region", region, "--name", h.name, "--root", h.root,
		"--service", h.service)
	c.Env = append(environment(), "AWS_ACCESS_KEY_ID="+h.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+h.SecretAccessKey)
	c.Stdout, c.Stderr = h.log.file(i.t), h.log.file(i.t)
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	h.agent, h.ended = c, make(chan struct{})
	ended := h.ended
	go func() {
		_ = c.Wait()
		close(ended)
	}()
	i.t.Cleanup(func() {
		h.quit(i.t)
		if i.t.Failed() {
			i.t.Logf("the agent of %s printed:\n%s", h.name, tail(h.log.String(), 15))
		}
	})
}

func (h *host) quit(t testing.TB) {
	if h.agent == nil {
		return
	}
	_ = h.agent.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.ended:
	case <-time.After(15 * time.Second):
		t.Errorf("the agent of %s did not end within 15 s of SIGTERM", h.name)
		_ = h.agent.Process.Kill()
		<-h.ended
	}
	h.agent = nil
}

// start1 starts a build of a project as it is.
func (i *instance) start1(project string) *string {
	i.t.Helper()
	return must(codebuild.NewFromConfig(i.sdk()).StartBuild(i.t.Context(),
		&codebuild.StartBuildInput{ProjectName: &project}))(i.t).Build.Id
}
